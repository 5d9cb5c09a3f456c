"""`heli bench events`: from commit to effect in another service, the relay's and a reader's rate.

The owner's side (outbox and relay) runs here, the reader's in a process of its own; both with the
services' code, on PostgreSQL and nats-server as `heli up` starts them (`sync_interval: always`).
"""

import asyncio
import contextlib
import itertools
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import func, select

from contracts.credit_service import EntityBatch, EntityId, EntityKind, EntityRow, EntityStatus
from heli.bench import running
from heli.bench.reader import OWNER
from heli.bench.report import ROUNDS, Goal, Report, begun, percentile, rounded, spread
from heli.databases import Database as Place
from heli.databases import migrate_all, provision
from heli.engines import Engines
from kit import outbox
from kit.auth import system
from kit.bus import Bus, Outgoing, ensure_streams
from kit.clock import Clock, elapsed_s, new_id, real_seconds
from kit.db import Database
from kit.relay import WINDOW, Relay

RATE: Final = 300  # events a second
MIDDLE: Final = Goal(0.150, "s, p50")
LATE: Final = Goal(1.0, "s, p99")
DRAIN: Final = Goal(0.5, "times bare windowed publishing", least=True)
ROWS: Final = Goal(20_000, "rows/s", least=True)
_AT_ONCE: Final = 500  # rows of a batch event, and events of one transaction
_ROWS_FOR_EACH: Final = 2  # rows replicated for each event drained
_WAIT_S: Final = 120.0
_LOOK_S: Final = 0.01
_WRITERS: Final = 12


@dataclass(slots=True)
class Heard:
    """What the reader's process told: when the effect of each aggregate's event was committed."""

    process: asyncio.subprocess.Process
    at: dict[str, float] = field(default_factory=dict)
    cpu: float = 0.0

    async def follow(self) -> None:
        """Take in its lines until it ends."""
        if self.process.stdout is None:
            return
        async for line in self.process.stdout:
            told = json.loads(line)
            self.cpu = told["cpu"]
            self.at |= dict.fromkeys(told["keys"], told["at"])

    async def all_of(self, keys: Sequence[str]) -> float:
        """Wait until all are heard; gives when the last was. Refuses BenchBroken."""
        until = elapsed_s() + _WAIT_S
        while not all(key in self.at for key in keys):
            if elapsed_s() > until or self.process.returncode is not None:
                raise running.BenchBroken(part="reader", reason=f"{len(keys)} events not heard")
            await asyncio.sleep(_LOOK_S)
        return max(self.at[key] for key in keys)


@dataclass(slots=True)
class Owner:
    """The owner's side: its database and its connection to NATS."""

    database: Database
    bus: Bus
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def batch(self, rows: int) -> EntityBatch:
        """Make an event of its own aggregate with so many new entities."""
        made = tuple(
            EntityRow(
                id=EntityId(f"e{next(self.numbers):017d}"),
                version=1,
                name="示例企业（示例）",
                kind=next(iter(EntityKind)),
                status=EntityStatus.ACTIVE,
            )
            for _ in range(rows)
        )
        return EntityBatch(batch=new_id(), rows=made)

    async def announce(self, facts: Sequence[EntityBatch]) -> float:
        """Write events in one transaction; gives when it was committed."""
        async with self.database.begin(system(OWNER.name), "bench") as tx:
            await outbox.add(tx, facts)
        return real_seconds()

    async def fill(self, events: int, rows: int) -> list[EntityBatch]:
        """Write events that nobody publishes yet."""
        facts = [self.batch(rows) for _ in range(events)]
        at_once = max(_AT_ONCE // rows, 1)
        for start in range(0, events, at_once):
            await self.announce(facts[start : start + at_once])
        return facts

    async def drain(self) -> tuple[float, float]:
        """Let the relay publish all that waits; gives seconds, and CPU seconds of this process."""
        cpu, began = time.process_time(), elapsed_s()
        async with self.relaying():
            while await self._waiting():  # noqa: ASYNC110 - it waits for the database's rows
                await asyncio.sleep(_LOOK_S)
        return elapsed_s() - began, time.process_time() - cpu

    @contextlib.asynccontextmanager
    async def relaying(self) -> AsyncIterator[None]:
        """Run the relay inside the block."""
        async with asyncio.TaskGroup() as group:
            relay = group.create_task(Relay(self.database, self.bus).run())
            yield
            relay.cancel()

    async def _waiting(self) -> bool:
        async with self.database.begin(system(OWNER.name), "bench") as tx:
            unpublished = outbox.outbox.c.published_at.is_(None)
            first = select(outbox.outbox.c.id).where(unpublished).limit(1)
            return (await tx.execute(first)).one_or_none() is not None

    async def bare(self, count: int) -> tuple[float, float]:
        """Publish as many of the newest events once more, and do nothing else; gives as `drain`."""
        async with self.database.begin(system(OWNER.name), "bench") as tx:
            newest = select(
                outbox.outbox.c.type, outbox.outbox.c.aggregate, outbox.outbox.c.envelope
            )
            rows = (await tx.execute(newest.order_by(outbox.outbox.c.id.desc()).limit(count))).all()
        window = [
            Outgoing(new_id(), outbox.subject_of(type_, aggregate), text.encode())
            for type_, aggregate, text in rows
        ]
        cpu, began = time.process_time(), elapsed_s()
        for start in range(0, count, WINDOW):
            await self.bus.publish(OWNER.name, window[start : start + WINDOW])
        return elapsed_s() - began, time.process_time() - cpu

    async def size(self) -> int:
        """Count the events of the outbox."""
        async with self.database.begin(system(OWNER.name), "bench") as tx:
            return int(
                (await tx.execute(select(func.count()).select_from(outbox.outbox))).scalar_one()
            )


def measure(*, size: int, quick: bool) -> Report:
    """Measure on servers of its own; `size` events are drained at most at once."""
    report = begun("events")
    with running.folder() as place, Engines(place) as engines:
        provision(engines)
        migrate_all(engines)
        asyncio.run(_measure(report, engines, place, (size, quick)))
    return report


async def _measure(report: Report, engines: Engines, place: Path, asked: tuple[int, bool]) -> None:
    size, quick = (100, True) if asked[1] else asked
    await ensure_streams(engines.nats_admin_url)
    at = Place(OWNER, engines)
    database = Database.connect(OWNER.name, at.url(at.app), clock=Clock())
    owner = Owner(database, await Bus.connect(OWNER.name, engines.nats_url(OWNER.name), _closed))
    try:
        async with _reading(place) as heard:
            await _latency(report, owner, heard, seconds=0.5 if quick else 15.0)
            await _replicated(report, owner, heard, rows=_ROWS_FOR_EACH * size, quick=quick)
        await _drained(report, owner, size, rounds=1 if quick else ROUNDS)
        report.figures["events_in_the_outbox"] = await owner.size()
    finally:
        await owner.bus.close()
        await database.engine.dispose()


def _closed() -> None:
    """Do nothing: the bench ends with its connection."""


@contextlib.asynccontextmanager
async def _reading(place: Path) -> AsyncIterator[Heard]:
    command = [sys.executable, "-m", "heli.bench.reader", str(place)]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    heard = Heard(process)
    try:
        async with asyncio.TaskGroup() as group:
            following = group.create_task(heard.follow())
            yield heard
            following.cancel()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _latency(report: Report, owner: Owner, heard: Heard, *, seconds: float) -> None:
    """Commit one event at a time at a steady rate, whether or not the ones before are heard."""
    facts = [owner.batch(1) for _ in range(int(RATE * seconds))]
    committed: dict[str, float] = {}
    async with owner.relaying():
        first = owner.batch(1)  # the reader has begun when it heard this
        await owner.announce([first])
        await heard.all_of([first.about()])
        began = elapsed_s()
        waiting = iter(enumerate(facts))

        async def write() -> None:
            for at, fact in waiting:
                await asyncio.sleep(max(began + at / RATE - elapsed_s(), 0))
                committed[fact.about()] = await owner.announce([fact])

        async with asyncio.TaskGroup() as group:
            for _ in range(_WRITERS):
                group.create_task(write())
        took = elapsed_s() - began
        await heard.all_of(list(committed))
    late = [heard.at[key] - at for key, at in committed.items()]
    middle, last = statistics.median(late), percentile(late, 0.99)
    rate = len(facts) / took
    report.figures["latency"] = {
        "asked_per_s": RATE,
        "reached_per_s": rounded(rate),
        "events": len(facts),
        "p50_s": rounded(middle),
        "p99_s": rounded(last),
        "max_s": rounded(max(late)),
    }
    report.hold("events: commit to effect", middle, MIDDLE)
    report.hold("events: commit to effect, late ones", last, LATE)
    report.hold("events: rate offered meanwhile", rate, Goal(0.98 * RATE, "events/s", least=True))


async def _replicated(
    report: Report, owner: Owner, heard: Heard, *, rows: int, quick: bool
) -> None:
    """Let the reader take batch events of 500 rows: from the relay's start to the last commit."""
    rates: list[float] = []
    costs: dict[int, list[float]] = {}
    for _ in range(1 if quick else ROUNDS):
        for count in (rows // 4, rows // 2, rows):
            events = max(count // _AT_ONCE, 1)
            facts = await owner.fill(events, _AT_ONCE)
            cpu, began = heard.cpu, real_seconds()
            async with owner.relaying():
                last = await heard.all_of([fact.about() for fact in facts])
            made = events * _AT_ONCE
            costs.setdefault(made, []).append((heard.cpu - cpu) / made)
            if count == rows:
                rates.append(made / (last - began))
    report.figures["replicated_rows_per_s"] = spread(rates)
    report.hold("events: rows replicated from batch events", statistics.median(rates), ROWS)
    report.grown("events: replicate", [(n, statistics.median(all_)) for n, all_ in costs.items()])


async def _drained(report: Report, owner: Owner, size: int, *, rounds: int) -> None:
    """Drain, then publish the same bare, in turn; at N/4, N/2 and N for growth."""
    costs: dict[int, list[float]] = {}
    relay: list[float] = []
    bare: list[float] = []
    for _ in range(rounds):
        for count in (size // 4, size // 2, size):
            await owner.fill(count, 1)
            seconds, cpu = await owner.drain()
            costs.setdefault(count, []).append(cpu / count)
            if count == size:
                relay.append(size / seconds)
        alone, _ = await owner.bare(size)
        bare.append(size / alone)
    ratios = [ours / limit for ours, limit in zip(relay, bare, strict=True)]
    report.figures["relay_events_per_s"] = spread(relay)
    report.limits["bare_windowed_publish_per_s"] = spread(bare)
    report.ratios["relay_to_bare_publish"] = rounded(statistics.median(ratios))
    report.hold("events: drain", statistics.median(ratios), DRAIN)
    report.grown("events: drain", [(n, statistics.median(all_)) for n, all_ in costs.items()])
