"""Visits made elsewhere, caps and what joining saved: HTTP and files, on real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from contracts.credit_service import (
    EntityBatch,
    EntityId,
    EntityKind,
    EntityRow,
    EntityStatus,
    GradeChanged,
)
from contracts.item_registry import (
    CapPublished,
    DepartmentChanged,
    DepartmentId,
    Duty,
    DutyRole,
    ItemId,
    ItemKind,
    ItemPublished,
    Line,
    RegionChanged,
    RegionId,
    Stage,
)
from contracts.joint_inspection import TargetId, VisitKind
from contracts.roles import Role
from joint_inspection.app import service
from joint_inspection.draw.store import grades
from joint_inspection.frequency.store import Which, usage
from joint_inspection.visit.store import hold
from kit.auth import Actor, system
from kit.deadlines import shanghai_day
from kit.entities import families
from kit.testing import Running, Serve, actor, covers

OIL = ItemId("refined-oil")
PROVINCE, CITY, COUNTY = RegionId("330000"), RegionId("330100"), RegionId("330106")
COMMERCE, TAX = DepartmentId("commerce-330100"), DepartmentId("tax-330100")
CODES = ("91330000668306747T", "91330000680735173C", "91330000712562466B")
FIRMS = tuple(EntityId(f"uscc-{code}") for code in CODES)
SALE = "33010000000001"

FEED = actor("feed", COMMERCE, "330100", Role.INTEGRATOR)
LEAD = actor("chen", COMMERCE, "330100", Role.LEAD, Role.OFFICER)
TAXMAN = actor("wang", TAX, "330100", Role.LEAD, Role.OFFICER)
OUTSIDER = actor("feng", "commerce-330200", "330200", Role.LEAD, Role.OFFICER)

Json = dict[str, Any]


@pytest.fixture
async def run(serve: Serve) -> AsyncIterator[Running]:
    async with serve(service) as started:
        await world(started)
        yield started


async def world(run: Running) -> None:
    parents = {"000000": None, "330000": "000000", "330100": "330000", "330106": "330100"}
    for id_, parent in (parents | {"330102": "330100", "330200": "330000"}).items():
        up = RegionId(parent) if parent else None
        await run.hear(RegionChanged(id=RegionId(id_), parent=up, name=id_))
    for id_ in (COMMERCE, TAX):
        line = Line(id_.split("-", maxsplit=1)[0])
        await run.hear(
            DepartmentChanged(id=id_, name=f"甲市{line}", line=line, level=3, territory=(CITY,))
        )
    duties = tuple(
        Duty(
            id=f"d-{line}",
            stage=Stage.SPOT_CHECK,
            region=RegionId("000000"),
            line=Line(line),
            role=role,
            basis="《成品油流通管理办法》",
        )
        for line, role in (("commerce", DutyRole.LEAD), ("tax", DutyRole.COOPERATE))
    )
    await run.hear(
        ItemPublished(
            item=OIL,
            item_version=1,
            name="成品油流通",
            kind_=ItemKind.SHARED,
            codes14=(SALE,),
            from_=today(run) - timedelta(days=400),
            duties=duties,
        )
    )


def today(run: Running) -> date:
    return shanghai_day(run.context.clock.now())


async def cap(run: Running, line: str, per_year: int, item: ItemId | None = None) -> None:
    await run.hear(
        CapPublished(
            cap=f"cap-{line}-{item}",
            line=Line(line),
            region=PROVINCE,
            item=item,
            per_year=per_year,
            from_=today(run).replace(month=1, day=1),
            basis="国办发〔2024〕54号",
        )
    )


async def call(run: Running, caller: Actor, path: str, status: int = 200) -> Json:
    async with run.client(caller) as client:
        answer = await client.get(path)
    assert answer.status_code == status, answer.text
    found: Json = answer.json()
    return found


def station(number: int, code: str, region: str = COUNTY, **more: object) -> Json:
    named = {"id": f"station-{number:05}", "name": f"第{number}加油站（示例）", "region": region}
    return named | {"entity": code, "item": OIL, "address": f"示例路{number}号"} | more


def past(run: Running, code: str | None, *, ago: int = 0, **more: object) -> Json:
    """One row of a department's list of visits, made some days ago but still this year."""
    on = max(today(run) - timedelta(days=ago), today(run).replace(month=1, day=1))
    row = {"department": COMMERCE, "entity": code, "name": "甲站", "region": COUNTY, "item": OIL}
    return row | {"on": on.isoformat()} | more


async def targets_visited(run: Running) -> list[str]:
    rows = (await call(run, LEAD, "/visits?limit=200"))["items"]
    return sorted(one["target"] for one in rows)


@covers("R9.1")
async def test_a_past_visit_lands_on_the_target_that_its_entity_has_at_or_near_the_place(
    run: Running,
) -> None:
    await run.load(FEED, "targets", [station(1, CODES[0]), station(2, CODES[1], CITY)])
    rows = [
        past(run, CODES[0]),
        past(run, CODES[0], region=CITY, department=TAX),  # told by the city's own node
        past(run, CODES[1]),  # the target stands at a node above
        past(run, CODES[0], region="330102"),  # another county: a place that nobody listed
        past(run, CODES[2]),
    ]
    job, errors = await run.load(FEED, "visits", rows)
    assert (job["accepted"], errors) == (5, [])
    found = await targets_visited(run)
    assert found[:3] == ["station-00001", "station-00001", "station-00002"]
    assert len((await call(run, LEAD, "/targets"))["items"]) == 4
    again, _ = await run.load(FEED, "visits", rows)
    assert (again["duplicate"], again["revised"]) == (5, 0)


@covers("R9.1")
async def test_of_several_shops_of_one_entity_the_address_or_else_the_name_tells_which(
    run: Running,
) -> None:
    await run.load(FEED, "targets", [station(n, CODES[0]) for n in (1, 2, 3)])
    rows = [
        past(run, CODES[0], address="示例路 ２号"),
        past(run, CODES[0], name="第3加油站(示例)"),
        past(run, CODES[0], name="又一站", address="别处9号"),
    ]
    await run.load(FEED, "visits", rows)
    found = await targets_visited(run)
    assert found[:2] == ["station-00002", "station-00003"]
    assert found[2].startswith("t-")


async def test_nobody_writes_over_a_past_visit_that_another_department_reported(
    run: Running,
) -> None:
    other = replace(FEED, id="client-2", department="tax-330100")
    rows = [past(run, CODES[0], id="v-1"), past(run, CODES[1])]
    await run.load(FEED, "visits", rows)
    job, errors = await run.load(other, "visits", [rows[0] | {"name": "另一站"}, rows[1]])
    assert [(one["row"], one["code"]) for one in errors] == [(1, "visit-taken")]
    assert (job["accepted"], job["duplicate"], job["revised"]) == (1, 1, 0)  # one visit, told twice
    assert (await call(run, LEAD, "/visits/v-1"))["target_name"] == "甲站"


async def test_a_merge_after_a_merge_is_one_subject_with_the_newest_grade_of_all_its_ids(
    run: Running,
) -> None:
    """a and b became c, c became d; x and y became each other, which ends nowhere."""
    became = {"a": "c", "b": "c", "c": "d", "d": None, "x": "y", "y": "x", "z": None}
    rows = tuple(
        EntityRow(
            id=EntityId(id_),
            version=1,
            name=id_,
            kind=EntityKind.LEGAL_PERSON,
            status=EntityStatus.ACTIVE,
            alias_of=None if other is None else EntityId(other),
        )
        for id_, other in became.items()
    )
    await run.hear(EntityBatch(batch="b-merges", rows=rows))
    for day, id_, word in ((1, "b", "C"), (2, "a", "B"), (1, "z", "A")):
        await run.hear(
            GradeChanged(
                id=f"oil_{id_}",
                entity=EntityId(id_),
                system="oil",
                system_version=1,
                grade=word,
                points=80,
                valid_from=date(2026, 1, day),
            )
        )
    asked = [EntityId(one) for one in ("a", "d", "x", "z", "unknown")]
    async with run.db.begin(system("joint-inspection"), "test") as tx:
        found = await families(tx, asked)
        words = await grades(tx, frozenset(asked), "oil")
    one = frozenset("abcd")
    assert [found[id_] for id_ in asked] == [one, one, {"x", "y"}, {"z"}, {"unknown"}]
    assert words == {"a": "B", "d": "B", "z": "A"}


async def test_a_row_of_an_unknown_region_is_refused_and_says_what_is_right(run: Running) -> None:
    _, errors = await run.load(
        FEED, "targets", [station(1, CODES[0]), station(2, CODES[1], "33010x")]
    )
    job, others = await run.load(FEED, "visits", [past(run, CODES[0], region="99")])
    for fault, row in ((errors[0], 2), (others[0], 1)):
        assert (fault["row"], fault["column"]) == (row, "region")
        assert fault["code"] == "target-region-unknown"
        assert (fault["got"], fault["expected"]) in {
            ("33010x", "GET /api/v1/regions"),
            ("99", "GET /api/v1/regions"),
        }
    assert job["rejected"] == 1
    async with run.client(LEAD) as client:
        no = await client.post("/targets", json=station(3, CODES[2], "33010x"))
    assert (no.status_code, no.json()["code"]) == (422, "target-region-unknown")


@covers("R9.6")
async def test_usage_says_who_is_at_or_over_a_cap_and_by_which_visits(run: Running) -> None:
    await cap(run, "commerce", 2)
    await cap(run, "tax", 1, OIL)
    await run.load(FEED, "targets", [station(n, code) for n, code in enumerate(CODES)])
    rows = [past(run, CODES[0], ago=n, id=f"c0-{n}") for n in range(3)]
    rows += [past(run, CODES[1], ago=n, id=f"c1-{n}") for n in range(2)]
    rows += [past(run, CODES[0], department=TAX, id="t0")]
    rows += [past(run, CODES[2], ago=n, id=f"c2-{n}", kind="clue") for n in range(4)]
    await run.load(FEED, "visits", rows)
    found = (await call(run, LEAD, "/visits:usage"))["items"]
    seen = [(one["entity"], one["department"], one["visits"], one["cap"]) for one in found]
    assert sorted(seen) == sorted(
        [(FIRMS[0], COMMERCE, 3, 2), (FIRMS[0], TAX, 1, 1), (FIRMS[1], COMMERCE, 2, 2)]
    )
    (over,) = (await call(run, LEAD, "/visits:usage?over=true"))["items"]
    assert (over["entity"], over["line"], over["over"]) == (FIRMS[0], "commerce", True)
    assert over["visit_ids"] == ["c0-0", "c0-1", "c0-2"]
    assert over["department_name"] == "甲市commerce"
    tax = (await call(run, LEAD, f"/visits:usage?line=tax&used_up=true&region={CITY}"))["items"]
    assert [(one["department"], one["visit_ids"], one["over"]) for one in tax] == [
        (TAX, ["t0"], False)
    ]
    assert (await call(run, LEAD, "/visits:usage?region=330200"))["items"] == []
    assert (await call(run, OUTSIDER, "/visits:usage"))["items"] == []
    last_year = today(run).year - 1
    assert (await call(run, LEAD, f"/visits:usage?year={last_year}"))["items"] == []


@covers("R9.6")
async def test_usage_counts_an_entity_under_all_its_ids(run: Running) -> None:
    await cap(run, "commerce", 1)
    rows = [past(run, CODES[0]), past(run, "913300006683067471", ago=1, region=CITY)]
    job, _ = await run.load(FEED, "visits", rows)
    assert job["provisional"] == 1
    found = (await call(run, LEAD, "/visits:usage"))["items"]
    wrong = next(one["entity"] for one in found if one["entity"] != FIRMS[0])
    same = EntityRow(
        id=EntityId(wrong),
        version=2,
        name=None,
        kind=EntityKind.LEGAL_PERSON,
        status=EntityStatus.ACTIVE,
        alias_of=FIRMS[0],
    )
    await run.hear(EntityBatch(batch="b-2", rows=(same,)))
    (one,) = (await call(run, LEAD, "/visits:usage?over=true"))["items"]
    assert (one["entity"], one["visits"], one["cap"]) == (FIRMS[0], 2, 1)
    (again,) = (await call(run, LEAD, f"/visits:usage?entity={wrong}"))["items"]
    assert again == one
    for id_ in (wrong, FIRMS[0]):
        assert len((await call(run, LEAD, f"/visits?subject={id_}"))["items"]) == 2
        assert len((await call(run, LEAD, f"/targets?entity={id_}"))["items"]) == 2


@covers("R9.6")
async def test_two_plans_made_at_once_for_one_entity_share_its_cap(run: Running) -> None:
    await cap(run, "commerce", 1)
    here = {"region": COUNTY, "entity": CODES[0], "item": OIL}
    ids = ["t-1", "t-2"]
    await run.load(
        FEED, "targets", [here | {"id": id_, "name": id_, "address": id_} for id_ in ids]
    )
    plan = {
        "item": OIL,
        "duties": [{"department": COMMERCE, "codes14": [SALE]}],
        "from": (today(run) + timedelta(days=1)).isoformat(),
        "to": (today(run) + timedelta(days=20)).isoformat(),
    }
    async with run.client(LEAD) as client:
        sent = [client.post("/visits", json=plan | {"target": id_}) for id_ in ids]
        answers = await asyncio.gather(*sent)
    assert sorted(one.status_code for one in answers) == [201, 409]


async def test_a_large_draw_holds_its_places_with_few_locks(run: Running) -> None:
    many = [TargetId(f"t-{n}") for n in range(50_000)]
    async with run.db.begin(system("joint-inspection"), "test") as tx:
        await hold(tx, many, [FIRMS[0], None])
        count = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
        assert 0 < (await tx.execute(text(count))).scalar_one() < 2_000


@covers("R18.3")
async def test_the_summary_counts_visits_against_separate_inspections(run: Running) -> None:
    rows = [past(run, code, ago=n) for code in CODES[:2] for n in (0, 1)]
    await run.load(FEED, "visits", rows)
    year = today(run).year
    path = f"/visits:summary?from={year}-01-01&to={year}-12-31"
    found = await call(run, LEAD, path)
    distinct = len({(row["entity"], row["on"]) for row in rows})
    assert (found["visits"], found["made"], found["separate_visits"]) == (distinct,) * 3
    (kind,) = found["kinds"]
    assert (kind["kind"], kind["elsewhere"]) == ("daily", True)
    assert (await call(run, OUTSIDER, path))["visits"] == 0


@pytest.mark.parametrize("many", [40_000])
@covers("R9.6")
async def test_usage_of_a_line_and_of_an_entity_is_read_from_an_index(
    run: Running, many: int
) -> None:
    year = today(run).year
    async with run.db.engine.begin() as tx:
        await tx.execute(text("SET heli.keys = '{*@000000}'"))
        await tx.execute(
            text(
                "INSERT INTO visit_attended SELECT 'v-' || n, 'd-' || n % 60, 'daily',"
                " 'uscc-' || n % 9000, '330106', 'refined-oil', :year - n % 3,"
                " ARRAY['*@000000', '*@330000', 'commerce@330100'] FROM generate_series(1, :many) n"
            ),
            {"year": year, "many": many},
        )
        await tx.execute(text("ANALYZE visit_attended"))
        outside = frozenset({VisitKind.CLUE})
        asked = (
            Which(year, outside, departments=[DepartmentId("d-7")], region=PROVINCE),
            Which(year, outside, subjects=[EntityId("uscc-77")]),
        )
        for which in asked:
            query = usage(which, [(DepartmentId("d-7"), COUNTY, OIL, 2)], over=True)
            sql = query.compile(dialect=tx.dialect, compile_kwargs={"literal_binds": True})
            rows = await tx.execute(text(f"EXPLAIN {sql}".replace(":", "\\:")))
            plan = "\n".join(str(row[0]) for row in rows)
            assert "visit_attended_" in plan, plan
            assert "Seq Scan on visit_attended" not in plan, plan
