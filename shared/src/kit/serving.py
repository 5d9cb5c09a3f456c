"""Running a service: HTTP at once, and beside it the loops of its one active process.

One task group holds uvicorn, the readers, the relay and the job worker: if one dies the process
exits and its supervisor starts it again. Without NATS the API and the jobs go on and the outbox
absorbs. Without PostgreSQL the loops end and begin again, while the API refuses and is not ready.
SIGTERM drains: unready, a pause (`drain_pause_s`) until nobody sends more, no new requests, those
in hand are finished, and what they announced is published.
"""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import uvicorn
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp
from typing_extensions import override

from kit import backlog, consumer, inbox, log, retention, ticker, worker
from kit.auth import system
from kit.bus import Bus, BusUnavailable
from kit.context import Connection, Context
from kit.inbox import Subscription
from kit.jobs import Import
from kit.leader import lead
from kit.limits import HEADER_BYTES
from kit.relay import Relay
from kit.replicas import Replica
from kit.ticker import Every
from kit.timers import Kind

DRAIN_S = 20
FLUSH_S = 3.0
_LOOK_S = 0.05
_RETRY_S = 1.0
_BOUND_S = 20

_log = log.get(__name__)

Background = Callable[[Context], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Loops:
    """What a service's active process does beside answering."""

    subscriptions: Sequence[Subscription]
    keeps: Sequence[Replica]
    imports: Sequence[Import]
    timers: Sequence[Kind | Every]
    background: Sequence[Background]


async def serve(app: ASGIApp, context: Context, loops: Loops) -> None:
    """Serve until SIGTERM or SIGINT, or until a loop fails."""
    settings = context.settings
    server = _Server(
        context,
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            log_config=None,  # its lines go where ours go, without rows and personal numbers
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=DRAIN_S,
            h11_max_incomplete_event_size=HEADER_BYTES,
        ),
    )
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, server.stop)
    try:
        async with asyncio.TaskGroup() as group:
            work = group.create_task(_work(context, loops, server.stop))
            await server.serve()
            await _flush(context)
            work.cancel()
    finally:
        if context.connection.bus is not None:
            await context.connection.bus.close()
        await context.db.engine.dispose()


async def _flush(context: Context) -> None:
    """Let the relay publish what the last requests announced, for a few seconds at most."""
    bus = context.connection.bus
    if bus is None or not bus.connected or not context.connection.leads:
        return
    with contextlib.suppress(TimeoutError, SQLAlchemyError, OSError):
        async with asyncio.timeout(FLUSH_S):
            while await _unpublished(context):
                context.db.bell.set()
                await asyncio.sleep(_LOOK_S)


async def _unpublished(context: Context) -> int:
    async with context.db.begin(system(context.service), "drain") as tx:
        return await backlog.waiting(tx, 1)


async def _work(context: Context, loops: Loops, stop: Callable[[], None]) -> None:
    async with asyncio.TaskGroup() as group:
        connected = group.create_task(_connect(context, stop))
        await lead(context.db, partial(_active, context, loops, connected))


async def _active(context: Context, loops: Loops, connected: asyncio.Task[Bus]) -> None:
    """Do what the one active process does; publish and read once NATS is there."""
    context.connection.leads = True
    try:
        await _loops(context, loops, connected)
    finally:
        context.connection.leads = False


async def _loops(context: Context, loops: Loops, connected: asyncio.Task[Bus]) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(worker.run(context.db, loops.imports))
        if context.settings.outbox_days is not None:
            group.create_task(retention.sweep(context.db, context.settings.outbox_days))
        group.create_task(ticker.run(context.db, loops.timers))
        for loop in loops.background:
            group.create_task(_run(loop, context))
        bus = await asyncio.shield(connected)
        group.create_task(Relay(context.db, bus).run())
        readers = inbox.readers(context.db, loops.subscriptions, loops.keeps)
        for reader in readers:
            group.create_task(consumer.consume(reader, bus))
        group.create_task(_look_for_drift(context.connection, bus, len(readers)))


async def _run(loop: Background, context: Context) -> None:
    await loop(context)


async def _look_for_drift(connection: Connection, bus: Bus, readers: int) -> None:
    """Compare the server with what is declared, once at start, when every reader is bound.

    A reader of a missing stream never is, and one that died leaves what was in its hands: not long.
    """
    for _ in range(_BOUND_S):
        if len(bus.bound) == readers:
            break
        await asyncio.sleep(1)
    connection.drift = await bus.drift()
    for sentence in connection.drift:
        _log.warning("drift", what=sentence)


async def _connect(context: Context, stop: Callable[[], None]) -> Bus:
    while True:
        try:
            bus = await Bus.connect(context.service, context.settings.nats_url, stop)
        except BusUnavailable as no:
            _log.warning("nats_unreachable", error=repr(no))
            await asyncio.sleep(_RETRY_S)
        else:
            context.connection.bus = bus
            return bus


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the task group decides when to stop."""

    def __init__(self, context: Context, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._context = context

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield

    def stop(self) -> None:
        """Be unready; after the pause take no new requests and finish those in hand."""
        self._context.connection.draining = True
        pause = self._context.settings.drain_pause_s
        if pause:
            asyncio.get_running_loop().call_later(pause, self._exit)
        else:
            self._exit()

    def _exit(self) -> None:
        self.should_exit = True
