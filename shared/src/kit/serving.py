"""Running a service: HTTP at once, and beside it the loops of its one active process.

One task group holds uvicorn, the readers, the relay and the job worker: if one dies the process
exits and its supervisor starts it again. Without NATS the API and the jobs go on and the outbox
absorbs. SIGTERM drains: no new requests, those in hand are finished.
"""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override

from kit import consumer, inbox, log, retention, worker
from kit.bus import Bus, BusUnavailable
from kit.context import Connection, Context
from kit.inbox import Subscription
from kit.jobs import Import
from kit.leader import Leader
from kit.relay import Relay
from kit.replicas import Replica

DRAIN_S = 20
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
    background: Sequence[Background]


async def serve(app: ASGIApp, context: Context, loops: Loops) -> None:
    """Serve until SIGTERM or SIGINT, or until a loop fails."""
    settings = context.settings
    server = _Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=DRAIN_S,
        )
    )
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, server.stop)
    try:
        async with asyncio.TaskGroup() as group:
            work = group.create_task(_work(context, loops, server.stop))
            await server.serve()
            work.cancel()
    finally:
        if context.connection.bus is not None:
            await context.connection.bus.close()
        await context.db.engine.dispose()


async def _work(context: Context, loops: Loops, stop: Callable[[], None]) -> None:
    leader = Leader(context.db)
    async with asyncio.TaskGroup() as group:
        group.create_task(leader.keep())
        group.create_task(_converse(context, loops, leader, stop))
        await leader.elected.wait()
        group.create_task(worker.run(context.db, loops.imports))
        if context.settings.outbox_days is not None:
            group.create_task(retention.sweep(context.db, context.settings.outbox_days))
        for loop in loops.background:
            group.create_task(_run(loop, context))


async def _run(loop: Background, context: Context) -> None:
    await loop(context)


async def _converse(
    context: Context, loops: Loops, leader: Leader, stop: Callable[[], None]
) -> None:
    """Publish and read, once NATS is there and this process is the active one."""
    bus = await _connect(context, stop)
    context.connection.bus = bus
    await leader.elected.wait()
    async with asyncio.TaskGroup() as group:
        group.create_task(Relay(context.db, bus).run())
        readers = inbox.readers(context.db, loops.subscriptions, loops.keeps)
        for reader in readers:
            group.create_task(consumer.consume(reader, bus))
        group.create_task(_look_for_drift(context.connection, bus, len(readers)))


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
            return await Bus.connect(context.service, context.settings.nats_url, stop)
        except BusUnavailable as no:
            _log.warning("nats_unreachable", error=repr(no))
            await asyncio.sleep(_RETRY_S)


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the task group decides when to stop."""

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield

    def stop(self) -> None:
        """Take no new requests and finish those in hand."""
        self.should_exit = True
