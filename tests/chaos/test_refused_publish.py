"""An event that the server refuses holds back the later ones of its aggregate, and nobody else."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import nats
import pytest
from nats.js import JetStreamContext
from sqlalchemy import select

from contracts.item_registry import RegionChanged, RegionId
from heli.engines import Engines
from item_registry.app import service
from kit import bus, outbox
from kit.auth import system
from kit.clock import new_id
from kit.testing import Running, Serve, covers, until

STREAM = "item-registry"
SMALL = 2000  # bytes that the stream takes while it refuses the longer ones


@pytest.fixture
async def streams_of_admin(engines: Engines) -> AsyncIterator[JetStreamContext]:
    await bus.ensure_streams(engines.nats_admin_url)
    admin = await nats.connect(engines.nats_admin_url)
    yield admin.jetstream()
    await admin.close()


async def announce(run: Running, region: str, name: str) -> None:
    fact = RegionChanged(id=RegionId(region), parent=None, name=name)
    async with run.db.begin(system(STREAM), "test") as tx:
        await outbox.add(tx, [fact])


async def published(run: Running) -> set[tuple[str, int]]:
    table = outbox.outbox.c
    query = select(table.aggregate, table.sequence).where(table.published_at.is_not(None))
    async with run.db.begin(system(STREAM), "test") as tx:
        return {(aggregate, sequence) for aggregate, sequence in await tx.execute(query)}


async def in_stream(streams: JetStreamContext, aggregate: str) -> list[int]:
    """Give the sequences of an aggregate's events in the order of the stream."""
    subject = outbox.subject_of(RegionChanged.type, aggregate)
    found = []
    heard = await streams.subscribe(subject, ordered_consumer=True)
    for _ in range(2):
        message = await heard.next_msg(timeout=10)
        found.append(json.loads(message.data)["sequence"])
    await heard.unsubscribe()
    return found


@covers("R15.4")
async def test_what_the_server_refuses_is_not_overtaken_and_holds_up_nobody_else(
    serve: Serve, streams_of_admin: JetStreamContext
) -> None:
    config = (await streams_of_admin.stream_info(STREAM)).config
    refused, other = f"refused-{new_id()}", f"other-{new_id()}"
    async with serve(service, with_bus=True) as run:

        async def other_is_out() -> bool:
            return (f"region/{other}", 2) in await published(run)

        async def all_are_out() -> bool:
            return len(await published(run)) == 4

        await streams_of_admin.update_stream(replace(config, max_msg_size=SMALL))
        try:
            await announce(run, refused, "长" * SMALL)
            for region in (refused, other, other):
                await announce(run, region, "短")
            await until(other_is_out)
            assert await published(run) == {(f"region/{other}", 1), (f"region/{other}", 2)}
        finally:
            await streams_of_admin.update_stream(config)
        await until(all_are_out, 30)
    assert await in_stream(streams_of_admin, f"region/{refused}") == [1, 2]
