"""Events in: in the order of the stream also when a connection breaks, and past what fails."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from nats.aio.client import Client
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.envelope import Envelope
from contracts.item_registry import RegionChanged, RegionId
from credit_service.app import service
from heli.engines import Engines
from kit import bus, consumer, db, inbox, outbox, places, replicas, streams
from kit.auth import system
from kit.bus import Bus, BusUnavailable, Message, Pull
from kit.clock import new_id, real_seconds
from kit.inbox import Reader, dead_letter, on
from kit.testing import Running, Serve, covers

OWNER = "item-registry"
HEARD = [f"heli.{RegionChanged.type}.*"]


@pytest.fixture
async def run(serve: Serve) -> AsyncIterator[Running]:
    async with serve(service) as running:
        yield running


@pytest.fixture
async def reading(engines: Engines, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bus]:
    """Connect as credit-service, which waits a second for an acknowledgement."""
    monkeypatch.setattr(streams, "ACK_WAIT_S", 1)
    found = await Bus.connect(service.name, engines.nats_url(service.name), lambda: None)
    yield found
    await found.close()


def bodies(messages: list[Message]) -> list[str]:
    return [message.data.decode() for message in messages]


async def emptied(nats_admin: Client, engines: Engines) -> None:
    await nats_admin.jetstream().delete_stream(OWNER)
    await bus.ensure_streams(engines.nats_admin_url)


async def say(nats_admin: Client, *said: str) -> None:
    for one in said:
        await nats_admin.jetstream().publish(f"heli.{RegionChanged.type}.x", one.encode())


async def lost(pull: Pull) -> None:
    """Let the server deliver messages that never arrive at the reader."""
    other = await pull.subscription._js.pull_subscribe_bind(durable=service.name, stream=OWNER)
    assert len(await other.fetch(2, timeout=5)) == 2


@covers("R15.4")
async def test_what_was_lost_on_the_way_is_not_overtaken_by_later_events(
    nats_admin: Client, engines: Engines, reading: Bus
) -> None:
    await emptied(nats_admin, engines)
    pull = await reading.subscribe(OWNER, HEARD)
    await say(nats_admin, "1", "2", "3")
    assert bodies(await pull.fetch(1, 5)) == ["1"]
    await lost(pull)
    await say(nats_admin, "4")
    with pytest.raises(BusUnavailable):
        await pull.fetch(10, 5)
    await pull.close()

    pull = await reading.subscribe(OWNER, HEARD)
    found = await pull.fetch(10, 5)
    assert bodies(found) == ["1", "2", "3", "4"]
    for one in found:
        await one.done()
    await say(nats_admin, "5")
    assert bodies(await pull.fetch(10, 5)) == ["5"]


@covers("R15.4")
async def test_a_reader_waits_for_what_is_unacknowledged_whatever_its_clock_says(
    nats_admin: Client, engines: Engines, reading: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    await emptied(nats_admin, engines)
    pull = await reading.subscribe(OWNER, HEARD)
    await say(nats_admin, "1", "2")
    assert bodies(await pull.fetch(2, 5)) == ["1", "2"]
    await pull.close()
    await say(nats_admin, "3")
    monkeypatch.setattr(bus, "real_seconds", lambda: real_seconds() + 3600)
    pull = await reading.subscribe(OWNER, HEARD)
    assert bodies(await pull.fetch(10, 5)) == ["1", "2", "3"]


@dataclass(slots=True)
class Given:
    """A message that no server keeps."""

    id: str
    data: bytes
    subject: str | None = None
    run: str | None = None
    stored_at: float = 0.0

    async def still_working(self) -> None:
        """Do nothing."""

    async def done(self) -> None:
        """Do nothing."""


def given(run: Running, id_: str, *, under: str | None = None) -> Any:  # noqa: ANN401 - a Given as a Message
    fact = RegionChanged(id=RegionId(id_), parent=None, name="区")
    made = outbox.envelope_of(fact, run.db.clock.now(), system(OWNER), 1)
    made = made.model_copy(update={"source": OWNER, "id": f"event-{id_}"})
    return Given(made.id, made.model_dump_json().encode(), run=under)


def ended(run: Running, replay: str) -> Any:  # noqa: ANN401 - a Given as a Message
    made = Envelope(
        id=new_id(),
        source=OWNER,
        type=replicas.ended_type(OWNER),
        subject=f"replay/{replay}",
        time=run.db.clock.now(),
        sequence=1,
        actor=system(OWNER).id,
        correlationid=replay,
        data={"run": replay},
    )
    return Given(made.id, made.model_dump_json().encode(), run=replay)


async def held(run: Running) -> tuple[list[str], dict[str, str]]:
    """Give the regions that are known, and why which event is parked."""
    async with run.db.begin(system(service.name), "test") as tx:
        known = (await tx.execute(select(places.region.c.id).order_by("id"))).scalars().all()
        query = select(dead_letter.c.event_id, dead_letter.c.why)
        return list(known), {id_: why for id_, why in await tx.execute(query)}  # noqa: C416 - rows are typed by unpacking


async def _region(tx: AsyncConnection, event: RegionChanged, _now: datetime) -> None:
    if event.id == "slow":
        await tx.execute(text("SELECT pg_sleep(9)"))
    if event.name == "bad":
        raise LookupError(event.id)
    row = event.model_dump(mode="json") | {"version": inbox.sequence(tx)}
    await replicas.upsert(tx, places.region, "id", [row])


async def test_an_event_that_is_always_too_slow_is_parked_and_others_go_on(
    run: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "_SYSTEM_S", 2)
    reader = Reader(run.db, OWNER, {RegionChanged.type: on(RegionChanged, _region)})
    async with asyncio.timeout(60):
        await consumer.settle(reader, [given(run, "a"), given(run, "slow"), given(run, "b")])
    known, parked = await held(run)
    assert known == ["a", "b"]
    assert "statement timeout" in parked["event-slow"]


async def test_what_could_not_be_read_is_taken_once_when_it_is_queued_again(run: Running) -> None:
    reader = Reader(run.db, OWNER, {RegionChanged.type: on(RegionChanged, _region)})
    one = given(run, "a")
    await consumer.settle(reader, [one])
    async with run.db.begin(system(service.name), "test") as tx:
        row = {
            "event_id": f"{one.id}/r1",
            "envelope": one.data.decode(),
            "aggregate": "unreadable/a",
        }
        about = {"stream": OWNER, "type": "unreadable", "sequence": 0, "digest": "", "why": "x"}
        await tx.execute(dead_letter.insert().values(**row, **about, at=run.db.clock.now()))
        await tx.execute(places.region.delete())
    assert await reader.requeue("unreadable/a") == 1
    assert await held(run) == ([], {})


async def test_a_state_that_fails_while_it_is_announced_is_named_and_what_is_kept_stays(
    run: Running,
) -> None:
    reader = Reader(
        run.db, OWNER, {RegionChanged.type: on(RegionChanged, _region)}, (places.region,)
    )
    await consumer.settle(reader, [given(run, "a"), given(run, "b")])
    replay = new_id()
    bad = given(run, "b", under=replay)
    bad.data = bad.data.replace("区".encode(), b"bad")
    await consumer.settle(reader, [given(run, "a", under=replay), bad])
    await consumer.settle(reader, [ended(run, replay)])
    known, parked = await held(run)
    assert known == ["a", "b"]
    assert list(parked) == [f"event-b.{replay}"]
    with pytest.raises(LookupError):
        await reader.requeue("region/b")

    replay = new_id()
    unknown = given(run, "b", under=replay)
    unknown.data = unknown.data.replace(b"region.changed.v1", b"region.changed.v2")
    await consumer.settle(reader, [given(run, "a", under=replay), unknown, ended(run, replay)])
    assert (await held(run))[0] == ["a", "b"]

    replay = new_id()
    await consumer.settle(reader, [given(run, "a", under=replay), ended(run, replay)])
    assert (await held(run))[0] == ["a"]
