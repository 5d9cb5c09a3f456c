"""The reading side of `heli bench events`, a process of its own: it tells what it committed.

`python -m heli.bench.reader DATA`, on the data folder of running servers.

It hears entities as risk-monitor does, with the same code, into that service's tables. One line of
JSON for each batch once it is committed: when, the CPU seconds so far, and the events' aggregates.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import override

from contracts.services import CREDIT_SERVICE, RISK_MONITOR
from heli.databases import Database as Place
from heli.engines import Engines
from kit import consumer, entities, inbox
from kit.arrivals import Arrived
from kit.bus import Bus
from kit.clock import Clock, real_seconds
from kit.db import Database
from kit.inbox import Reader

OWNER = CREDIT_SERVICE
READER = RISK_MONITOR


@dataclass(frozen=True, slots=True)
class Telling(Reader):
    """A reader that says when its effects are committed."""

    @override
    async def take(self, arrived: Sequence[Arrived]) -> None:
        await Reader.take(self, arrived)
        told = {
            "at": real_seconds(),
            "cpu": time.process_time(),
            "keys": [one.key for one in arrived],
        }
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


async def read(folder: Path) -> None:
    """Read until standard input ends: a reader never outlives the bench that started it."""
    async with asyncio.TaskGroup() as group:
        reading = group.create_task(_read(folder))
        loop = asyncio.get_running_loop()
        loop.add_reader(sys.stdin, reading.cancel)


async def _read(folder: Path) -> None:
    engines = Engines(folder)
    place = Place(READER, engines)
    database = Database.connect(READER.name, place.url(place.app), clock=Clock())
    bus = await Bus.connect(READER.name, engines.nats_url(READER.name), lambda: sys.exit(1))
    (found,) = inbox.readers(database, entities.SUBSCRIPTIONS)
    await consumer.consume(Telling(found.database, found.stream, found.handlers), bus)


if __name__ == "__main__":
    asyncio.run(read(Path(sys.argv[1])))
