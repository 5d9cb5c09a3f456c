"""One event in a hundred cannot be handled: it parks its aggregate, the others do not notice.

`HELI_POISON_PAIRS` (0; the nightly run: 3) compares that many runs with poison to as many clean
ones, `HELI_POISON_RATE` events a second (300) for 30 seconds each: p99 from publishing to the
effect's commit, of sound events, may be a fifth higher in the median of the pairs.
"""

import asyncio
import os
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.credit_service import EntityBatch, EntityRow
from contracts.envelope import Envelope
from contracts.roles import Role
from heli.engines import Engines
from item_registry.app import service
from kit import bus, entities, inbox, outbox
from kit.arrivals import Arrived
from kit.auth import system
from kit.clock import elapsed_s
from kit.inbox import Handler, Reader, on
from kit.testing import Running, Serve, actor, covers, until

OWNER = "credit-service"
ADMIN = actor("admin", None, "000000", Role.ADMIN)
_ENV = os.environ  # noqa: TID251 - parameters of the nightly run
PAIRS = int(_ENV.get("HELI_POISON_PAIRS", "0"))
RATE = int(_ENV.get("HELI_POISON_RATE", "300"))
EVENTS, LONG_S = 600, 30
TICK_S = 0.02
ONE_IN = 100

Row = tuple[str, str | None, int]


@dataclass
class Handling:
    """The reader's handler, broken for some until it is mended; and when each event was done."""

    really: Handler[EntityBatch]
    broken: bool = True
    sent: dict[str, float] = field(default_factory=dict)
    done: dict[str, float] = field(default_factory=dict)

    async def hear(self, tx: AsyncConnection, event: EntityBatch, now: datetime) -> None:
        if self.broken and any(_poisoned(row.id) for row in event.rows):
            msg = "what it needs is not there"
            raise LookupError(msg)
        await self.really(tx, event, now)

    def p99_ms(self, sound: set[str]) -> float:
        waits = [self.done[id_] - self.sent[id_] for id_ in sound]
        return statistics.quantiles(waits, n=100)[-1] * 1000


@pytest.fixture
def handling(monkeypatch: pytest.MonkeyPatch) -> Handling:
    """Put the handler in place of the one that every service has for entities."""
    (own,) = entities.SUBSCRIPTIONS
    made = Handling(own.handler)
    together = Reader._together

    async def noted(reader: Reader, arrived: list[Arrived]) -> None:
        await together(reader, arrived)
        made.done |= dict.fromkeys((one.id for one in arrived), elapsed_s())

    monkeypatch.setattr(entities, "SUBSCRIPTIONS", (on(EntityBatch, made.hear),))
    monkeypatch.setattr(Reader, "_together", noted)
    return made


def _poisoned(id_: str) -> bool:
    return int(id_.rpartition("-")[2]) % ONE_IN == ONE_IN // 2


def announced(run: Running, count: int) -> list[Envelope]:
    """Make events of as many aggregates, and a second event of the first in every ten."""
    made = []
    for number in range(count):
        for sequence in (1, 2) if number % 10 == 0 else (1,):
            id_ = f"poison-{number}"
            row = EntityRow(
                id=id_, version=sequence, name="示例", kind="legal_person", status="active"
            )
            fact = EntityBatch(batch=id_, rows=(row,))
            made.append(outbox.envelope_of(fact, run.db.clock.now(), system(OWNER), sequence))
    return made


async def publish(owner: bus.Bus, handling: Handling, events: list[Envelope], rate: int) -> None:
    """Publish at a rate, 0 being as fast as it goes."""
    step = int(rate * TICK_S) or 200
    begin = elapsed_s()
    for tick, first in enumerate(range(0, len(events), step)):
        if rate:
            await asyncio.sleep(begin + tick * TICK_S - elapsed_s())
        some = events[first : first + step]
        handling.sent |= dict.fromkeys((one.id for one in some), elapsed_s())
        window = [
            bus.Outgoing(
                one.id, outbox.subject_of(one.type, one.subject), one.model_dump_json().encode()
            )
            for one in some
        ]
        assert (await owner.publish(OWNER, window)).stored == {one.id for one in some}


async def stored(run: Running) -> list[Row]:
    known = entities.entity.c
    query = select(known.id, known.name, known.version).where(known.id.startswith("poison-"))
    async with run.db.begin(system(run.service.name), "test") as tx:
        return sorted(tuple(row) for row in await tx.execute(query))


async def dead(run: Running) -> dict[str, str]:
    query = select(inbox.dead_letter.c.event_id, inbox.dead_letter.c.aggregate)
    async with run.db.begin(system(run.service.name), "test") as tx:
        return dict(tuple(row) for row in await tx.execute(query))


async def settled(run: Running, handling: Handling, events: list[Envelope]) -> None:
    """Wait until each event was handled or parked."""

    async def all_there() -> bool:
        waiting = {one.id: one for one in events if one.id not in handling.done}
        if not all(_poisoned(one.data["batch"]) for one in waiting.values()):
            return False
        return waiting.keys() <= (await dead(run)).keys()

    await until(all_there, 120)


@covers("R15.4")
async def test_poison_is_parked_the_others_go_on_and_requeued_it_leaves_no_trace(
    serve: Serve, engines: Engines, handling: Handling
) -> None:
    async with serve(service, with_bus=True) as run:
        owner = await bus.Bus.connect(OWNER, engines.nats_url(OWNER), lambda: None)
        events = announced(run, EVENTS)
        await publish(owner, handling, events, 0)
        await settled(run, handling, events)
        parked = {one.id for one in events if _poisoned(one.data["batch"])}
        assert (await dead(run)).keys() == parked
        assert len(await stored(run)) == EVENTS - EVENTS // ONE_IN
        handling.broken = False
        async with run.client(ADMIN) as client:
            while waiting := await dead(run):
                answer = await client.post(f"/operations/dead-letters/{min(waiting)}:requeue")
                assert answer.status_code == 200, answer.text
        await owner.close()
        clean = [(f"poison-{n}", "示例", 2 if n % 10 == 0 else 1) for n in range(EVENTS)]
        assert await stored(run) == sorted(clean)


@pytest.mark.skipif(not PAIRS, reason="a matter of minutes: HELI_POISON_PAIRS=3")
async def test_poison_leaves_the_others_as_quick_as_they_are_without(
    serve: Serve, engines: Engines, handling: Handling, measured: Callable[[str], None]
) -> None:
    ratios = []
    for _ in range(PAIRS):
        p99 = {}
        for broken in (False, True):
            handling.broken = broken
            async with serve(service, with_bus=True) as run:
                owner = await bus.Bus.connect(OWNER, engines.nats_url(OWNER), lambda: None)
                events = announced(run, RATE * LONG_S)
                await publish(owner, handling, events, RATE)
                await settled(run, handling, events)
                await owner.close()
            sound = {one.id for one in events if not _poisoned(one.data["batch"])}
            p99[broken] = handling.p99_ms(sound)
        ratios.append(p99[True] / p99[False])
        measured(f"p99 at {RATE}/s: clean {p99[False]:.0f} ms, 1 % poison {p99[True]:.0f} ms")
    assert statistics.median(ratios) <= 1.2
