"""clue-dispatch at its boundary: HTTP and events, on real PostgreSQL."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from clue_dispatch.app import service
from clue_dispatch.clue.store.reading import owned
from clue_dispatch.clue.timers import route_once
from contracts.clue_dispatch import (
    ClueClosed,
    ClueDispatched,
    ClueRegistered,
    PenaltyDecided,
    SubjectSighted,
    VisitRequested,
)
from contracts.credit_service import EntityBatch, EntityId, EntityKind, EntityRow, EntityStatus
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
from contracts.joint_inspection import (
    Category,
    Disposal,
    ResultRecorded,
    VisitFinished,
    VisitKind,
    VisitPlanned,
    VisitRefused,
)
from contracts.risk_monitor import Level, Outcome, WarningAssessed, WarningRaised
from contracts.roles import Role
from kit.audit import audit
from kit.auth import Actor, system
from kit.deadlines import shanghai_day
from kit.outbox import outbox
from kit.testing import Running, Serve, actor, covers, until

OIL = ItemId("refined-oil")
PLACE = RegionId("330106")
CODE14 = "03102270000001"
FIRM = "91350100M000100Y43"
FIRM_ID = EntityId(f"uscc-{FIRM}")
COMMERCE = DepartmentId("commerce-330100")
TAX = DepartmentId("tax-330100")

LEAD = actor("chen", "commerce-330100", "330100", Role.LEAD, Role.OFFICER)
REVIEWER = actor("sun", "commerce-330100", "330100", Role.LEGAL_REVIEWER)
TAXMAN = actor("wang", "tax-330100", "330100", Role.OFFICER, Role.LEAD)
MARKET = actor("zhou", "market-330100", "330100", Role.OFFICER, Role.LEAD)
SUPERVISOR = actor("wu", "justice-330000", "330000", Role.SUPERVISOR)
OUTSIDER = actor("feng", "commerce-330200", "330200", Role.LEAD, Role.OFFICER)

BY_HAND = {
    "item": OIL,
    "region": PLACE,
    "code": FIRM,
    "source": "hotline",
    "source_number": "12345-1",
    "summary": "加油机计量异常",
}


@pytest.fixture
async def run(serve: Serve) -> AsyncIterator[Running]:
    async with serve(service) as started:
        await world(started)
        yield started


async def world(run: Running) -> None:
    parents = {"000000": None, "330000": "000000", "330100": "330000", "330106": "330100"}
    for id_, parent in parents.items():
        up = RegionId(parent) if parent else None
        await run.hear(RegionChanged(id=RegionId(id_), parent=up, name=id_))
    for line in ("commerce", "tax", "market"):
        id_ = DepartmentId(f"{line}-330100")
        where = (RegionId("330100"),)
        await run.hear(
            DepartmentChanged(id=id_, name=id_, line=Line(line), level=3, territory=where)
        )
    await run.hear(oil())
    row = EntityRow(
        id=FIRM_ID,
        version=1,
        name="某加油站",
        kind=EntityKind.LEGAL_PERSON,
        status=EntityStatus.ACTIVE,
    )
    await run.hear(EntityBatch(batch="b-1", rows=(row,)))


def oil(id_: ItemId = OIL) -> ItemPublished:
    roles = (("commerce", DutyRole.LEAD), ("tax", DutyRole.COOPERATE))
    return ItemPublished(
        item=id_,
        item_version=1,
        name="成品油流通",
        kind_=ItemKind.SHARED,
        codes14=(CODE14,),
        from_=date(2020, 1, 1),
        duties=tuple(
            Duty(
                id=f"{id_}-{line}",
                stage=Stage.DAILY,
                region=RegionId("000000"),
                line=Line(line),
                role=role,
                basis="成品油流通管理办法",
            )
            for line, role in roles
        ),
    )


def warning(level: Level, id_: str = "w-1", item: ItemId = OIL) -> WarningRaised:
    return WarningRaised(
        warning=id_,
        model="oil",
        model_version=1,
        item=item,
        subject=FIRM_ID,
        region=PLACE,
        level=level,
        kind_="under-declared",
        evidence=(),
    )


def assessment(outcome: Outcome, id_: str = "w-1") -> WarningAssessed:
    return WarningAssessed(warning=id_, outcome=outcome, department=COMMERCE, region=PLACE)


def result(id_: str, category: Category, **of: str | None) -> ResultRecorded:
    return ResultRecorded(
        result=id_,
        visit="v-1",
        request=of.get("request"),
        draw=of.get("draw"),
        department=TAX,
        code14=CODE14,
        subject=FIRM_ID,
        region=PLACE,
        categories=(category,),
        disposal=Disposal.NONE,
        inspected_on=date(2026, 3, 3),
    )


async def call(  # noqa: PLR0917 - who, what, with what, and what then
    run: Running, by: Actor, path: str, body: dict[str, Any] | None = None, expect: int = 200
) -> dict[str, Any]:
    """POST a body, or GET without one."""
    async with run.client(by) as client:
        answer = await (client.get(path) if body is None else client.post(path, json=body))
        assert answer.status_code == expect, answer.text
        found: dict[str, Any] = answer.json()
        return found


async def clue_of(run: Running, by: Actor = SUPERVISOR, query: str = "") -> dict[str, Any]:
    found = await call(run, by, f"/clues?{query}")
    assert len(found["items"]) == 1, found
    one: dict[str, Any] = found["items"][0]
    return one


def window(run: Running) -> dict[str, str]:
    today = shanghai_day(run.context.clock.now())
    return {
        "from": (today + timedelta(days=1)).isoformat(),
        "to": (today + timedelta(days=7)).isoformat(),
    }


async def signed(run: Running) -> str:
    id_ = (await call(run, LEAD, "/clues", BY_HAND, 201))["id"]
    await call(run, LEAD, f"/clues/{id_}:dispatch", {})
    await call(run, LEAD, f"/clues/{id_}:sign", {})
    return str(id_)


async def visiting(run: Running) -> tuple[str, str]:
    id_ = await signed(run)
    view = await call(run, LEAD, f"/clues/{id_}:request-visit", window(run))
    return id_, view["visits"][0]["request"]


def planned(*requests: str) -> VisitPlanned:
    return VisitPlanned(
        visit="v-1",
        requests=requests,
        target="t-1",
        subject=FIRM_ID,
        region=PLACE,
        codes14=(CODE14,),
        departments=(COMMERCE, TAX),
        on=date(2026, 3, 5),
        kind_=VisitKind.CLUE,
    )


def finished(*requests: str) -> VisitFinished:
    return VisitFinished(
        visit="v-1", requests=requests, departments=(COMMERCE, TAX), separate_visits=2
    )


@covers("R10.1", "R10.3")
async def test_a_clue_by_hand_is_routed_dispatched_and_signed_and_says_why(run: Running) -> None:
    view = await call(run, MARKET, "/clues", BY_HAND, 201)
    assert (view["subject"], view["owner"], view["state"]) == (FIRM_ID, COMMERCE, "registered")
    assert view["turn"] == {"task": "dispatch", "departments": [COMMERCE], "role": "lead"}
    assert view["due"] == view["dispatch_due"]
    assert view["due"]["overdue"] is False

    path = f"/clues/{view['id']}"
    assert (await call(run, TAXMAN, path, expect=404))["code"] == "not-found"
    sent = await call(run, LEAD, f"{path}:dispatch", {"reason": "按责任清单"})
    assert (sent["lead"], sent["cooperators"]) == (COMMERCE, [TAX])
    assert [duty["basis"] for duty in sent["routing"]["duties"]] == ["成品油流通管理办法"] * 2
    assert sent["routing"]["chain"] == ["330106", "330100", "330000", "000000"]
    (said,) = await run.said(ClueDispatched)
    assert isinstance(said, ClueDispatched)
    assert said.reason.duties == ("refined-oil-commerce", "refined-oil-tax")

    refused = await call(run, TAXMAN, f"{path}:sign", {}, 403)
    assert refused["code"] == "clue-not-yours"
    await call(run, LEAD, f"{path}:sign", {})
    moves = (await call(run, TAXMAN, f"{path}/timeline"))["items"]
    assert [(one["move"], one["actor"], one["state_after"]) for one in moves] == [
        ("registered", "zhou", "registered"),
        ("dispatched", "chen", "dispatched"),
        ("signed", "chen", "signed"),
    ]
    assert moves[1]["reason"] == "按责任清单"
    assert moves[1]["due_before"] == view["due"]["at"]
    assert moves[1]["due_after"] == sent["sign_due"]["at"]


async def test_an_outsider_of_another_prefecture_gets_404_everywhere(run: Running) -> None:
    id_ = await signed(run)
    for path in (f"/clues/{id_}", f"/clues/{id_}/timeline"):
        await call(run, OUTSIDER, path, expect=404)
    for act in ("dispatch", "sign", "return"):
        await call(run, OUTSIDER, f"/clues/{id_}:{act}", {}, 404)
    assert (await call(run, OUTSIDER, "/clues"))["items"] == []
    case = {"clue": id_, "code14": CODE14, "act": "short-measure"}
    await call(run, OUTSIDER, "/cases", case, 404)
    assert (await call(run, SUPERVISOR, f"/clues/{id_}"))["id"] == id_


async def test_the_same_number_of_the_same_source_makes_no_second_clue(run: Running) -> None:
    await call(run, LEAD, "/clues", BY_HAND, 201)
    again = await call(run, LEAD, "/clues", BY_HAND, 409)
    assert again["code"] == "clue-already-registered"
    assert len(await run.said(ClueRegistered)) == 1


async def test_an_answer_that_was_whole_is_repeated_only_to_who_may_see_it_so_and_leaves_a_trace(
    run: Running,
) -> None:
    body = BY_HAND | {"summary": "致电13812341234"}
    states = replace(LEAD, purpose="核查")
    answers = []
    for by in (states, states, LEAD):
        async with run.client(by) as client:
            key = {"idempotency-key": "k"}
            answers.append(await client.post("/clues", json=body, headers=key))
    assert [one.status_code for one in answers] == [201, 201, 422]
    assert answers[1].headers["idempotent-replayed"] == "true"
    assert answers[1].json()["summary"] == "致电13812341234"
    assert answers[2].json()["code"] == "idempotency-key-used-otherwise"
    async with run.db.begin(system("clue-dispatch"), "test") as tx:
        reasons = (await tx.execute(select(audit.c.reason))).scalars().all()
    assert reasons.count("核查") == 2
    assert len(await run.said(ClueRegistered)) == 1


@covers("R10.2")
async def test_a_wrong_code_makes_a_provisional_subject_that_is_announced_once(
    run: Running,
) -> None:
    wrong = BY_HAND | {"code": FIRM[:-1] + "X"}
    first = await call(run, LEAD, "/clues", wrong, 201)
    second = await call(run, LEAD, "/clues", wrong | {"source_number": "12345-2"}, 201)
    assert first["subject"] == second["subject"]
    assert first["subject"].startswith("prov-")
    (said,) = await run.said(SubjectSighted)
    assert isinstance(said, SubjectSighted)
    assert (said.source, said.fault, said.raw) == (COMMERCE, "code-check-digit", FIRM[:-1] + "X")


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"item": "no-such-item"}, "clue-item-unknown", "item"),
        ({"region": "990000"}, "clue-region-unknown", "region"),
        ({"code": None, "name": " "}, "subject-unnamed", "code"),
        ({"colour": "red"}, "invalid", "colour"),
    ],
)
async def test_what_cannot_be_is_refused_with_its_field(
    run: Running, change: dict[str, Any], code: str, field: str
) -> None:
    refused = await call(run, LEAD, "/clues", BY_HAND | change, 422)
    assert (refused["code"], refused["errors"][0]["field"]) == (code, field)


async def test_a_returned_clue_goes_back_with_its_basis(run: Running) -> None:
    id_ = (await call(run, LEAD, "/clues", BY_HAND, 201))["id"]
    await call(run, LEAD, f"/clues/{id_}:dispatch", {})
    assert (await call(run, LEAD, f"/clues/{id_}:return", {}, 422))["code"] == (
        "clue-return-without-basis"
    )
    back = await call(run, LEAD, f"/clues/{id_}:return", {"basis": "三定规定第四条"})
    assert (back["state"], back["lead"], back["returns"]) == ("registered", None, 1)
    await call(run, LEAD, f"/clues/{id_}:dispatch", {})


@covers("R10.4", "R10.5")
async def test_a_visit_answers_its_clue_which_is_then_concluded(run: Running) -> None:
    id_, request = await visiting(run)
    (said,) = await run.said(VisitRequested)
    assert isinstance(said, VisitRequested)
    assert [one.department for one in said.departments] == [COMMERCE, TAX]
    conclusion = {"conclusion": "confirmed", "evidence": "现场笔录"}
    open_ = await call(run, LEAD, f"/clues/{id_}:conclude", conclusion, 409)
    assert open_["code"] == "clue-visit-open"

    await run.hear(
        planned(request), result("x-1", Category.TO_BE_HANDLED, request=request), finished(request)
    )
    view = await call(run, TAXMAN, f"/clues/{id_}")
    assert (view["state"], view["turn"]["task"]) == ("answered", "conclude")
    assert [(one["result"], one["department"]) for one in view["findings"]] == [("x-1", TAX)]
    assert len(await run.said(ClueRegistered)) == 1  # a result with a request makes no new clue

    closed = await call(run, LEAD, f"/clues/{id_}:conclude", conclusion)
    assert (closed["state"], closed["approved_by"], closed["turn"]) == ("closed", "chen", None)
    assert len(await run.said(ClueClosed)) == 1
    again = await call(run, LEAD, f"/clues/{id_}:conclude", conclusion, 409)
    assert again["code"] == "clue-not-answered"


async def test_one_result_answers_each_clue_whose_request_was_merged_into_the_visit(
    run: Running,
) -> None:
    ids, requests = [], []
    for number in ("12345-1", "12345-2"):
        again = BY_HAND | {"source_number": number}
        id_ = (await call(run, LEAD, "/clues", again, 201))["id"]
        await call(run, LEAD, f"/clues/{id_}:dispatch", {})
        await call(run, LEAD, f"/clues/{id_}:sign", {})
        view = await call(run, LEAD, f"/clues/{id_}:request-visit", window(run))
        ids.append(id_)
        requests.append(view["visits"][0]["request"])
    said = result("x-1", Category.TO_BE_HANDLED, request=requests[0])
    both = said.model_copy(update={"requests": tuple(requests)})
    await run.hear(planned(*requests), both, finished(*requests))
    for id_, request in zip(ids, requests, strict=True):
        view = await call(run, LEAD, f"/clues/{id_}")
        assert view["state"] == "answered"
        assert [(one["result"], one["request"]) for one in view["findings"]] == [("x-1", request)]


async def test_a_refused_visit_is_the_leads_turn_again(run: Running) -> None:
    id_, request = await visiting(run)
    await run.hear(VisitRefused(request=request, code="visit-cap", reason="…"))
    view = await call(run, LEAD, f"/clues/{id_}")
    assert (view["visits"][0]["state"], view["visits"][0]["code"]) == ("refused", "visit-cap")
    assert view["turn"]["task"] == "verify"
    await call(run, LEAD, f"/clues/{id_}:feedback", {"text": "书面核查"})


@covers("R8.6")
async def test_a_red_warning_becomes_a_clue_at_once_and_only_one(run: Running) -> None:
    await run.hear(warning(Level.ORANGE))
    await run.hear(warning(Level.RED), sequence=2)
    view = await clue_of(run, LEAD, "origin=warning")
    assert view["origin"] == {"type": "warning", "id": "w-1", "rule": "warning.at_once"}
    assert (view["turn"]["task"], view["owner"]) == ("assess", COMMERCE)
    await run.hear(assessment(Outcome.VALID), sequence=3)
    assert (await clue_of(run, LEAD))["turn"]["task"] == "dispatch"
    moves = (await call(run, LEAD, f"/clues/{view['id']}/timeline"))["items"]
    assert [one["move"] for one in moves] == ["registered", "raised_again", "assessed"]


async def test_a_yellow_warning_becomes_a_clue_once_it_is_valid(run: Running) -> None:
    await run.hear(warning(Level.YELLOW))
    assert (await call(run, LEAD, "/clues"))["items"] == []
    await run.hear(assessment(Outcome.WATCH), sequence=2)
    assert (await call(run, LEAD, "/clues"))["items"] == []
    await run.hear(assessment(Outcome.VALID), sequence=3)
    assert (await clue_of(run, LEAD))["origin"]["rule"] == "warning.after_assessment"
    await run.hear(warning(Level.RED), sequence=4)
    await clue_of(run, LEAD)  # it stays one clue


async def test_a_false_warning_closes_its_clue(run: Running) -> None:
    await run.hear(warning(Level.RED))
    await run.hear(assessment(Outcome.FALSE), sequence=2)
    view = await clue_of(run, LEAD)
    assert (view["state"], view["conclusion"]) == ("closed", "false_warning")
    (said,) = await run.said(ClueClosed)
    assert isinstance(said, ClueClosed)
    assert said.origin.id == "w-1"


@covers("R9.10")
async def test_the_result_of_a_draw_becomes_a_clue_where_policy_says_so(run: Running) -> None:
    await run.hear(result("x-1", Category.CORRECTION_ORDERED, draw="d-1"))
    assert (await call(run, SUPERVISOR, "/clues"))["items"] == []
    await run.hear(result("x-2", Category.TO_BE_HANDLED, draw="d-1"))
    await run.hear(result("x-2", Category.TO_BE_HANDLED, draw="d-1"), sequence=2)
    view = await clue_of(run)
    assert view["origin"] == {"type": "result", "id": "x-2", "rule": "result.to_be_handled"}
    assert (view["item"], view["brought_by"]) == (OIL, TAX)  # the item follows from the code


async def test_lists_say_what_is_mine_and_what_is_due(run: Running) -> None:
    id_ = await signed(run)
    assert (await clue_of(run, LEAD, "turn=mine"))["id"] == id_
    assert (await call(run, TAXMAN, "/clues?turn=mine"))["items"] == []
    async with run.client(LEAD) as client:
        far = {"due_before": (run.context.clock.now() + timedelta(days=60)).isoformat()}
        near = {"due_before": run.context.clock.now().isoformat()}
        for params, count in ((far, 1), (near, 0), ({"state": "closed"}, 0), ({"item": OIL}, 1)):
            found = await client.get("/clues", params=params)
            assert len(found.json()["items"]) == count, params


async def test_pages_of_clues_follow_on_one_another(run: Running) -> None:
    for number in range(3):
        await call(run, LEAD, "/clues", BY_HAND | {"source_number": str(number)}, 201)
    for query in ("limit=2", "limit=2&turn=mine"):
        first = await call(run, LEAD, f"/clues?{query}")
        rest = await call(run, LEAD, f"/clues?{query}&cursor={first['next']}")
        ids = [one["id"] for one in (*first["items"], *rest["items"])]
        assert len(set(ids)) == 3
        assert rest["next"] is None


async def test_what_nobody_owns_breaks_i9_and_is_routed_once_the_matrix_names_a_lead(
    run: Running,
) -> None:
    late = ItemId("gas")
    await run.hear(warning(Level.RED, item=late))
    async with run.db.begin(system("clue-dispatch"), "test") as tx:
        assert not (await owned(tx)).ok
    assert await route_once(run.db) == 0
    await run.hear(oil(late))

    async def routed() -> bool:  # by this call, or by the service's own ticker
        await route_once(run.db)
        return bool((await clue_of(run))["owner"] == COMMERCE)

    await until(routed)
    assert (await clue_of(run, LEAD))["owner"] == COMMERCE
    async with run.db.begin(system("clue-dispatch"), "test") as tx:
        assert (await owned(tx)).ok


async def test_what_nobody_leads_yet_keeps_nothing_behind_it_from_being_routed(
    run: Running,
) -> None:
    never, late = ItemId("steam"), ItemId("gas")
    await run.hear(warning(Level.RED, "w-1", never), warning(Level.RED, "w-2", late))
    await run.hear(oil(late))

    async def routed() -> bool:  # by this call, or by the service's own ticker
        await route_once(run.db, at_once=1)
        found = (await call(run, SUPERVISOR, "/clues"))["items"]
        return [one["item"] for one in found if one["owner"] == COMMERCE] == [late]

    await until(routed)
    assert (await clue_of(run, LEAD))["item"] == late


OFFICERS = [
    {"person": "li", "certificate": "33010001"},
    {"person": "qian", "certificate": "33010002"},
]
NOTICE = {
    "facts": "计量作弊",
    "law": "计量法第二十六条",
    "kinds": ["fine"],
    "fine_fen": 300_000,
    "statement": "heard",
    "statement_text": "当事人承认，未提异议",
}
DECISION = {"kinds": ["fine"], "fine_fen": 300_000, "tier": "general", "document": "杭商罚1号"}


async def reviewed(run: Running, clue: str, act: str, **review: object) -> str:
    body = {"clue": clue, "code14": CODE14, "act": act}
    id_ = (await call(run, LEAD, "/cases", body, 201))["id"]
    path = f"/cases/{id_}"
    investigation = {"officers": OFFICERS, "findings": "…"}
    await call(run, LEAD, f"{path}:investigate", investigation)
    await call(run, LEAD, f"{path}:notify", NOTICE)
    await call(run, REVIEWER, f"{path}:review", {"opinion": "同意"} | review)
    return path


async def test_a_case_goes_from_filing_to_service_and_announces_the_penalty(run: Running) -> None:
    clue = await signed(run)
    path = await reviewed(run, clue, "short-measure")
    filed = await call(run, LEAD, f"/cases?clue={clue}")
    assert [one["state"] for one in filed["items"]] == ["reviewed"]
    decided = await call(run, LEAD, f"{path}:decide", DECISION)
    assert decided["penalty"]["fine_fen"] == 300_000
    (said,) = await run.said(PenaltyDecided)
    assert isinstance(said, PenaltyDecided)
    assert (said.clue, said.penalty) == (clue, decided["penalty"]["penalty"])
    served = await call(run, LEAD, f"{path}:serve", {"means": "direct"})
    assert (served["state"], served["means"]) == ("served", "direct")
    assert (await call(run, LEAD, f"{path}:serve", {"means": "post"}, 409))["code"] == (
        "case-not-decided"
    )


async def test_the_cause_of_a_penalty_is_the_last_event_of_its_clue(run: Running) -> None:
    path = await reviewed(run, await signed(run), "short-measure")
    await call(run, LEAD, f"{path}:decide", DECISION)
    query = select(outbox.c.type, outbox.c.event_id, outbox.c.envelope).order_by(outbox.c.id)
    async with run.db.begin(system("clue-dispatch"), "test") as tx:
        rows = (await tx.execute(query)).all()
    dispatched = next(row.event_id for row in rows if row.type == ClueDispatched.type)
    assert f'"causationid":"{dispatched}"' in rows[-1].envelope


@covers("R10.6")
async def test_a_second_fine_for_one_act_is_barred_unless_the_reviewer_frees_it(
    run: Running,
) -> None:
    first = await reviewed(run, await signed(run), "short-measure")
    earlier = (await call(run, LEAD, f"{first}:decide", DECISION))["id"]
    again = BY_HAND | {"source_number": "12345-9"}
    other = (await call(run, LEAD, "/clues", again, 201))["id"]
    await call(run, LEAD, f"/clues/{other}:dispatch", {})
    await call(run, LEAD, f"/clues/{other}:sign", {})
    second = await reviewed(run, other, "short-measure")
    barred = await call(run, LEAD, f"{second}:decide", DECISION, 409)
    assert (barred["code"], barred["earlier"]) == ("case-second-fine", earlier)

    twice = {"clue": other, "code14": CODE14, "act": "short-measure"}
    assert (await call(run, LEAD, "/cases", twice, 409))["code"] == "case-already-filed"

    third = BY_HAND | {"source_number": "12345-10"}
    clue = (await call(run, LEAD, "/clues", third, 201))["id"]
    await call(run, LEAD, f"/clues/{clue}:dispatch", {})
    await call(run, LEAD, f"/clues/{clue}:sign", {})
    freed = await reviewed(run, clue, "short-measure", other_act_than=[earlier])
    await call(run, LEAD, f"{freed}:decide", DECISION)


async def test_what_needs_a_hearing_is_refused_in_both_languages(run: Running) -> None:
    clue = await signed(run)
    body = {"clue": clue, "code14": CODE14, "act": "short-measure"}
    id_ = (await call(run, LEAD, "/cases", body, 201))["id"]
    investigation = {"officers": OFFICERS, "findings": "…"}
    await call(run, LEAD, f"/cases/{id_}:investigate", investigation)
    large = NOTICE | {"fine_fen": 10_000_000}
    refused = await call(run, LEAD, f"/cases/{id_}:notify", large, 409)
    assert refused["code"] == "case-hearing-needed"
    assert "第六十三条" in refused["title"]


async def test_a_case_follows_its_party_once_that_is_known(run: Running) -> None:
    named = {key: value for key, value in BY_HAND.items() if key != "code"} | {"name": "某加油站"}
    clue = await call(run, LEAD, "/clues", named, 201)
    await call(run, LEAD, f"/clues/{clue['id']}:dispatch", {})
    await call(run, LEAD, f"/clues/{clue['id']}:sign", {})
    body = {"clue": clue["id"], "code14": CODE14, "act": "short-measure"}
    id_ = (await call(run, LEAD, "/cases", body, 201))["id"]
    investigation = {"officers": OFFICERS, "findings": "…"}
    await call(run, LEAD, f"/cases/{id_}:investigate", investigation)
    notice = NOTICE | {"fine_fen": 5_000_000}
    unknown = await call(run, LEAD, f"/cases/{id_}:notify", notice, 409)
    assert unknown["code"] == "case-hearing-needed"  # it may be a person

    row = EntityRow(
        id=EntityId(clue["subject"]),
        version=2,
        name=None,
        kind=EntityKind.PROVISIONAL,
        status=EntityStatus.ACTIVE,
        alias_of=FIRM_ID,
    )
    await run.hear(EntityBatch(batch="b-2", rows=(row,)))
    await call(run, LEAD, f"/cases/{id_}:notify", notice)
    for subject in (FIRM_ID, clue["subject"]):
        found = await call(run, LEAD, f"/cases?subject={subject}")
        assert [one["id"] for one in found["items"]] == [id_]


async def test_a_case_is_seen_by_its_department_and_the_clues_lead_only(run: Running) -> None:
    clue = await signed(run)
    body = {"clue": clue, "code14": CODE14, "act": "short-measure"}
    id_ = (await call(run, TAXMAN, "/cases", body, 201))["id"]
    assert (await call(run, LEAD, f"/cases/{id_}"))["department"] == TAX
    await call(run, MARKET, f"/cases/{id_}", expect=404)
    await call(run, OUTSIDER, f"/cases/{id_}", expect=404)
    one = {"officers": OFFICERS, "findings": "…"}
    refused = await call(run, LEAD, f"/cases/{id_}:investigate", one, 403)
    assert refused["code"] == "case-not-yours"


async def test_an_acting_role_is_needed(run: Running) -> None:
    refused = await call(run, SUPERVISOR, "/clues", BY_HAND, 403)
    assert refused["code"] == "role-missing"


async def test_every_table_with_a_subject_that_people_read_has_its_wall(run: Running) -> None:
    query = text("SELECT relname FROM pg_class WHERE relforcerowsecurity ORDER BY relname")
    async with run.db.begin(system("clue-dispatch"), "test") as tx:
        walled = set((await tx.execute(query)).scalars())
    assert {"clue", "clue_move", "finding", "requested_visit", "case_file"} <= walled


async def test_nobody_registers_a_clue_that_would_be_out_of_their_own_scope(run: Running) -> None:
    nobody = actor("feed", None, "330200", Role.OFFICER)
    async with run.client(nobody) as client:
        answer = await client.post("/clues", json=BY_HAND)
    assert (answer.status_code, answer.json()["code"]) == (403, "outside-your-scope")
