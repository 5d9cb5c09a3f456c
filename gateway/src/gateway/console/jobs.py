"""Listening to all streams for the start page: types and minutes, nothing else."""

import asyncio
from typing import Final

from contracts.services import SERVICES
from gateway.console.store import MINUTES, Pulse
from kit.bus import Bus, BusUnavailable
from kit.context import Context
from kit.log import get

_BATCH: Final = 1000
_WAIT_S: Final = 30.0
_RETRY_S: Final = 2.0

_log = get(__name__)


async def overhear(context: Context) -> None:
    """Count what is announced on every stream, for as long as the process lives."""
    pulse: Pulse = context.extras.pulse
    bus = await _connected(context)
    async with asyncio.TaskGroup() as group:
        for service in SERVICES:
            group.create_task(_stream(bus, service.name, pulse))


async def _connected(context: Context) -> Bus:
    while True:
        if context.connection.bus is not None:
            return context.connection.bus
        await asyncio.sleep(_RETRY_S)


async def _stream(bus: Bus, stream: str, pulse: Pulse) -> None:
    """Count one stream, from some minutes ago; after an interruption once more from there."""
    while True:
        try:
            pull = await bus.overhear(stream, MINUTES * 60)
            pulse.forget(stream)
            pulse.heard.add(stream)
            while True:
                for message in await pull.fetch(_BATCH, _WAIT_S):
                    pulse.count(message.type, message.stored_at)
        except BusUnavailable as no:
            _log.warning("pulse_waits", stream=stream, error=repr(no))
            pulse.heard.discard(stream)
            await asyncio.sleep(_RETRY_S)
