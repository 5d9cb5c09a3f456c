"""Events as no owner would send them: each is refused or parked with its reason; others go on."""

import contextlib

import nats
import pytest
from nats.aio.client import Client
from sqlalchemy import select

from contracts.envelope import Envelope
from contracts.item_registry import RegionChanged, RegionId
from contracts.services import EVENT_BYTES
from credit_service.app import service
from heli.engines import Engines
from kit import bus, outbox
from kit.auth import system
from kit.clock import new_id
from kit.inbox import dead_letter
from kit.places import region
from kit.testing import ByHand, Running, Serve, covers

TYPE = RegionChanged.type


def envelope(run: Running, id_: str, sequence: int = 1, **changed: object) -> Envelope:
    fact = RegionChanged(id=RegionId(id_), parent=None, name="区")
    now = run.db.clock.now()
    made = outbox.envelope_of(fact, now, system("item-registry"), sequence)
    return made.model_copy(update={"source": "item-registry"} | changed)


async def parked(run: Running) -> dict[str, str]:
    async with run.db.begin(system(run.service.name), "test") as tx:
        query = select(dead_letter.c.event_id, dead_letter.c.why)
        return {id_: why for id_, why in await tx.execute(query)}  # noqa: C416 - rows are typed by unpacking


@covers("R15.4")
async def test_each_bad_event_is_parked_with_its_reason_and_holds_nothing_back(
    serve: Serve, nats_admin: Client, engines: Engines
) -> None:
    streams = nats_admin.jetstream()
    with contextlib.suppress(nats.js.errors.NotFoundError):
        await streams.delete_stream("item-registry")  # with what other tests said there
    await bus.ensure_streams(engines.nats_admin_url)
    async with serve(service) as run:
        mark = new_id()
        v2 = "item-registry.region.changed.v2"
        unknown = envelope(run, mark, type=v2)
        stranger = envelope(run, mark, source="clue-dispatch", type="clue-dispatch.clue.closed.v1")
        elsewhere = envelope(run, mark, type="item-registry.department.changed.v1")
        small = envelope(run, mark)
        room = EVENT_BYTES + 1 - len(small.model_dump_json().encode())
        large = small.model_copy(update={"actor": small.actor + "x" * room})
        here = f"heli.{TYPE}.{mark}"
        bad = {
            "v2": (f"heli.{v2}.{mark}", unknown, f"unknown type {v2}"),
            "stranger": (here, stranger, "source clue-dispatch on item-registry"),
            "elsewhere": (here, elsewhere, f"{elsewhere.type} on {here}"),
            "large": (here, large, f"{EVENT_BYTES + 1} bytes, {EVENT_BYTES} at most"),
        }
        for name, (subject, one, _) in bad.items():
            headers = {"Nats-Msg-Id": f"{name}-{mark}"}
            await streams.publish(subject, one.model_dump_json().encode(), headers=headers)
        utf8 = {"Nats-Msg-Id": f"utf8-{mark}"}
        await streams.publish(here, b"\xc0\xaf{", headers=utf8)
        good = envelope(run, mark)
        await streams.publish(here, good.model_dump_json().encode())

        found = await bus.Bus.connect(service.name, run.servers.nats_url, lambda: None)
        await ByHand(run, found).read("item-registry")
        await found.close()
        async with run.db.begin(system(service.name), "test") as tx:
            assert (await tx.execute(select(region.c.id))).scalars().all() == [mark]
        why = await parked(run)
        assert bad["v2"][2] in why[unknown.id]
        for name in ("stranger", "elsewhere", "large"):
            assert bad[name][2] in why[f"{name}-{mark}"]
        assert "unreadable" in why[f"utf8-{mark}"]


async def test_what_is_larger_than_any_event_is_refused_by_the_server(
    nats_admin: Client, engines: Engines
) -> None:
    info = await nats_admin.jetstream().stream_info("item-registry")
    assert info.config.max_msg_size == EVENT_BYTES + 1024
    prefix = b"_INBOX.item-registry"
    client = await nats.connect(engines.nats_url("item-registry"), inbox_prefix=prefix)
    with pytest.raises(nats.js.errors.APIError, match="message size exceeds maximum allowed"):
        await client.jetstream().publish(f"heli.{TYPE}.x", b"x" * (EVENT_BYTES + 1025))
    with pytest.raises(nats.errors.MaxPayloadError):
        await client.publish(f"heli.{TYPE}.x", b"x" * (client.max_payload + 1))
    await client.close()
