"""credit-service at its boundary: HTTP, files and events, on real PostgreSQL."""

import asyncio
import tomllib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from contracts import clue_dispatch, joint_inspection, risk_monitor
from contracts.clue_dispatch import PenaltyDecided, PenaltyKind, Tier
from contracts.credit_service import EntityBatch, EntityId, GradeChanged, RecordId, RecordKind
from contracts.item_registry import (
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
from contracts.joint_inspection import Category, Disposal, ResultRecorded
from contracts.roles import Role
from contracts.says import Fact
from credit_service.app import service
from credit_service.grade import store as grades
from credit_service.grade import timers
from credit_service.record import store as records
from credit_service.record.domain import from_result
from kit.acts import by_event
from kit.auth import Actor, system
from kit.clock import Clock
from kit.codes import provisional_id
from kit.db import Database
from kit.deadlines import shanghai_day
from kit.testing import Running, actor, covers, until

Serve = Callable[..., AbstractAsyncContextManager[Running]]

ADMIN = actor("bootstrap", None, "000000", Role.ADMIN)
LOADER = actor("loader", "market-330100", "330100", Role.INTEGRATOR)
LEAD = actor("chen", "commerce-330100", "330100", Role.LEAD)
OFFICER = actor("wang", "market-330100", "330100", Role.OFFICER)
TAX = actor("li", "tax-330100", "330100", Role.OFFICER)
OUTSIDER = actor("zhao", "commerce-330200", "330200", Role.LEAD)

CODE = "91110108MA0000015T"
FIRM = EntityId(f"uscc-{CODE}")
OTHER = "91330106MA0000023E"
SOLE = "92440300MA5E00041Q"
CODE14 = "03102270000001"
REGION = RegionId("330100")
ENTERPRISES = Path("../shared/data/enterprises.csv")
DIRECTORY = ENTERPRISES.read_bytes() if ENTERPRISES.exists() else None
SYSTEM = tomllib.loads(
    files("credit_service").joinpath("indicator_system/refined-oil.toml").read_text("utf-8")
)


@pytest.fixture
async def run(serve: Serve) -> AsyncIterator[Running]:
    async with serve(service) as started:
        yield started


def today(run: Running) -> date:
    return shanghai_day(run.context.clock.now())


async def world(run: Running) -> None:
    duties = tuple(
        Duty(
            id=f"oil-{line}",
            stage=Stage.DAILY,
            region=RegionId("000000"),
            line=Line(line),
            role=DutyRole.LEAD if line == "commerce" else DutyRole.COOPERATE,
            basis="成品油流通管理办法",
        )
        for line in ("commerce", "market")
    )
    await run.hear(
        RegionChanged(id=RegionId("000000"), parent=None, name="全国"),
        RegionChanged(id=RegionId("330000"), parent=RegionId("000000"), name="浙江省"),
        RegionChanged(id=REGION, parent=RegionId("330000"), name="杭州市"),
        RegionChanged(id=RegionId("330200"), parent=RegionId("330000"), name="宁波市"),
        *(
            DepartmentChanged(
                id=DepartmentId(f"{line}-330100"),
                name=line,
                line=Line(line),
                level=3,
                territory=(REGION,),
            )
            for line in ("commerce", "market", "tax")
        ),
        ItemPublished(
            item=ItemId("refined-oil"),
            item_version=1,
            name="成品油流通",
            kind_=ItemKind.SHARED,
            codes14=(CODE14,),
            from_=date(2024, 1, 1),
            duties=duties,
        ),
    )


async def get(run: Running, path: str, by: Actor = LEAD) -> dict[str, Any]:
    async with run.client(by) as client:
        answer = await client.get(path)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


async def post(run: Running, path: str, body: object, by: Actor = LEAD) -> tuple[int, Any]:
    async with run.client(by) as client:
        answer = await client.post(path, json=body)
        return answer.status_code, answer.json()


async def in_force(run: Running) -> None:
    assert (await post(run, "/indicator-systems", SYSTEM, OFFICER))[0] == 201
    status, _ = await post(run, "/indicator-systems/refined-oil_1:activate", {}, LEAD)
    assert status == 200

    async def rolled_out() -> bool:
        async with run.db.begin(system(service.name), "test") as tx:
            return not await timers.versions_new(tx)

    await until(rolled_out)


def result(run: Running, *categories: Category, subject: EntityId = FIRM) -> ResultRecorded:
    return ResultRecorded(
        result=f"result-{'-'.join(categories)}",
        visit="visit-1",
        department=DepartmentId("market-330100"),
        code14=CODE14,
        item=ItemId("refined-oil"),
        subject=subject,
        region=REGION,
        categories=categories,
        disposal=Disposal.NONE,
        inspected_on=today(run),
    )


def penalty(run: Running, tier: Tier, id_: str = "penalty-1") -> PenaltyDecided:
    return PenaltyDecided(
        penalty=id_,
        case="case-1",
        clue="clue-1",
        subject=FIRM,
        code14=CODE14,
        department=DepartmentId("market-330100"),
        kinds=(PenaltyKind.FINE,),
        fine_fen=500_000,
        tier=tier,
        decided_on=today(run),
        region=REGION,
    )


async def said(run: Running, type_: type[Fact]) -> list[Any]:
    return list(await run.said(type_))


async def test_only_the_bad_rows_of_a_file_are_refused_and_each_says_why(run: Running) -> None:
    rows = f"""name,code,registration_office,comment
甲加油站,{CODE},某局,x
乙小店,{SOLE},某局,
丙公司,91330106MA0000023X,某局,
丁公司,9.13301E+17,某局,
,{OTHER},某局,
"""
    job, errors = await run.load(LOADER, "entities", rows.encode("gb18030"))
    assert (job["accepted"], job["rejected"], job["ignored"]) == (2, 3, ["comment"])
    assert [(one["row"], one["column"], one["code"]) for one in errors] == [
        (4, "code", "code-check-digit"),
        (5, "code", "code-excel"),
        (6, "name", "field-missing"),
    ]
    assert errors[0]["expected"] == "E"
    (batch,) = await said(run, EntityBatch)
    assert {row.id: row.name for row in batch.rows} == {FIRM: "甲加油站", f"uscc-{SOLE}": None}


async def test_the_same_file_again_counts_as_duplicates_and_a_changed_row_as_a_revision(
    run: Running,
) -> None:
    await run.load(LOADER, "entities", f"name,code\n甲加油站,{CODE}\n乙公司,{OTHER}\n".encode())
    job, _ = await run.load(
        LOADER, "entities", f"name,code\n甲石油,{CODE}\n乙公司,{OTHER}\n".encode()
    )
    assert (job["accepted"], job["duplicate"], job["revised"]) == (2, 1, 1)
    first, second = await said(run, EntityBatch)
    assert [(row.id, row.version, row.name) for row in second.rows] == [(FIRM, 2, "甲石油")]
    assert first.batch != second.batch


@pytest.mark.skipif(DIRECTORY is None, reason="the real directory is not here")
@covers("R9.1")
async def test_a_provinces_directory_is_loaded_and_twelve_rows_are_refused(run: Running) -> None:
    job, errors = await run.load(LOADER, "entities", DIRECTORY or b"")
    assert (job["accepted"], job["rejected"], len(errors)) == (42_770, 12, 12)
    assert all(one["expected"] for one in errors)
    suggested = [one for one in errors if one["suggestion"]]
    assert {one["code"] for one in suggested} == {"code-lookalike"}
    batches = await said(run, EntityBatch)
    assert sum(len(batch.rows) for batch in batches) == len(
        {row.id for batch in batches for row in batch.rows}
    )


async def test_anybody_authenticated_reads_the_core_of_an_entity_by_its_code(run: Running) -> None:
    await run.load(LOADER, "entities", f"name,code,address\n甲加油站,{CODE},某路1号\n".encode())
    found = await get(run, f"/entities/{CODE}", OUTSIDER)
    assert (found["id"], found["name"], found["verifiable"]) == (FIRM, "甲加油站", True)
    assert (await get(run, f"/entities/{FIRM}", OUTSIDER))["asked"] is None
    async with run.client(None) as client:
        assert (await client.get(f"/entities/{CODE}")).status_code == 401
    async with run.client(OUTSIDER) as client:
        assert (await client.get(f"/entities/{OTHER}")).status_code == 404
        wrong = await client.get(f"/entities/{CODE[:-1]}X")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "code-names-nobody")
    assert wrong.json()["errors"][0]["expected"] == "T"


async def test_entities_are_listed_by_the_beginning_of_their_name(run: Running) -> None:
    await run.load(LOADER, "entities", f"name,code\n甲加油站,{CODE}\n乙公司,{OTHER}\n".encode())
    found = await get(run, "/entities?name=甲")
    assert [one["id"] for one in found["items"]] == [FIRM]
    first = await get(run, "/entities?limit=1")
    rest = await get(run, f"/entities?limit=1&cursor={first['next']}")
    assert [one["id"] for one in first["items"] + rest["items"]] == [FIRM, f"uscc-{OTHER}"]


async def test_registering_by_hand_is_audited_and_the_same_again_announces_nothing(
    run: Running,
) -> None:
    for _ in range(2):
        status, view = await post(run, "/entities", {"name": "甲", "code": CODE}, OFFICER)
        assert (status, view["version"]) == (201, 1)
    assert len(await said(run, EntityBatch)) == 1
    audit = await get(run, f"/audit?object=entity/{FIRM}", ADMIN)
    assert {one["actor"] for one in audit["items"]} == {"wang"}


def sighted(source: str = "tax-330100", raw: str = "91110108MA0000015X") -> tuple[Fact, ...]:
    subject = EntityId(provisional_id(source, raw))
    return tuple(
        module.SubjectSighted(
            subject=subject, source=source, fault="code-check-digit", region=REGION, raw=raw
        )
        for module in (risk_monitor, clue_dispatch, joint_inspection)
    )


async def test_a_subject_that_three_services_meet_is_listed_and_announced_once(
    run: Running,
) -> None:
    await world(run)
    await run.hear(*sighted())
    listed = await get(run, "/provisional-subjects", TAX)
    assert [(one["sighted_by"], one["raw"]) for one in listed["items"]] == [
        ("risk-monitor", "91110108MA0000015X")
    ]
    (batch,) = await said(run, EntityBatch)
    assert [(row.kind, row.name) for row in batch.rows] == [("provisional", None)]
    assert (await get(run, "/entities"))["items"] == []
    async with run.client(OUTSIDER) as client:
        path = f"/provisional-subjects/{batch.rows[0].id}"
        assert (await client.get(path)).status_code == 404


@covers("R15.4")
async def test_a_raw_code_is_sealed_in_its_table_and_opens_in_its_own_row_alone(
    run: Running,
) -> None:
    await world(run)
    raw = "91110108MA0000015X"
    await run.hear(sighted(raw=raw)[0], sighted(source="tax-330200", raw="91110108MA0000016X")[0])
    with psycopg.connect(run.owner_url) as owner:
        owner.execute("SELECT set_config('heli.actor', 'system:test', true)")
        asked = "SELECT id, raw, provisional_subject::text FROM provisional_subject"
        kept = {id_: (sealed, row) for id_, sealed, row in owner.execute(asked)}
        mine = kept.pop(provisional_id("tax-330100", raw))
        assert mine[0].startswith("aes-gcm:")
        assert raw not in mine[1]
        moved = {"raw": mine[0], "id": next(iter(kept))}
        owner.execute("UPDATE provisional_subject SET raw = %(raw)s WHERE id = %(id)s", moved)
    answer = await get(run, f"/provisional-subjects/{provisional_id('tax-330100', raw)}", TAX)
    assert answer["raw"] == raw
    async with run.client(ADMIN) as client:
        broken = await client.get(f"/provisional-subjects/{moved['id']}")
    assert (broken.status_code, broken.json()["code"]) == (500, "internal")
    assert raw not in broken.text


async def test_a_resolved_subject_is_followed_and_its_records_count_for_the_entity(
    run: Running,
) -> None:
    await world(run)
    await in_force(run)
    await run.load(LOADER, "entities", f"name,code\n甲加油站,{CODE}\n".encode())
    await run.hear(sighted()[0])
    subject = provisional_id("tax-330100", "91110108MA0000015X")
    await run.hear(result(run, Category.CORRECTION_ORDERED, subject=EntityId(subject)))
    assert await said(run, GradeChanged) == []
    path = f"/provisional-subjects/{subject}:resolve"
    status, no = await post(run, path, {"entity": CODE}, TAX)
    assert (status, no["code"]) == (422, "reason-missing")
    status, view = await post(run, path, {"entity": CODE, "reason": "对照执照"}, TAX)
    assert (status, view["entity"]) == (200, FIRM)
    assert (await post(run, path, {"entity": CODE, "reason": "再次"}, TAX))[0] == 409
    followed = await get(run, f"/entities/{subject}")
    assert (followed["id"], followed["asked"], followed["aliases"]) == (FIRM, subject, [subject])
    (grade,) = await said(run, GradeChanged)
    assert (grade.entity, grade.points) == (FIRM, 94)
    assert len((await get(run, f"/entities/{CODE}/records"))["items"]) == 1
    alias = (await said(run, EntityBatch))[-1].rows[0]
    assert (alias.id, alias.alias_of, alias.version) == (subject, FIRM, 2)


async def test_a_record_that_is_written_while_its_subject_is_resolved_counts_too(
    run: Running,
) -> None:
    await world(run)
    await in_force(run)
    await run.load(LOADER, "entities", f"name,code\n甲加油站,{CODE}\n".encode())
    await run.hear(sighted()[0])
    subject = EntityId(provisional_id("tax-330100", "91110108MA0000015X"))
    category = Category.CORRECTION_ORDERED
    now = run.context.clock.now()
    made = from_result(
        result(run, category, subject=subject),
        category,
        id_=RecordId("record-1"),
        item=None,
        terms=records.terms(RecordKind.INSPECTION_RESULT, category, today(run)),
        at=now,
    )
    path = f"/provisional-subjects/{subject}:resolve"
    async with asyncio.TaskGroup() as group, run.db.begin(system(service.name), "test") as tx:
        await records.keep(tx, [made.value])
        await grades.follow(tx, [subject], by_event(now))
        body = {"entity": CODE, "reason": "对照执照"}
        resolving = group.create_task(post(run, path, body, TAX))
        await until(lambda: somebody_waits(run))
    assert resolving.result()[0] == 200
    (grade,) = await said(run, GradeChanged)
    assert (grade.entity, grade.points) == (FIRM, 94)


async def somebody_waits(run: Running) -> bool:
    async with run.db.begin(system(service.name), "test") as tx:
        held_up = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        return bool((await tx.execute(text(held_up))).scalar_one())


async def test_a_provisional_subject_is_not_registered_by_its_id(run: Running) -> None:
    body = {"name": "无照摊贩", "code": "prov-0123456789abcdef"}
    status, no = await post(run, "/entities", body, OFFICER)
    assert (status, no["code"]) == (422, "code-names-nobody")
    job, (error,) = await run.load(LOADER, "entities", b"name,code\nx,prov-0123456789abcdef\n")
    assert (job["accepted"], error["code"]) == (0, "code-length")


async def test_a_subject_shows_the_entities_that_are_one_slip_away_until_it_is_resolved(
    run: Running,
) -> None:
    await world(run)
    rows = f"name,code\n甲加油站,{CODE}\n乙公司,{OTHER}\n"
    await run.load(LOADER, "entities", rows.encode())
    exchanged = CODE[:15] + CODE[16] + CODE[15] + CODE[17]
    raws = {"91110108MA0000015X": ("one_character", 18), exchanged: ("two_exchanged", 16)}
    for raw in raws:
        await run.hear(sighted(raw=raw)[0])
    await run.hear(sighted(raw="无照摊贩")[0])
    listed = (await get(run, "/provisional-subjects?open=true&limit=200", TAX))["items"]
    assert {one["raw"]: one["candidates"] for one in listed} == {
        "无照摊贩": [],
        **{
            raw: [
                {
                    "entity": FIRM,
                    "name": "甲加油站",
                    "status": "active",
                    "region": None,
                    "why": why,
                    "at": at,
                }
            ]
            for raw, (why, at) in raws.items()
        },
    }
    path = f"/provisional-subjects/{provisional_id('tax-330100', exchanged)}"
    (found,) = (await get(run, path, TAX))["candidates"]
    body = {"entity": found["entity"], "reason": "对照执照"}
    assert (await post(run, f"{path}:resolve", body, TAX))[0] == 200
    assert (await get(run, path, TAX))["candidates"] == []


async def test_an_unknown_region_is_refused_in_a_request_and_kept_in_an_event(
    run: Running,
) -> None:
    await world(run)
    rows = f"name,code,region\n甲,{CODE},339999\n乙,{OTHER},330100\n"
    job, (error,) = await run.load(LOADER, "entities", rows.encode())
    assert (job["accepted"], job["rejected"]) == (1, 1)
    assert (error["row"], error["column"], error["got"]) == (2, "region", "339999")
    assert (error["code"], error["expected"]) == ("credit-region-unknown", "GET /api/v1/regions")
    status, no = await post(run, "/entities", {"name": "甲", "code": CODE, "region": "x"}, OFFICER)
    assert (status, no["errors"][0]["field"]) == (422, "region")
    day = today(run)
    rows = f"""subject,stage,kind,detail,region,effective_on
{CODE},enforcement,penalty,minor,339999,{day}
{CODE},enforcement,penalty,minor,330100,{day}
"""
    job, (error,) = await run.load(LOADER, "credit-records", rows.encode())
    assert (job["accepted"], error["code"]) == (1, "credit-region-unknown")
    event = penalty(run, Tier.GENERAL).model_copy(update={"region": RegionId("339999")})
    await run.hear(event)
    records = (await get(run, f"/entities/{CODE}/records", ADMIN))["items"]
    assert [one["region"] for one in records] == ["330100", "339999"]


async def test_a_grade_explains_itself_in_words(run: Running) -> None:
    await world(run)
    await in_force(run)
    await run.hear(penalty(run, Tier.GENERAL))
    status, _ = await post(
        run,
        "/credit-records",
        {
            "subject": CODE,
            "stage": "daily_supervision",
            "kind": "serious_violation_list",
            "region": "330100",
            "effective_on": today(run).isoformat(),
        },
        OFFICER,
    )
    assert status == 201
    (grade,) = (await get(run, f"/entities/{CODE}/grades"))["items"]
    (line,) = grade["lines"]
    name = {"zh": "行政处罚（一般）", "en": "Administrative penalty (general)"}
    assert (line["name"], line["points_each"], line["limit"], line["points"]) == (
        name,
        -15,
        45,
        -15,
    )
    assert grade["band"] == {
        "grade": "D",
        "from_points": None,
        "below_points": 60,
        "meaning": {"zh": "信用风险高", "en": "high risk"},
    }
    assert (grade["earned"]["grade"], grade["earned"]["from_points"]) == ("B", 75)
    (cap,) = grade["overrides"]
    assert cap["name"]["zh"] == "列入严重违法失信名单"


async def test_a_new_version_is_put_in_force_by_a_second_person_and_ends_the_one_before(
    run: Running,
) -> None:
    assert (await post(run, "/indicator-systems", SYSTEM, LEAD))[0] == 201
    status, no = await post(run, "/indicator-systems/refined-oil_1:activate", {}, LEAD)
    assert (status, no["code"]) == (403, "system-own-draft")
    other = actor("sun", "commerce-330100", "330100", Role.LEAD)
    for version in (1, 2):
        await post(run, "/indicator-systems", SYSTEM, OFFICER)
        path = f"/indicator-systems/refined-oil_{version}:activate"
        assert (await post(run, path, {}, other))[0] == 200
    states = await get(run, "/indicator-systems?item=refined-oil")
    assert [one["state"] for one in states["items"]] == ["retired", "active", "draft"]
    status, no = await post(run, "/indicator-systems", SYSTEM | {"bands": SYSTEM["bands"][:2]})
    assert (status, no["code"]) == (422, "grade-unknown")


@covers("R9.10", "R11.3", "R11.4")
async def test_a_result_and_a_penalty_become_records_and_move_the_grade_in_the_same_breath(
    run: Running,
) -> None:
    await world(run)
    await in_force(run)
    await run.hear(result(run, Category.CORRECTION_ORDERED, Category.TO_BE_HANDLED))
    await run.hear(penalty(run, Tier.GENERAL))
    changes = await said(run, GradeChanged)
    assert [(one.grade, one.points) for one in changes] == [("B", 89), ("C", 74)]
    (grade,) = (await get(run, f"/entities/{CODE}/grades"))["items"]
    assert grade["points"] == grade["base"] + sum(line["points"] for line in grade["lines"])
    records = (await get(run, f"/entities/{CODE}/records"))["items"]
    traced = {one["record"] for line in grade["lines"] for one in line["records"]}
    assert traced == {one["id"] for one in records}
    made = next(one for one in records if one["origin_type"] == "penalty")
    assert (made["origin_id"], made["evidence"]) == ("penalty-1", "case/case-1")


async def test_the_same_event_under_another_id_makes_no_second_record(run: Running) -> None:
    await world(run)
    await in_force(run)
    await run.hear(penalty(run, Tier.GENERAL))
    await run.hear(penalty(run, Tier.GENERAL))
    assert len((await get(run, f"/entities/{CODE}/records"))["items"]) == 1
    assert len(await said(run, GradeChanged)) == 1


@covers("RX.2")
async def test_records_and_grades_are_seen_by_the_items_lines_at_the_place_and_nobody_else(
    run: Running,
) -> None:
    await world(run)
    await in_force(run)
    await run.hear(penalty(run, Tier.GENERAL))
    for by, count in ((LEAD, 1), (OFFICER, 1), (TAX, 0), (OUTSIDER, 0), (ADMIN, 1)):
        for part in ("records", "grades"):
            found = await get(run, f"/entities/{CODE}/{part}", by)
            assert len(found["items"]) == count, (by.id, part)
    (record,) = (await get(run, "/credit-records", OFFICER))["items"]
    async with run.client(OUTSIDER) as client:
        assert (await client.get(f"/credit-records/{record['id']}")).status_code == 404


async def test_a_grade_is_computed_from_records_that_its_author_may_not_read(
    run: Running,
) -> None:
    await world(run)
    await in_force(run)
    await run.hear(penalty(run, Tier.GENERAL))
    status, _ = await post(
        run,
        "/credit-records",
        {
            "subject": CODE,
            "stage": "public_service",
            "kind": "commitment",
            "region": "330100",
            "effective_on": today(run).isoformat(),
        },
        TAX,
    )
    assert status == 201
    (grade,) = (await get(run, f"/entities/{CODE}/grades", OFFICER))["items"]
    assert (grade["points"], grade["version"]) == (88, 2)
    assert len((await get(run, f"/entities/{CODE}/records", TAX))["items"]) == 1


async def test_a_version_newly_in_force_grades_whom_older_records_speak_of(run: Running) -> None:
    await world(run)
    await run.hear(penalty(run, Tier.SERIOUS))
    assert (await get(run, f"/entities/{CODE}/grades"))["items"] == []
    await in_force(run)
    (grade,) = (await get(run, f"/entities/{CODE}/grades"))["items"]
    assert (grade["grade"], grade["points"]) == ("C", 60)


@covers("R11.4")
async def test_a_past_answer_holds_what_was_known_then_and_an_expired_record_stops_counting(
    run: Running,
) -> None:
    await world(run)
    await in_force(run)
    await run.hear(penalty(run, Tier.MINOR))
    expiry = (await get(run, f"/entities/{CODE}/records"))["items"][0]["expires_on"]
    wait = (date.fromisoformat(expiry) - today(run)).days
    for days, points, due in ((wait - 1, 95, False), (wait, 100, True)):
        later = Database(service.name, run.db.engine, Clock(days))
        async with later.begin(system(service.name), "test") as tx:
            assert await timers.days_come(tx) is due
        (event, *_) = reversed(await said(run, GradeChanged))
        assert event.points == points
    (past,) = (await get(run, f"/entities/{CODE}/grades?on={today(run)}"))["items"]
    assert (past["points"], past["version"]) == (95, 1)
    before = today(run) - timedelta(days=1)
    assert (await get(run, f"/entities/{CODE}/grades?on={before}"))["items"] == []
    async with run.client(LEAD) as client:
        tomorrow = today(run) + timedelta(days=1)
        answer = await client.get(f"/entities/{CODE}/grades?on={tomorrow}")
        assert answer.json()["code"] == "grade-not-yet-known"


async def test_records_in_bulk_keep_good_rows_and_put_wrong_codes_on_provisional_subjects(
    run: Running,
) -> None:
    await world(run)
    await in_force(run)
    day = today(run)
    ahead = day + timedelta(days=1)
    rows = f"""subject,name,stage,kind,detail,item,region,effective_on,reference
{CODE},,enforcement,penalty,minor,refined-oil,330100,{day},CF-1
{CODE},,enforcement,penalty,minor,refined-oil,330100,{day},CF-1
91110108MA0000015X,,enforcement,penalty,minor,refined-oil,330100,{day},CF-2
,无照摊贩,enforcement,penalty,minor,refined-oil,330100,{day},CF-3
{CODE},,enforcement,penalty,minor,refined-oil,330100,{ahead},CF-4
,,enforcement,penalty,minor,refined-oil,330100,{day},CF-5
{CODE},,enforcement,penalty,mild,refined-oil,330100,{day},CF-6
"""
    job, errors = await run.load(LOADER, "credit-records", rows.encode())
    assert (job["accepted"], job["provisional"], job["duplicate"]) == (4, 2, 1)
    assert [(one["row"], one["code"]) for one in errors] == [
        (6, "record-effective-in-future"),
        (7, "subject-unnamed"),
        (8, "no-policy"),
    ]
    assert [one.points for one in await said(run, GradeChanged)] == [95]
    listed = await get(run, "/provisional-subjects", OFFICER)
    assert sorted((one["fault"], one["raw"]) for one in listed["items"] if one["raw"]) == [
        ("code-check-digit", "91110108MA0000015X")
    ]
    assert len(listed["items"]) == 2


async def test_a_reference_sent_by_hand_twice_is_refused(run: Running) -> None:
    await world(run)
    body = {
        "subject": CODE,
        "stage": "enforcement",
        "kind": "penalty",
        "detail": "minor",
        "region": "330100",
        "effective_on": today(run).isoformat(),
        "reference": "CF-1",
    }
    assert (await post(run, "/credit-records", body, OFFICER))[0] == 201
    status, no = await post(run, "/credit-records", body, OFFICER)
    assert (status, no["code"]) == (409, "record-known")


async def test_every_grade_is_explained_and_the_check_names_the_one_that_is_not(
    run: Running,
) -> None:
    await world(run)
    await in_force(run)
    await run.hear(penalty(run, Tier.GENERAL))

    async def failing() -> list[str]:
        async with run.client(ADMIN) as client:
            checks = (await client.get("/operations/invariants")).json()["checks"]
        return [one["name"] for one in checks if not one["ok"] and one["name"].startswith("C")]

    assert await failing() == []
    async with run.db.begin(system(service.name), "test") as tx:
        await tx.exec_driver_sql("UPDATE grade SET points = points + 1")
    assert await failing() == ["C1 every grade is explained"]
