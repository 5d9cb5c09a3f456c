"""Events out, when the server refuses or was altered: order, fairness, size, drift."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import psycopg
import pytest
from nats.aio.client import Client
from nats.js.api import ConsumerConfig, StreamConfig
from sqlalchemy import func, select, text

from contracts.credit_service import EntityBatch, EntityId, EntityKind, EntityRow, EntityStatus
from contracts.item_registry import RegionChanged, RegionId
from contracts.roles import Role
from contracts.services import EVENT_BYTES
from heli.engines import Engines
from item_registry.app import service
from kit import bus, db, outbox, places, retention, states
from kit import replay as again
from kit.auth import system
from kit.bus import Bus, Outgoing
from kit.clock import id_floor, new_id, real_seconds
from kit.relay import Relay
from kit.testing import Running, Serve, actor, covers, until

ADMIN = actor("admin", None, "000000", Role.ADMIN)
STREAM = "item-registry"


@pytest.fixture
async def run(serve: Serve) -> AsyncIterator[Running]:
    async with serve(service) as running:
        yield running


@pytest.fixture
async def relay(run: Running, nats_admin: Client) -> AsyncIterator[Relay]:
    assert nats_admin.is_connected
    found = await Bus.connect(STREAM, run.servers.nats_url, lambda: None)
    yield Relay(run.db, found)
    await found.close()


async def announce(run: Running, *regions: str) -> None:
    async with run.db.begin(system(STREAM), "test") as tx:
        facts = [RegionChanged(id=RegionId(one), parent=None, name=one) for one in regions]
        await outbox.add(tx, facts)


async def waiting(run: Running) -> list[tuple[str, int]]:
    async with run.db.begin(system(STREAM), "test") as tx:
        c = outbox.outbox.c
        query = select(c.aggregate, c.sequence).where(c.published_at.is_(None)).order_by(c.id)
        return [(aggregate, sequence) for aggregate, sequence in await tx.execute(query)]


async def refuse_second_events(nats_admin: Client) -> None:
    """Let the stream take one event of an aggregate and refuse the next."""
    streams = nats_admin.jetstream()
    config = (await streams.stream_info(STREAM)).config
    once = {"max_msgs_per_subject": 1, "discard_new_per_subject": True}
    await streams.update_stream(StreamConfig(**(config.__dict__ | once)))


async def stored(nats_admin: Client, id_: str) -> list[int]:
    """Give the sequences of a region's events in the order of the stream."""
    streams = nats_admin.jetstream()
    subject = f"heli.{RegionChanged.type}.{id_}"
    pull = await streams.pull_subscribe(subject, stream=STREAM, config=ConsumerConfig())
    found: list[int] = []
    try:
        while True:
            found += [json.loads(one.data)["sequence"] for one in await pull.fetch(100, timeout=1)]
    except TimeoutError:
        return found


@covers("R15.4")
async def test_a_refused_event_is_not_overtaken_and_others_go_on(
    run: Running, nats_admin: Client, relay: Relay, engines: Engines
) -> None:
    mark = new_id()
    one, other = f"a-{mark}", f"b-{mark}"
    await refuse_second_events(nats_admin)
    await announce(run, one, one, one, other, one)
    sent = [await relay.publish_window() for _ in range(4)]
    assert sum(sent) == 2, "the first of each; the second of one is refused, the rest wait"
    assert await waiting(run) == [(f"region/{one}", n) for n in (2, 3, 4)]

    await bus.ensure_streams(engines.nats_admin_url)

    async def all_sent() -> bool:
        await relay.publish_window()
        return not await waiting(run)

    await until(all_sent)
    assert await stored(nats_admin, one) == [1, 2, 3, 4]


async def test_what_is_refused_for_ever_starves_nobody(
    run: Running, nats_admin: Client, relay: Relay
) -> None:
    mark = new_id()
    await refuse_second_events(nats_admin)
    await announce(run, *[f"p-{mark}"] * 400, *[f"q-{mark}-{n}" for n in range(300) for _ in "ab"])
    await announce(run, f"late-{mark}")

    async def late_is_sent() -> bool:
        await relay.publish_window()
        return (f"region/late-{mark}", 1) not in await waiting(run)

    await until(late_is_sent)
    assert len(relay.held) > 1
    assert len(await waiting(run)) == 399 + 300


async def test_an_aggregate_with_many_events_leaves_room_in_the_window(
    run: Running, relay: Relay
) -> None:
    mark = new_id()
    await announce(run, *[f"many-{mark}"] * 300, *[f"few-{mark}-{n}" for n in range(20)])
    assert await relay.publish_window() == 21
    assert len(await waiting(run)) == 299


async def test_an_event_over_256_kib_is_refused_where_it_is_made(run: Running) -> None:
    def batch(id_: str, name: str) -> EntityBatch:
        row = EntityRow(
            id=EntityId("uscc-91000000100000374K"),
            version=1,
            name=name,
            kind=EntityKind.LEGAL_PERSON,
            status=EntityStatus.ACTIVE,
        )
        return EntityBatch(batch=id_, rows=(row,))

    about = replace(run.db, service="credit-service")
    empty = outbox.envelope_of(batch("b1", ""), about.clock.now(), system(STREAM), 1)
    room = EVENT_BYTES - len(empty.model_copy(update={"traceparent": None}).model_dump_json())

    async def say(id_: str, size: int) -> None:
        async with run.db.begin(system(STREAM), "test") as tx:
            place = {"id": f"r{size}", "name": "x", "divisions": [], "version": 1}
            await tx.execute(places.region.insert().values(**place))
            await outbox.add(tx, [batch(id_, "x" * size)])

    await say("b1", room)
    with pytest.raises(outbox.EventTooLarge) as no:
        await say("b2", room + 1)
    got = EVENT_BYTES + 1
    assert no.value.facts == {"event": EntityBatch.type, "limit": EVENT_BYTES, "got": got}
    async with run.db.begin(system(STREAM), "test") as tx:
        kept = (await tx.execute(select(places.region.c.id))).scalars().all()
        count = await tx.execute(select(func.count()).select_from(outbox.outbox))
    assert (kept, count.scalar_one()) == ([f"r{room}"], 1)


async def test_the_largest_event_passes_the_stream_and_a_larger_one_does_not(
    nats_admin: Client, relay: Relay
) -> None:
    assert nats_admin.is_connected

    def message(size: int) -> Outgoing:
        subject = f"heli.{RegionChanged.type}.{new_id()}"
        return Outgoing(f"{new_id()}/{new_id()}/state", subject, b"x" * size, new_id())

    largest, larger = message(EVENT_BYTES), message(EVENT_BYTES + 1024)
    sent = await relay.bus.publish(STREAM, [largest, larger])
    assert sent.stored == {largest.id}
    assert larger.id in sent.refused


async def test_a_stream_or_a_durable_that_was_altered_is_named(
    nats_admin: Client, relay: Relay, engines: Engines
) -> None:
    streams, owner = nats_admin.jetstream(), "credit-service"
    await relay.bus.subscribe(owner, ["heli.credit-service.entity.batch.*.*"])
    assert await relay.bus.drift() == []

    config = (await streams.stream_info(STREAM)).config
    await streams.update_stream(StreamConfig(**(config.__dict__ | {"max_age": 86_400})))
    durable = (await streams.consumer_info(owner, STREAM)).config
    altered = durable.__dict__ | {
        "max_ack_pending": 1,
        "filter_subjects": ["heli.credit-service.>"],
    }
    await streams.add_consumer(owner, config=ConsumerConfig(**altered))
    name = "consumer item-registry of stream credit-service"
    heard = "['heli.credit-service.entity.batch.*.*']"
    assert sorted(await relay.bus.drift()) == [
        f"{name}: hears ['heli.credit-service.>'], declared {heard}",
        f"{name}: max_ack_pending is 1, declared 2000",
        "stream item-registry: max_age is 86400.0, declared 2592000",
    ]

    await streams.delete_stream(owner)
    said = await relay.bus.drift()
    assert "stream credit-service is missing; `migrate` or `heli up` makes it" in said

    await bus.ensure_streams(engines.nats_admin_url)
    await relay.bus.subscribe(owner, ["heli.credit-service.entity.batch.*.*"])
    assert await relay.bus.drift() == []


# A replay that was asked for ------------------------------------------------------------------


async def ask(run: Running) -> str:
    async with run.db.begin(system(STREAM), "test") as tx:
        return (await again.ask(tx)).run


async def carried_out(run: Running, relay: Relay) -> again.ReplayView:
    """Ask for a replay and let the relay go on until nothing is left to send."""
    asked = await ask(run)
    relay.look_at = 0.0
    while await relay.step():
        relay.look_at = 0.0
    async with run.db.begin(system(STREAM), "test") as tx:
        found = await again.get(tx, asked)
    assert found is not None
    assert found.ended_at is not None
    return found


async def test_a_replay_that_cannot_go_on_ends_as_failed_and_live_events_are_sent(
    run: Running, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = new_id()
    await announce(run, f"a-{mark}")
    await relay.publish_window()
    with psycopg.connect(run.owner_url, autocommit=True) as owner:
        owner.execute("UPDATE outbox SET envelope = '{}', at = at - interval '40 days'")
    await announce(run, f"b-{mark}")
    told = await carried_out(run, relay)
    assert "validation errors for Envelope" in (told.failed or "")
    assert await waiting(run) == []

    monkeypatch.setattr(states, "_TYPES", text("SELECT pg_sleep(9), ''"))
    monkeypatch.setattr(db, "_SYSTEM_S", 2)
    await announce(run, f"c-{mark}")
    told = await carried_out(run, relay)
    assert "statement timeout" in (told.failed or "")
    assert await waiting(run) == []


async def test_a_replay_larger_than_the_room_in_the_stream_sends_nothing_and_says_so(
    run: Running, nats_admin: Client, relay: Relay
) -> None:
    mark = new_id()
    await announce(run, *[f"{n}-{mark}" for n in range(40)])
    await relay.publish_window()
    streams = nats_admin.jetstream()
    info = await streams.stream_info(STREAM)
    full = {"max_bytes": info.state.bytes + 4_000}
    await streams.update_stream(StreamConfig(**(info.config.__dict__ | full)))
    await announce(run, f"live-{mark}")
    told = await carried_out(run, relay)
    assert "has room for 4000" in (told.failed or "")
    assert (told.events, told.states) == (0, 0)
    assert await waiting(run) == []


async def test_a_replay_begins_at_the_last_event_before_its_thirty_days(
    run: Running, relay: Relay
) -> None:
    mark = new_id()
    await announce(run, f"a-{mark}", f"b-{mark}", f"c-{mark}")
    await relay.publish_window()
    with psycopg.connect(run.owner_url, autocommit=True) as owner:
        for n, days in ((1, 50), (2, 40)):
            old = f"{id_floor(real_seconds() - days * 86_400)}-7000-8000-{n:012x}"
            values = {"id": old, "n": n, "days": days}
            owner.execute(
                "UPDATE outbox SET event_id = %(id)s, at = at - %(days)s * interval '1 day'"
                " WHERE id = %(n)s",
                values,
            )
    asked = await ask(run)
    async with run.db.begin(system(STREAM), "test") as tx:
        query = select(again.replay.c.after).where(again.replay.c.run == asked)
        assert (await tx.execute(query)).scalar_one() == 2
    told = await carried_out(run, relay)
    assert (told.run, told.events, told.states) == (asked, 1, 3)


async def test_of_an_aggregate_the_last_state_of_every_type_is_announced_and_kept(
    run: Running, relay: Relay
) -> None:
    mark = new_id()
    await announce(run, mark, mark)
    other = "item-registry.place.changed.v1"
    with psycopg.connect(run.owner_url, autocommit=True) as owner:
        owner.execute("UPDATE outbox SET type = %s WHERE sequence = 1", [other])
    await relay.publish_window()
    await relay.publish_window()
    with psycopg.connect(run.owner_url, autocommit=True) as owner:
        owner.execute("UPDATE outbox SET published_at = published_at - interval '40 days'")
    assert await retention.sweep_once(run.db, 31) == 0
    assert (await carried_out(run, relay)).states == 2
