"""The loop that reads a stream: fetch, handle the batch, acknowledge; pause while it cannot."""

import asyncio
from collections.abc import Sequence

from kit import failpoints, meters
from kit.bus import Bus, BusUnavailable, Message, Pull
from kit.clock import real_seconds
from kit.failures import is_outage, is_slow
from kit.inbox import Reader
from kit.log import get

BATCH = 200
WAIT_S = 5.0
_PAUSES_S = (0.2, 0.5, 1.0, 2.0, 5.0)
_SLOW = 3  # so often a batch may be too slow before each of its events is tried alone

_log = get(__name__)


async def consume(reader: Reader, bus: Bus) -> None:
    """Read one stream for as long as the process lives."""
    while True:
        try:
            pull = await bus.subscribe(reader.stream, reader.subjects)
            try:
                await _read(reader, pull)
            finally:
                await pull.close()
        except BusUnavailable as no:
            _log.warning("reader_waits", stream=reader.stream, error=repr(no))
            await asyncio.sleep(_PAUSES_S[1])


async def _read(reader: Reader, pull: Pull) -> None:
    while True:
        messages = await pull.fetch(BATCH, WAIT_S)
        if messages:
            await settle(reader, messages)
        else:
            await pull.stands()


async def settle(reader: Reader, messages: Sequence[Message]) -> None:
    """Handle what was fetched and acknowledge it; an outage of the database is waited out.

    A statement that is too slow is one a few times; then it is the failure of its event.
    """
    arrived = [
        reader.read(message.id, message.data, message.subject, message.run) for message in messages
    ]
    attempt = slow = 0
    while True:
        try:
            await (reader.take(arrived) if slow < _SLOW else reader.take_each(arrived))
            break
        except Exception as no:
            if not is_outage(no):
                raise
            _log.warning("reader_pauses", stream=reader.stream, error=repr(no))
            await asyncio.sleep(_PAUSES_S[min(attempt, len(_PAUSES_S) - 1)])
            attempt += 1
            slow += is_slow(no)
            for message in messages:
                await message.still_working()
    failpoints.reach("reader-after-commit-before-ack")
    for message in messages:
        await message.done()
    meters.HANDLED.labels(reader.stream).inc(len(messages))
    meters.LAG.labels(reader.stream).set(real_seconds() - messages[-1].stored_at)
