"""joint-inspection at its boundary: HTTP, files and events, on real PostgreSQL."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from contracts.clue_dispatch import VisitRequested, Wanted
from contracts.credit_service import (
    EntityBatch,
    EntityId,
    EntityKind,
    EntityRow,
    EntityStatus,
    GradeChanged,
)
from contracts.item_registry import (
    CalendarChanged,
    CalendarDay,
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
from contracts.joint_inspection import (
    Category,
    DrawCompleted,
    DrawFrozen,
    InspectorId,
    PublicationPublished,
    ResultRecorded,
    SubjectSighted,
    VisitFinished,
    VisitKind,
    VisitPlanned,
    VisitRefused,
)
from contracts.roles import Role
from heli import draw_verifier
from joint_inspection.app import service
from joint_inspection.directory import store as directory
from joint_inspection.draw import api
from joint_inspection.draw.domain import preparing
from joint_inspection.draw.domain.handles import Digest, Handle, opens_target
from joint_inspection.draw.domain.parties import Reveal, commitment
from kit.auth import Actor, system
from kit.clock import Clock
from kit.db import Database
from kit.deadlines import shanghai_day
from kit.testing import Running, Serve, actor, covers, until
from kit.ticker import tick
from kit.timers import Kind

OIL = ItemId("refined-oil")
CITY = RegionId("330100")
COUNTY = RegionId("330106")
COMMERCE = DepartmentId("commerce-330100")
TAX = DepartmentId("tax-330100")
JUSTICE = DepartmentId("justice-330100")
CODES = ("91330000668306747T", "91330000680735173C", "91330000712562466B")
FIRMS = tuple(EntityId(f"uscc-{code}") for code in CODES)
SALE, TAXES = "33010000000001", "33010000000002"

ADMIN = actor("bootstrap", None, "000000", Role.ADMIN)
FEED = actor("feed", COMMERCE, "330100", Role.INTEGRATOR)
LEAD = actor("chen", COMMERCE, "330100", Role.LEAD, Role.OFFICER)
TAXMAN = actor("wang", TAX, "330100", Role.LEAD, Role.OFFICER)
SUPERVISOR = actor("wu", JUSTICE, "330100", Role.SUPERVISOR)
OUTSIDER = actor("feng", "commerce-330200", "330200", Role.LEAD, Role.OFFICER)

Json = dict[str, Any]


@pytest.fixture
async def run(serve: Serve) -> AsyncIterator[Running]:
    async with serve(service) as started:
        await world(started)
        yield started


async def world(run: Running) -> None:
    parents = {"000000": None, "330000": "000000", "330100": "330000", "330106": "330100"}
    for id_, parent in (parents | {"330200": "330000"}).items():
        up = RegionId(parent) if parent else None
        await run.hear(RegionChanged(id=RegionId(id_), parent=up, name=id_))
    for line in ("commerce", "tax", "justice"):
        id_ = DepartmentId(f"{line}-330100")
        await run.hear(
            DepartmentChanged(id=id_, name=id_, line=Line(line), level=3, territory=(CITY,))
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
    day = today(run) - timedelta(days=400)
    await run.hear(
        ItemPublished(
            item=OIL,
            item_version=1,
            name="成品油流通",
            kind_=ItemKind.SHARED,
            codes14=(SALE, TAXES),
            from_=day,
            duties=duties,
        )
    )
    rows = tuple(
        EntityRow(
            id=firm,
            version=1,
            name=f"第{n}加油站有限公司",
            kind=EntityKind.LEGAL_PERSON,
            status=EntityStatus.ACTIVE,
        )
        for n, firm in enumerate(FIRMS)
    )
    await run.hear(EntityBatch(batch="b-1", rows=rows))
    for firm, word in zip(FIRMS, "ABA", strict=True):
        await run.hear(
            GradeChanged(
                id=f"oil_{firm}",
                entity=firm,
                system="oil",
                system_version=1,
                grade=word,
                points=90,
                valid_from=day,
            )
        )


def today(run: Running) -> Any:  # noqa: ANN401 - a date, compared and moved
    return shanghai_day(run.context.clock.now())


async def call(  # noqa: PLR0917 - caller, path, body and status read best in a row
    run: Running, caller: Actor | None, path: str, body: Json | None = None, status: int = 0
) -> Json:
    """Call one operation: a body makes it a POST; a status of 0 is any that succeeds."""
    async with run.client(caller) as client:
        answer = await (client.get(path) if body is None else client.post(path, json=body))
    assert answer.status_code == status if status else answer.is_success, answer.text
    found: Json = answer.json()
    return found


async def officers(run: Running) -> None:
    valid_until = (today(run) + timedelta(days=400)).isoformat()
    rows = [
        {
            "id": f"{line}-{n}",
            "department": f"{line}-330100",
            "name": "王",
            "certificate": f"33{line}{n}",
            "valid_until": valid_until,
            "qualifications": ["oil"],
        }
        for line in ("commerce", "tax")
        for n in (1, 2, 3)
    ]
    job, errors = await run.load(FEED, "inspectors", rows)
    assert (job["accepted"], errors) == (6, [])


def part(department: str, *codes: str) -> Json:
    return {"department": department, "codes14": list(codes), "qualification": "oil"}


async def drawn(
    run: Running, *, n: int = 2, over_the_bus: bool = False, prepared: bool = False
) -> Json:
    """Draw n of three stations jointly, from the directory to the planned visits."""
    if not prepared:
        await officers(run)
        made = await call(run, LEAD, "/targets:from-entities", {"item": OIL, "region": CITY})
        assert made == {"made": 3, "known": 0}
    pool = await call(run, LEAD, "/pools", {"item": OIL, "region": CITY})
    assert (pool["targets"], pool["inspectors"]) == (3, 6)
    asked = await call(run, LEAD, "/draws", asking(run, pool["id"], n))
    path = f"/draws/{asked['id']}"
    frozen = await call(run, LEAD, f"{path}:freeze", {})
    reveals = {
        who: Reveal(DepartmentId(str(who.department)), bytes([k]) * 16, bytes([k]) * 32)
        for k, who in enumerate((LEAD, SUPERVISOR))
    }
    for who, one in reveals.items():
        digest = commitment(Digest(frozen["plan_digest"]), one)
        await call(run, who, f"{path}:commit", {"digest": digest})
    for who, one in reveals.items():
        shown = {"salt": one.salt.hex(), "secret": one.secret.hex()}
        await call(run, who, f"{path}:reveal", shown)
    if not over_the_bus:
        await run.hear(*await run.said(DrawCompleted))
    return await call(run, LEAD, path)


def asking(run: Running, pool: str, n: int, **change: object) -> Json:
    now = run.context.clock.now()
    return {
        "series": "oil-2026",
        "pool": pool,
        "initiating": part(COMMERCE, SALE),
        "cooperating": [part(TAX, TAXES)],
        "strata": [{"grades": ["A", "B"], "n": n, "weights": {"B": 2}}],
        "parties": [COMMERCE, JUSTICE],
        "reveal_by": (now + timedelta(hours=2)).isoformat(),
        "visits_from": today(run).isoformat(),
        "visits_to": (today(run) + timedelta(days=60)).isoformat(),
    } | change


def wish(run: Running, request: str, firm: EntityId, days: tuple[int, int] = (0, 30)) -> Any:  # noqa: ANN401 - an event
    return VisitRequested(
        request=request,
        clue=f"clue-{request}",
        subject=firm,
        region=COUNTY,
        item=OIL,
        departments=(
            Wanted(department=COMMERCE, codes14=(SALE,)),
            Wanted(department=TAX, codes14=(TAXES,)),
        ),
        from_=today(run) + timedelta(days=days[0]),
        to=today(run) + timedelta(days=days[1]),
        reason="预警核实",
    )


async def made_visit(run: Running, id_: str, *, drawn_teams: bool = False) -> Json:
    """Take a visit from approval to its end; commerce finds a problem, tax does not."""
    path = f"/visits/{id_}"
    teams = [
        {"department": who, "inspectors": [f"{line}-1", f"{line}-2"]}
        for who, line in ((COMMERCE, "commerce"), (TAX, "tax"))
    ]
    await call(run, LEAD, f"{path}:approve", {"teams": [] if drawn_teams else teams})
    await call(run, LEAD, f"{path}:notify", {})
    visit = await call(run, LEAD, path)
    sent = {t["department"]: [m["inspector"] for m in t["members"]] for t in visit["teams"]}
    await call(run, LEAD, f"{path}:start", {"shown": [one for ids in sent.values() for one in ids]})
    for who, code, word in ((LEAD, SALE, "8"), (TAXMAN, TAXES, "1")):
        body = {
            "code14": code,
            "categories": [word],
            "inspectors": sent[str(who.department)],
            "inspected_on": today(run).isoformat(),
        }
        await call(run, who, f"{path}/results", body, 201)
    return await call(run, LEAD, f"{path}:finish", {})


@covers("R9.3", "R9.5")
async def test_a_joint_draw_is_checked_offline_and_its_visits_are_planned(run: Running) -> None:
    draw = await drawn(run)
    assert draw["state"] == "completed"
    (frozen,) = await run.said(DrawFrozen)
    (completed,) = await run.said(DrawCompleted)
    assert isinstance(frozen, DrawFrozen)
    assert isinstance(completed, DrawCompleted)
    assert frozen.plan_digest == completed.plan_digest == draw["plan_digest"]
    async with run.client(None) as nobody:
        file = (await nobody.get(f"/draws/{draw['id']}/file")).json()
    draw_verifier.verify(file)
    assert not any(code in json.dumps(file) for code in CODES)
    planned = await run.said(VisitPlanned)
    assert len(planned) == 2
    for fact in planned:
        assert isinstance(fact, VisitPlanned)
        assert fact.kind_ is VisitKind.DRAWN
        assert fact.departments == (COMMERCE, TAX)
        visit = await call(run, TAXMAN, f"/visits/{fact.visit}")
        assert [len(team["members"]) for team in visit["teams"]] == [2, 2]
        assert all(team["drawn"] for team in visit["teams"])


async def test_what_goes_over_every_target_is_worked_out_beside_the_loop(
    run: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside: dict[str, bool] = {}

    def watched(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def watch(*args: object, **more: object) -> object:
            beside[name] = threading.current_thread() is not threading.main_thread()
            return work(*args, **more)

        return watch

    for module, name in ((preparing, "prepare"), (api, "carry_out"), (api, "file_to_bytes")):
        monkeypatch.setattr(module, name, watched(name, getattr(module, name)))
    draw = await drawn(run)
    await call(run, None, f"/draws/{draw['id']}/file")
    assert beside == {"prepare": True, "carry_out": True, "file_to_bytes": True}


@covers("R9.3")
async def test_a_draw_whose_party_keeps_silent_is_void_by_itself_and_names_it(
    run: Running,
) -> None:
    await officers(run)
    await call(run, LEAD, "/targets:from-entities", {"item": OIL, "region": CITY})
    pool = (await call(run, LEAD, "/pools", {"item": OIL, "region": CITY}))["id"]
    draft = await call(run, LEAD, "/draws", asking(run, pool, 1))
    path = f"/draws/{draft['id']}"
    frozen = await call(run, LEAD, f"{path}:freeze", {})
    mine = Reveal(COMMERCE, bytes(16), bytes(32))
    digest = commitment(Digest(frozen["plan_digest"]), mine)
    await call(run, LEAD, f"{path}:commit", {"digest": digest})
    kinds = [one for one in service.timers if isinstance(one, Kind)]
    assert await tick(run.db, kinds) == 0
    tomorrow = Database(service.name, run.db.engine, Clock(1))
    assert await tick(tomorrow, kinds) == 1
    void = await call(run, LEAD, path)
    assert (void["state"], void["silent"]) == ("abandoned", [JUSTICE])
    assert await tick(tomorrow, kinds) == 0
    rows = (await call(run, ADMIN, f"/audit?object=draw/{draft['id']}"))["items"]
    assert (rows[-1]["act"], rows[-1]["actor"]) == ("timer draw.reveal", "system:joint-inspection")


@covers("R9.9", "RX.3")
async def test_a_changed_calendar_moves_the_day_by_which_results_are_published(
    run: Running,
) -> None:
    await officers(run)
    await run.hear(wish(run, "r1", FIRMS[0]))
    (fact,) = await run.said(VisitPlanned)
    assert isinstance(fact, VisitPlanned)
    done = await made_visit(run, fact.visit)
    ends = datetime.fromisoformat(done["publish_due_at"])
    off = CalendarDay(date=shanghai_day(ends - timedelta(seconds=1)), working=False)
    await run.hear(CalendarChanged(calendar=CITY, region=CITY, days=(off,)))
    moved = await call(run, LEAD, f"/visits/{fact.visit}")
    assert datetime.fromisoformat(moved["publish_due_at"]) > ends


@covers("R9.3")
async def test_a_changed_result_is_named_by_the_services_own_check(run: Running) -> None:
    draw = await drawn(run)

    async def held() -> Json:
        found = await call(run, ADMIN, "/operations/invariants")
        checks: list[Json] = found["checks"]
        return next(one for one in checks if one["name"].startswith("I5"))

    assert (await held())["ok"]
    async with run.db.begin(system(service.name), "test") as tx:
        await tx.execute(text("UPDATE draw_reveal SET secret = salt || salt WHERE party = 'x'"))
        await tx.execute(
            text(
                "UPDATE draw SET result = convert_to(replace(convert_from(result, 'UTF8'), "
                "'\"empty\":[]', '\"empty\": []'), 'UTF8')"
            )
        )
    found = await held()
    assert not found["ok"]
    assert draw["id"] in found["detail"]


@covers("R9.3")
async def test_handles_are_opened_after_the_visit_and_to_the_supervisor_at_once(
    run: Running,
) -> None:
    draw = await drawn(run)
    path = f"/draws/{draw['id']}/openings"
    assert (await call(run, LEAD, path))["items"] == []
    opened = (await call(run, SUPERVISOR, path))["items"]
    assert len(opened) == 2
    for one in opened:
        salt = bytes.fromhex(one["salt"])
        assert opens_target(Handle(one["handle"]), id_=one["target"], salt=salt)
    assert (await call(run, OUTSIDER, path))["items"] == []


@covers("R9.3")
async def test_modes_cycles_and_redraws_of_later_forms_are_refused_by_name(run: Running) -> None:
    await officers(run)
    await call(run, LEAD, "/targets:from-entities", {"item": OIL, "region": CITY})
    pool = (await call(run, LEAD, "/pools", {"item": OIL, "region": CITY}))["id"]
    no = await call(run, LEAD, "/draws", asking(run, pool, 1, cycle="2026"), 422)
    assert (no["code"], no["part"]) == ("draw-part-not-offered", "cycle")
    beacon = {"source": "lottery", "round": "1", "after": "2026"}
    for change in ({"mode": "coordinated"}, {"beacon": beacon}, {"hash": "sm3"}):
        draw = await call(run, LEAD, "/draws", asking(run, pool, 1, **change))
        no = await call(run, LEAD, f"/draws/{draw['id']}:freeze", {}, 422)
        assert no["code"] == "draw-part-not-offered"
    own = {"initiating": part(TAX, TAXES), "cooperating": []}
    no = await call(run, TAXMAN, "/draws", asking(run, pool, 1, **own), 403)
    assert (no["code"], no["department"]) == ("draw-pool-not-yours", COMMERCE)
    draft = await call(run, LEAD, "/draws", asking(run, pool, 1))
    await call(run, None, f"/draws/{draft['id']}/file", None, 404)
    no = await call(run, LEAD, f"/draws/{draft['id']}:abandon", {}, 422)
    assert no["code"] == "draw-reason-missing"
    given_up = await call(run, LEAD, f"/draws/{draft['id']}:abandon", {"reason": "名单有误"})
    assert given_up["state"] == "abandoned"


@covers("R9.8", "R9.10", "R18.3")
async def test_a_request_is_merged_with_a_drawn_visit_and_answered_by_results(
    run: Running,
) -> None:
    await drawn(run, n=3)
    await run.hear(wish(run, "r1", FIRMS[0]))
    fact = (await run.said(VisitPlanned))[-1]
    assert isinstance(fact, VisitPlanned)
    assert (fact.kind_, fact.requests) == (VisitKind.MERGED, ("r1",))
    assert len((await call(run, LEAD, "/visits"))["items"]) == 3
    for asked in ("clue=clue-r1", f"subject={CODES[0]}", "kind=merged"):
        found = (await call(run, LEAD, f"/visits?{asked}"))["items"]
        assert [one["id"] for one in found] == [fact.visit]

    finished = await made_visit(run, fact.visit, drawn_teams=True)
    assert finished["state"] == "finished"
    results = await run.said(ResultRecorded)
    assert [
        (one.request, one.categories) for one in results if isinstance(one, ResultRecorded)
    ] == [
        ("r1", (Category.TO_BE_HANDLED,)),
        ("r1", (Category.NO_PROBLEM,)),
    ]
    (over,) = await run.said(VisitFinished)
    assert isinstance(over, VisitFinished)
    assert (over.separate_visits, over.requests) == (4, ("r1",))
    draw = (await call(run, LEAD, "/draws"))["items"][0]["id"]
    opened = (await call(run, TAXMAN, f"/draws/{draw}/openings"))["items"]
    assert [one["visit"] for one in opened] == [fact.visit]


@covers("R9.8", "R18.3")
async def test_a_draw_joins_the_visit_that_a_clue_asked_for_before(run: Running) -> None:
    await officers(run)
    await call(run, LEAD, "/targets:from-entities", {"item": OIL, "region": CITY})
    await run.hear(wish(run, "r1", FIRMS[0]))
    (asked,) = await run.said(VisitPlanned)
    assert isinstance(asked, VisitPlanned)
    await drawn(run, n=3, prepared=True)
    visits = (await call(run, LEAD, "/visits"))["items"]
    assert len(visits) == 3
    both = await call(run, LEAD, f"/visits/{asked.visit}")
    assert (both["kind"], both["requests"]) == ("merged", ["r1"])
    assert (both["departments"], both["separate_visits"]) == ([COMMERCE, TAX], 4)
    assert all(team["drawn"] for team in both["teams"])
    year = today(run).year
    path = f"/visits:summary?from={year}-01-01&to={year + 1}-12-31&region={CITY}"
    found = await call(run, LEAD, path)
    assert (found["visits"], found["separate_visits"], found["saved"]) == (3, 8, 5)
    assert (found["made"], found["drawn_and_clue"], found["dropped"]) == (0, 1, 0)
    assert [(one["kind"], one["visits"]) for one in found["kinds"]] == [("drawn", 2), ("merged", 1)]


@covers("R9.6")
async def test_in_a_draw_a_department_at_its_cap_loses_its_seat_and_comes_for_a_clue(
    run: Running,
) -> None:
    year = today(run).replace(month=1, day=1)
    await run.hear(
        CapPublished(
            cap="cap-1",
            line=Line("commerce"),
            region=RegionId("330000"),
            item=None,
            per_year=1,
            from_=year,
            basis="国办发〔2024〕54号",
        )
    )
    await officers(run)
    await call(run, LEAD, "/targets:from-entities", {"item": OIL, "region": CITY})
    row = {"department": COMMERCE, "name": "站", "region": CITY, "item": OIL}
    rows = [row | {"entity": CODES[0], "on": today(run).isoformat()}]
    await run.load(FEED, "visits", rows)
    await drawn(run, n=3, prepared=True)
    # In the last days of a year the first working day may lie in the next, whose cap is unused.
    if (today(run) + timedelta(days=10)).year != today(run).year:
        return
    (visit,) = (await call(run, LEAD, f"/visits?subject={CODES[0]}&kind=drawn"))["items"]
    assert visit["departments"] == [TAX]
    assert [(one["department"], one["code"]) for one in visit["left_out"]] == [
        (COMMERCE, "visit-cap-used-up")
    ]
    others = (await call(run, LEAD, "/visits?kind=drawn"))["items"]
    assert sorted(len(one["departments"]) for one in others) == [1, 2, 2]
    await run.hear(wish(run, "r1", FIRMS[0]))
    merged = await call(run, LEAD, f"/visits/{visit['id']}")
    assert (merged["kind"], merged["departments"]) == ("merged", [COMMERCE, TAX])
    found = (await call(run, LEAD, f"/visits:usage?entity={CODES[0]}&used_up=true"))["items"]
    assert [(one["visits"], one["cap"], one["over"]) for one in found] == [(1, 1, False)]


@covers("R9.5")
async def test_who_is_lapsed_or_recused_is_not_drawn_and_the_reason_is_told(run: Running) -> None:
    await officers(run)
    lapsed = {
        "id": "tax-9",
        "department": TAX,
        "name": "王",
        "certificate": "33tax9",
        "valid_until": (today(run) + timedelta(days=30)).isoformat(),
        "qualifications": ["oil"],
    }
    unfit = {
        "id": "tax-8",
        "valid_until": (today(run) + timedelta(days=400)).isoformat(),
        "qualifications": ["fire"],
    }
    await run.load(FEED, "inspectors", [lapsed, lapsed | unfit])
    made = await call(run, LEAD, "/targets:from-entities", {"item": OIL, "region": CITY})
    assert made["made"] == 3
    path = "/inspectors/tax-1:recuse"
    no = await call(run, TAXMAN, path, {"of": CODES[0]}, 422)
    assert no["code"] == "recusal-reason-missing"
    no = await call(run, LEAD, path, {"of": CODES[0], "reason": "近亲属任法定代表人"}, 403)
    assert no["code"] == "inspector-not-yours"
    pool = (await call(run, LEAD, "/pools", {"item": OIL, "region": CITY}))["id"]
    asked = await call(run, LEAD, "/draws", asking(run, pool, 3))
    # Declared after the pool was made and before the freeze: it holds all the same.
    mine = await call(run, TAXMAN, path, {"of": CODES[0], "reason": "近亲属任法定代表人"})
    assert mine["recusals"] == [FIRMS[0]]
    kept = await run.load(FEED, "inspectors", [lapsed | {"id": "tax-1", "certificate": "33tax1"}])
    assert kept[0]["accepted"] == 1
    assert (await call(run, TAXMAN, "/inspectors/tax-1"))["recusals"] == [FIRMS[0]]
    await call(run, LEAD, f"/draws/{asked['id']}:freeze", {})
    async with run.client(None) as nobody:
        file = (await nobody.get(f"/draws/{asked['id']}/file")).json()
    assert file["lists"][file["plan"]["recused"]].count("\n") == 1
    staff = (await call(run, SUPERVISOR, f"/draws/{asked['id']}/inspectors"))["items"]
    assert {one["inspector"]: one["left_out"] for one in staff if one["department"] == TAX} == {
        "tax-1": None,
        "tax-2": None,
        "tax-3": None,
        "tax-8": "not-qualified",
        "tax-9": "certificate-lapsed",
    }


@covers("R9.7", "R9.10")
async def test_a_recusal_declared_while_its_officer_is_sent_again_stands(run: Running) -> None:
    await officers(run)
    again = (await call(run, LEAD, "/inspectors/tax-1")) | {"name": "王五"}
    again.pop("recusals")

    async def waiting() -> bool:
        blocked = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
        async with run.db.begin(system("joint-inspection"), "test") as other:
            return bool((await other.execute(text(blocked))).scalar_one())

    async with (
        asyncio.TaskGroup() as group,
        run.db.begin(system("joint-inspection"), "test") as tx,
    ):
        known = await directory.lock_inspector(tx, InspectorId("tax-1"))
        sending = group.create_task(call(run, TAXMAN, "/inspectors", again, 201))
        await until(waiting)
        await directory.keep_inspectors(tx, [replace(known, recusals=(FIRMS[0],))])
    assert sending.result()["recusals"] == [FIRMS[0]]
    seen = await call(run, TAXMAN, "/inspectors/tax-1")
    assert (seen["name"], seen["recusals"]) == ("王五", [FIRMS[0]])


async def test_a_requested_visit_without_a_target_gets_one_and_the_exchange_reads_it_whole(
    run: Running,
) -> None:
    await officers(run)
    await run.hear(wish(run, "r1", FIRMS[0]))
    await run.hear(wish(run, "r2", FIRMS[0], (5, 40)))
    facts = await run.said(VisitPlanned)
    last = facts[-1]
    assert isinstance(last, VisitPlanned)
    assert last.requests == ("r1", "r2")
    (target,) = (await call(run, LEAD, "/targets"))["items"]
    assert (target["id"], target["entity"]) == (last.target, FIRMS[0])

    await made_visit(run, last.visit)
    exchange = replace(actor("gateway:exchange", None, "000000", Role.AUDITOR), purpose="report-up")
    visit = await call(run, exchange, f"/visits/{last.visit}")
    assert visit["subject"] == FIRMS[0]
    for result in visit["results"]:
        assert (result["form"], len(result["inspectors"])) == ("02", 2)
        assert all(one["certificate"] and one["name"] for one in result["inspectors"])
        assert result["requests"] == ["r1", "r2"]
    await call(run, OUTSIDER, f"/visits/{last.visit}", None, 404)
    await call(run, OUTSIDER, f"/targets/{last.target}", None, 404)
    assert (await call(run, OUTSIDER, "/visits"))["items"] == []


@covers("R9.5", "R9.7")
async def test_steps_out_of_order_and_teams_too_small_are_refused(run: Running) -> None:
    await officers(run)
    await run.hear(wish(run, "r1", FIRMS[0]))
    (fact,) = await run.said(VisitPlanned)
    assert isinstance(fact, VisitPlanned)
    path = f"/visits/{fact.visit}"
    no = await call(run, LEAD, f"{path}:start", {"shown": []}, 409)
    assert no["code"] == "visit-not-in-state"
    one = [{"department": COMMERCE, "inspectors": ["commerce-1"]}]
    no = await call(run, LEAD, f"{path}:approve", {"teams": one}, 409)
    assert no["code"] == "visit-team-too-small"
    mine = [{"department": TAX, "inspectors": ["tax-1", "tax-3"]}]
    assert (await call(run, TAXMAN, f"{path}:approve", {"teams": mine}))["state"] == "planned"
    two = [{"department": COMMERCE, "inspectors": ["commerce-1", "commerce-3"]}]
    assert (await call(run, LEAD, f"{path}:approve", {"teams": two}))["state"] == "approved"


@covers("R9.9")
async def test_results_are_due_in_twenty_working_days_and_published_for_everybody(
    run: Running,
) -> None:
    await drawn(run, n=3)
    await run.hear(wish(run, "r1", FIRMS[0]))
    fact = (await run.said(VisitPlanned))[-1]
    assert isinstance(fact, VisitPlanned)
    publish = {"kind": "result", "of": fact.visit}
    no = await call(run, LEAD, "/publications", publish, 409)
    assert no["code"] == "publication-nothing-yet"
    finished = await made_visit(run, fact.visit, drawn_teams=True)
    assert finished["publish_due_at"] is not None
    assert not finished["publish_overdue"]
    published = await call(run, SUPERVISOR, "/publications", publish, 201)
    assert published["content"]["subject_name"] == "第0加油站有限公司"
    assert "王" not in json.dumps(published, ensure_ascii=False)
    again = await call(run, LEAD, "/publications", publish, 409)
    assert again["code"] == "publication-already"
    draw = (await call(run, LEAD, "/draws"))["items"][0]["id"]
    for kind in ("plan", "draw"):
        await call(run, LEAD, "/publications", {"kind": kind, "of": draw}, 201)
    public = (await call(run, None, "/publications"))["items"]
    assert [one["kind"] for one in public] == ["result", "plan", "draw"]
    facts = await run.said(PublicationPublished)
    assert [one.digest for one in facts if isinstance(one, PublicationPublished)] == [
        one["digest"] for one in public
    ]
    assert (await call(run, None, "/publications?kind=draw"))["items"][0]["of"] == draw
    assert (await call(run, LEAD, f"/visits/{fact.visit}"))["published_at"] is not None


@covers("R9.6")
async def test_past_visits_use_up_the_cap_and_clue_driven_checks_stand_outside_it(
    run: Running,
) -> None:
    await officers(run)
    year = today(run).replace(month=1, day=1)
    await run.hear(
        CapPublished(
            cap="cap-1",
            line=Line("commerce"),
            region=RegionId("330000"),
            item=None,
            per_year=1,
            from_=year,
            basis="国办发〔2024〕54号",
        )
    )
    past = {
        "department": COMMERCE,
        "entity": CODES[0],
        "name": "第0加油站有限公司",
        "region": COUNTY,
        "item": OIL,
        "on": today(run).isoformat(),
    }
    ahead = past | {"on": (today(run) + timedelta(days=3)).isoformat()}
    job, errors = await run.load(FEED, "visits", [past, past, ahead])
    assert (job["accepted"], job["duplicate"], job["rejected"]) == (2, 1, 1)
    assert [(one["row"], one["code"]) for one in errors] == [(3, "past-visit-ahead")]
    (target,) = (await call(run, LEAD, f"/targets?entity={CODES[0]}"))["items"]
    body = {
        "target": target["id"],
        "item": OIL,
        "duties": [{"department": COMMERCE, "codes14": [SALE]}],
        "from": today(run).isoformat(),
        "to": (today(run) + timedelta(days=30)).isoformat(),
    }
    # In the last days of a year the first working day may lie in the next, whose cap is unused.
    if (today(run) + timedelta(days=10)).year == today(run).year:
        no = await call(run, LEAD, "/visits", body, 409)
        assert no["code"] == "visit-cap-used-up"
    own = body | {"duties": [{"department": TAX, "codes14": [TAXES]}]}
    daily = await call(run, TAXMAN, "/visits", own, 201)
    assert daily["kind"] == "daily"
    await run.hear(wish(run, "r1", FIRMS[0]))
    merged = await call(run, LEAD, f"/visits/{daily['id']}")
    assert (merged["kind"], merged["departments"]) == ("merged", [COMMERCE, TAX])


async def test_a_request_that_nobody_can_answer_is_refused_with_its_reason(run: Running) -> None:
    await run.hear(wish(run, "r1", FIRMS[0]))
    await officers(run)
    await run.hear(wish(run, "r2", FIRMS[0], (-9, -2)))
    refused = await run.said(VisitRefused)
    assert [(one.request, one.code) for one in refused if isinstance(one, VisitRefused)] == [
        ("r1", "visit-nobody-can-come"),
        ("r2", "visit-window-without-working-day"),
    ]
    assert all(isinstance(one, VisitRefused) and "{" not in one.reason for one in refused)


@covers("R9.1")
async def test_a_wrong_code_is_kept_as_a_provisional_subject_and_good_rows_stay(
    run: Running,
) -> None:
    rows: list[Json] = [
        {"name": "甲站", "region": COUNTY, "entity": CODES[0], "item": OIL},
        {"name": "乙站", "region": COUNTY, "entity": "913300006683067471", "item": OIL},
        {"name": "甲站", "region": COUNTY, "entity": CODES[0], "item": OIL},
        {"region": COUNTY},
        {"name": "丙站", "region": COUNTY, "kind": "cloud"},
    ]
    job, errors = await run.load(FEED, "targets", rows)
    counts = ("accepted", "provisional", "duplicate", "rejected")
    assert [job[name] for name in counts] == [3, 1, 1, 2]
    assert [(one["row"], one["column"]) for one in errors] == [(4, "name"), (5, "kind")]
    (sighted,) = await run.said(SubjectSighted)
    assert isinstance(sighted, SubjectSighted)
    assert (sighted.raw, sighted.source) == ("913300006683067471", COMMERCE)
    seen = (await call(run, TAXMAN, "/targets"))["items"]
    assert {one["entity"] for one in seen} == {FIRMS[0], sighted.subject}
    again = await call(run, LEAD, "/targets", rows[1], 201)
    assert again["entity"] == sighted.subject
    assert len(await run.said(SubjectSighted)) == 1
    assert (await call(run, OUTSIDER, "/targets"))["items"] == []


async def test_the_service_hears_its_own_completed_draw_over_the_bus(serve: Serve) -> None:
    async with serve(service, with_bus=True) as run:
        await world(run)
        draw = await drawn(run, over_the_bus=True)

        async def both_planned() -> bool:
            found = await call(run, LEAD, f"/visits?draw={draw['id']}")
            return len(found["items"]) == 2

        await until(both_planned)
