"""Events again: what a reader or a stream lost comes back from the outboxes, and nothing else."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import nats
import psycopg
import pytest
from nats.aio.client import Client

from contracts.credit_service import EntityBatch, EntityId, EntityKind, EntityRow, EntityStatus
from contracts.item_registry import (
    CalendarChanged,
    CalendarDay,
    DepartmentChanged,
    DepartmentId,
    ItemId,
    ItemKind,
    ItemPublished,
    Line,
    RegionChanged,
    RegionId,
    ResponsibilityChanged,
)
from contracts.joint_inspection import Category, Disposal, ResultRecorded
from contracts.roles import Role
from contracts.says import Fact
from contracts.services import STREAMS
from credit_service.app import service as credit_service
from heli.engines import Engines
from item_registry.app import service as item_registry
from joint_inspection.app import service as joint_inspection
from kit import bus, checks, outbox, retention
from kit.auth import system
from kit.bus import Bus
from kit.testing import ByHand, Serve, actor, covers

ADMIN = actor("admin", None, "000000", Role.ADMIN)
ROOT, CITY = RegionId("000000"), RegionId("330100")
FIRM = EntityId("uscc-91000000100000374K")
# Chosen by the reader when it takes an event: ids of rows made of facts, and when it took it.
OWN = {"at", "recorded_at", "acted_on", "id", "record", "seq"}


def registry() -> list[Fact]:
    """What item-registry announces, with two versions of one region."""
    region = RegionChanged(id=CITY, parent=ROOT, name="市")
    return [
        RegionChanged(id=ROOT, parent=None, name="全国"),
        region,
        region.model_copy(update={"name": "市（更名）"}),
        DepartmentChanged(
            id=DepartmentId("market-330100"),
            name="市场监管局",
            line=Line("market"),
            level=3,
            territory=(CITY,),
        ),
        ItemPublished.model_validate(
            {
                "item": "refined-oil",
                "item_version": 1,
                "name": "成品油",
                "kind": ItemKind.SHARED,
                "codes14": ["33010000000001"],
                "from": date(2026, 1, 1),
                "duties": [],
            }
        ),
        ResponsibilityChanged(
            id="refined-oil_330100", item=ItemId("refined-oil"), region=CITY, duties=()
        ),
        CalendarChanged(
            calendar="c1", region=CITY, days=(CalendarDay(date=date(2026, 5, 6), working=False),)
        ),
    ]


def results(day: date, count: int = 40) -> list[Fact]:
    return [
        ResultRecorded(
            result=f"result-{n}",
            visit="visit-1",
            department=DepartmentId("market-330100"),
            code14="33010000000001",
            item=ItemId("refined-oil"),
            subject=FIRM,
            region=CITY,
            categories=(Category.NO_PROBLEM,),
            disposal=Disposal.NONE,
            inspected_on=day,
        )
        for n in range(count)
    ]


async def announce(part: "Part", facts: Sequence[Fact]) -> None:
    async with part.run.db.begin(system(part.run.service.name), "test") as tx:
        await outbox.add(tx, facts)


def differences(
    before: dict[str, list[str]], after: dict[str, list[str]]
) -> dict[str, tuple[list[str], list[str]]]:
    """Name each table that differs, with a row or two that are only before, and only after."""
    found = {}
    for table, rows in before.items():
        if rows != after[table]:
            lost, new = set(rows) - set(after[table]), set(after[table]) - set(rows)
            found[table] = (sorted(lost)[:2], sorted(new)[:2])
    return found


@dataclass(frozen=True, slots=True)
class Part(ByHand):
    """A service moved by hand, which can be asked for a replay."""

    async def replay(self) -> dict[str, Any]:
        """Ask for a replay and carry it out."""
        async with self.run.client(ADMIN) as client:
            asked = await client.post("/operations/replays", json={})
            again = await client.post("/operations/replays", json={})
            assert (asked.status_code, asked.json()) == (202, again.json())
            await self.send()
            told: dict[str, Any] = (
                await client.get(f"/operations/replays/{asked.json()['run']}")
            ).json()
        assert (told["ended_at"] is not None, told["failed"]) == (True, None)
        return told


@dataclass(frozen=True, slots=True)
class House:
    """Two owners, and credit-service, which reads them."""

    registry: Part
    inspection: Part
    credit: Part
    admin: Client
    superuser: str  # who sees every row of the reader's database

    async def settle(self) -> None:
        """Let everything arrive at credit-service."""
        for owner in (self.registry, self.inspection):
            await owner.send()
        await self.credit.read("item-registry", "joint-inspection")
        await self.credit.run.no_dead_letters()

    def dump(self, *, whole: bool = True) -> dict[str, list[str]]:
        """Give every table of the reader as sorted rows; not whole: without what it chose itself.

        Of what it keeps of others only the run and the moment of handling are its own.
        """
        found = {}
        with psycopg.connect(self.superuser) as connection:
            query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            for (table,) in connection.execute(query).fetchall():
                if table in {"known_run", "alembic_version"}:
                    continue
                rows = connection.execute(f"SELECT to_jsonb(t) FROM {table} AS t").fetchall()
                of_others = table == "inbox" or table.startswith("known_")
                chosen = {"handled_at"} if of_others else OWN
                dropped = {"run"} if whole else {"run"} | chosen
                kept = ({k: v for k, v in row.items() if k not in dropped} for (row,) in rows)
                found[table] = sorted(json.dumps(row, sort_keys=True) for row in kept)
        return found

    def sql(self, *statements: str) -> None:
        """Alter the reader's tables behind its back."""
        with psycopg.connect(self.superuser, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def one(self, query: str) -> tuple[object, ...] | None:
        """Read one row of the reader's."""
        with psycopg.connect(self.superuser) as connection:
            return connection.execute(query).fetchone()


@pytest.fixture
async def house(serve: Serve, engines: Engines) -> AsyncIterator[House]:
    admin = await nats.connect(engines.nats_admin_url)
    await bus.ensure_streams(engines.nats_admin_url)
    for stream in STREAMS:  # what other tests said there is no concern of this one
        await admin.jetstream().delete_stream(stream.name)
    await bus.ensure_streams(engines.nats_admin_url)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(admin.close)
        parts = []
        for service in (item_registry, joint_inspection, credit_service):
            run = await stack.enter_async_context(serve(service))
            found = await Bus.connect(service.name, run.servers.nats_url, lambda: None)
            stack.push_async_callback(found.close)
            parts.append(Part(run, found))
        name = parts[2].run.owner_url.rpartition("/")[2]
        superuser = f"{engines.admin_dsn.rpartition('/')[0]}/{name}"
        made = House(parts[0], parts[1], parts[2], admin, superuser)
        await announce(parts[0], registry())
        await announce(parts[1], results(parts[1].run.db.clock.now().date()))
        await made.settle()
        yield made


@covers("R15.4")
async def test_a_lost_stream_and_emptied_tables_come_back_row_for_row_and_nothing_twice(
    house: House, engines: Engines
) -> None:
    whole, content = house.dump(), house.dump(whole=False)
    assert len(whole["credit_record"]) == 40
    assert len(whole["known_region"]) == 2

    for owner, events in ((house.registry, 7), (house.inspection, 40)):
        assert (await owner.replay())["events"] == events
    await house.settle()
    assert not differences(whole, house.dump()), "a reader that has everything changes in nothing"

    for lost in ("item-registry", "joint-inspection"):
        await house.admin.jetstream().delete_stream(lost)
    house.sql(f"TRUNCATE {', '.join(whole)}")
    await bus.ensure_streams(engines.nats_admin_url)
    for owner in (house.registry, house.inspection):
        await owner.replay()
    await house.settle()

    again = house.dump(whole=False)
    assert len(again["credit_record"]) == 40
    # An audit row names the record that was made, and a record made anew has an id of its own.
    assert len(again.pop("audit")) == len(content.pop("audit"))
    assert not differences(content, again)


async def test_a_run_mends_what_a_reader_lost_altered_made_up_or_is_ahead_in(house: House) -> None:
    before = house.dump()
    house.sql(
        "DELETE FROM known_item",  # lost, though the inbox says that it was handled
        "UPDATE known_department SET name = 'x'",
        "UPDATE known_region SET version = 99, name = 'x' WHERE id = '330100'",
        "INSERT INTO known_region VALUES ('made-up', NULL, 'x', '[]', 1)",
    )
    assert set(differences(before, house.dump())) == {
        "known_item",
        "known_department",
        "known_region",
    }
    told = await house.registry.replay()
    assert (told["events"], told["states"]) == (7, 6)
    await house.settle()
    assert not differences(before, house.dump())


def row(n: int, version: int, *, gone: bool = False) -> EntityRow:
    return EntityRow(
        id=EntityId(f"prov-{n:016x}"),
        version=version,
        name=f"{n} v{version}",
        kind=EntityKind.PROVISIONAL,
        status=EntityStatus.ACTIVE,
        gone=gone,
    )


async def test_a_batch_is_announced_as_its_rows_are_now(house: House) -> None:
    old = EntityBatch(batch="b1", rows=tuple(row(n, 1) for n in range(300)))
    new = EntityBatch(batch="b2", rows=(row(7, 2), row(8, 2, gone=True)))
    await announce(house.credit, [old, new])

    async def heard() -> list[Any]:
        await house.credit.send()
        await house.inspection.read("credit-service")
        with psycopg.connect(house.inspection.run.owner_url) as connection:
            query = "SELECT id, version, name FROM known_entity ORDER BY id"
            return connection.execute(query).fetchall()

    whole = await heard()
    assert len(whole) == 299
    assert whole[7] == (row(7, 2).id, 2, "7 v2")
    with psycopg.connect(house.inspection.run.owner_url) as connection:
        connection.execute("DELETE FROM known_entity WHERE id > 'prov-0000000000000010'")
        connection.execute("UPDATE known_entity SET name = 'x', version = 9")
    told = await house.credit.replay()
    assert (told["events"], told["states"]) == (2, 300)
    assert await heard() == whole


async def test_what_is_gone_stays_gone_when_its_older_state_comes_late(house: House) -> None:
    here = RegionChanged(id=RegionId("r-gone"), parent=ROOT, name="撤")
    await house.credit.run.hear(here, sequence=1)
    assert house.one("SELECT count(*) FROM known_region WHERE id = 'r-gone'") == (1,)
    await house.credit.run.hear(here.model_copy(update={"gone": True}), sequence=3)
    await house.credit.run.hear(here, sequence=2)
    assert house.one("SELECT count(*) FROM known_region WHERE id = 'r-gone'") == (0,)
    await house.credit.run.hear(here, sequence=4)
    assert house.one("SELECT version FROM known_region WHERE id = 'r-gone'") == (4,)


async def test_an_owner_says_a_thing_is_gone_and_both_sides_compare_equal(house: House) -> None:
    gone = RegionChanged(id=CITY, parent=ROOT, name="市", gone=True)
    await announce(house.registry, [gone])
    await house.settle()
    async with house.registry.run.client(ADMIN) as client:
        asked = {"type": RegionChanged.type, "field": ["id", "name"]}
        said = (await client.get("/operations/published", params=asked)).json()
    assert said["count"] == 1
    assert house.one("SELECT count(*) FROM known_region") == (1,)


async def test_what_is_old_may_go_but_the_last_state_of_everything_stays(house: House) -> None:
    assert await retention.sweep_once(house.registry.run.db, 31) == 0
    with psycopg.connect(house.registry.run.owner_url, autocommit=True) as connection:
        change = "UPDATE outbox SET published_at = published_at - %(old)s, at = at - %(old)s"
        connection.execute(change, {"old": timedelta(days=40)})
    # The region's first name; every other event is the last state of its aggregate.
    assert await retention.sweep_once(house.registry.run.db, 31) == 1
    async with house.registry.run.db.begin(system("item-registry"), "test") as tx:
        assert not (await checks.outbox_whole(tx)).ok
        assert (await checks.outbox_whole(tx, swept=True)).ok
    house.sql("TRUNCATE known_region, known_item")
    told = await house.registry.replay()
    assert (told["events"], told["states"]) == (0, 6)
    await house.settle()
    assert house.one("SELECT name FROM known_region WHERE id = '330100'") == ("市（更名）",)
