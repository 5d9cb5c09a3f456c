"""Tickets of a hotline in bulk, and what officers do with many clues at once."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.dialects import postgresql
from tests.contract.test_clue_dispatch import (
    BY_HAND,
    COMMERCE,
    FIRM,
    FIRM_ID,
    LEAD,
    OIL,
    OUTSIDER,
    SUPERVISOR,
    TAX,
    TAXMAN,
    call,
    oil,
    warning,
    window,
    world,
)

from clue_dispatch.app import service
from clue_dispatch.clue.store.counting import counting
from clue_dispatch.clue.tables import clue
from contracts.clue_dispatch import ClueDispatched, ClueRegistered, SubjectSighted, VisitRequested
from contracts.credit_service import EntityBatch, EntityId, EntityKind, EntityRow, EntityStatus
from contracts.item_registry import ItemId
from contracts.risk_monitor import Level
from contracts.roles import Role
from kit.auth import Actor, system
from kit.deadlines import shanghai_day
from kit.testing import Running, Serve, actor, covers

ADMIN = actor("root", None, "000000", Role.ADMIN)
HOTLINE = actor("12345", "hotline-330100", "330100", Role.INTEGRATOR)
TICKET = {
    "ticket": "HZ-0001",
    "source": "12345热线",
    "received_at": "2026-03-03 10:00:00",
    "text": "城西那家加油站加了三十升，跳枪好几次，油箱根本装不下",
    "item": OIL,
    "region": "330106",
    "code": FIRM,
    "name": "城西加油站",
    "place": "文一西路地铁口对面",
    "kind": "举报",
}


@pytest.fixture
async def run(serve: Serve) -> AsyncIterator[Running]:
    async with serve(service) as started:
        await world(started)
        yield started


async def load(run: Running, rows: Sequence[dict[str, Any]], by: Actor = HOTLINE) -> dict[str, Any]:
    """Import tickets; gives the job with its errors."""
    job, errors = await run.load(by, "clues", rows)
    return job | {"errors": errors}


def told(state: dict[str, Any]) -> tuple[int, ...]:
    names = ("accepted", "provisional", "duplicate", "revised", "rejected")
    return tuple(state[name] for name in names)


def merged(id_: EntityId, into: EntityId) -> EntityRow:
    kind = EntityKind.PROVISIONAL if id_.startswith("prov-") else EntityKind.LEGAL_PERSON
    return EntityRow(
        id=id_, version=2, name=None, kind=kind, status=EntityStatus.ACTIVE, alias_of=into
    )


async def only(run: Running, by: Actor = LEAD) -> dict[str, Any]:
    (one,) = (await call(run, by, "/clues"))["items"]
    found: dict[str, Any] = one
    return found


async def count(run: Running, table: str, which: str = "true") -> int:
    async with run.db.begin(system("clue-dispatch"), "test") as tx:
        query = text(f"SELECT count(*) FROM {table} WHERE {which}")
        return int((await tx.execute(query)).scalar_one())


@covers("R10.1", "R10.3")
async def test_a_ticket_becomes_a_clue_with_its_route_and_its_reason(run: Running) -> None:
    assert told(await load(run, [TICKET])) == (1, 0, 0, 0, 0)
    view = await only(run)
    assert view["origin"] == {"type": "hotline", "id": "hotline-330100:HZ-0001", "rule": "hand"}
    assert (view["state"], view["subject"], view["owner"]) == ("registered", FIRM_ID, COMMERCE)
    assert (view["summary"], view["place"]) == (TICKET["text"], TICKET["place"])
    routing = view["routing"]
    assert (routing["lead"], routing["cooperators"]) == (COMMERCE, [TAX])
    assert [duty["basis"] for duty in routing["duties"]] == ["成品油流通管理办法"] * 2
    assert routing["chain"] == ["330106", "330100", "330000", "000000"]
    (move,) = (await call(run, LEAD, f"/clues/{view['id']}/timeline"))["items"]
    assert (move["move"], move["actor"], move["department"]) == (
        "registered",
        "12345",
        "hotline-330100",
    )
    assert len(await run.said(ClueRegistered)) == 1
    assert await count(run, "audit", f"object = 'clue/{view['id']}'") == 1
    assert await count(run, "clue", "'hotline-330100' = ANY (readers)") == 1


async def test_its_clock_runs_from_when_its_source_received_it_and_being_late_shows(
    run: Running,
) -> None:
    await load(run, [TICKET])
    view = await only(run)
    assert datetime.fromisoformat(view["registered_on"]) == datetime(2026, 3, 3, 2, tzinfo=UTC)
    # Received on a Tuesday: to be dispatched by the end of Wednesday, 4 March, in China.
    due = datetime.fromisoformat(view["dispatch_due"]["at"])
    assert due == datetime(2026, 3, 4, 16, tzinfo=UTC)
    assert view["due"]["overdue"] is True
    assert (await call(run, LEAD, "/clues?overdue=true"))["items"][0]["id"] == view["id"]
    done = await call(run, LEAD, f"/clues/{view['id']}:dispatch", {})
    assert done["sign_due"]["overdue"] is False


async def test_the_same_tickets_again_are_duplicates(run: Running) -> None:
    rows = [TICKET | {"ticket": f"HZ-{n}"} for n in range(30)]
    assert told(await load(run, rows)) == (30, 0, 0, 0, 0)
    assert told(await load(run, [*rows, *rows])) == (60, 0, 60, 0, 0)
    assert await count(run, "clue") == 30
    assert len(await run.said(ClueRegistered)) == 30
    again = BY_HAND | {"source_number": "HZ-1"}
    refused = await call(
        run, actor("li", "hotline-330100", "330100", Role.OFFICER), "/clues", again, 409
    )
    assert refused["code"] == "clue-already-registered"


async def test_other_words_are_a_revision_and_the_first_ones_stay_in_the_timeline(
    run: Running,
) -> None:
    await load(run, [TICKET])
    other = TICKET | {"text": "补充：是五号枪"}
    assert told(await load(run, [TICKET, other, other])) == (3, 0, 2, 1, 0)
    view = await only(run)
    assert (view["summary"], view["version"]) == ("补充：是五号枪", 2)
    moves = (await call(run, LEAD, f"/clues/{view['id']}/timeline"))["items"]
    assert [(one["move"], one["note"]) for one in moves] == [
        ("registered", TICKET["text"]),
        ("revised", "补充：是五号枪"),
    ]
    assert len(await run.said(ClueRegistered)) == 1  # what others know of it is the same


async def test_a_ticket_with_a_lead_does_not_change_any_more(run: Running) -> None:
    await load(run, [TICKET])
    view = await only(run)
    await call(run, LEAD, f"/clues/{view['id']}:dispatch", {})
    state = await load(run, [TICKET, TICKET | {"text": "另一回事"}])
    assert told(state) == (1, 0, 1, 0, 1)
    (fault,) = state["errors"]
    assert (fault["row"], fault["column"], fault["code"]) == (
        2,
        "ticket",
        "clue-already-dispatched",
    )
    assert view["id"] in fault["message"]
    assert (await only(run))["summary"] == TICKET["text"]


@covers("R10.2")
async def test_a_ticket_that_only_names_a_firm_lands_on_a_provisional_subject(
    run: Running,
) -> None:
    named = {name: value for name, value in TICKET.items() if name != "code"}
    rows = [named, named | {"ticket": "HZ-2"}, TICKET | {"ticket": "HZ-3", "code": FIRM[:-1] + "X"}]
    assert told(await load(run, rows)) == (3, 3, 0, 0, 0)
    said = await run.said(SubjectSighted)
    assert [(one.fault, one.raw) for one in said if isinstance(one, SubjectSighted)] == [
        ("code-empty", None),
        ("code-check-digit", FIRM[:-1] + "X"),
    ]
    found = (await call(run, LEAD, "/clues"))["items"]
    assert {one["name"] for one in found} == {"城西加油站"}
    assert len({one["subject"] for one in found}) == 2


@pytest.mark.parametrize(
    ("change", "code", "column"),
    [
        ({"item": "no-such-item"}, "clue-item-unknown", "item"),
        ({"region": "990000"}, "clue-region-unknown", "region"),
        ({"code": "", "name": " "}, "subject-unnamed", "code"),
        ({"received_at": "2999-01-01 10:00"}, "ticket-not-yet-received", "received_at"),
        ({"received_at": "2019-01-01 10:00"}, "clue-no-terms", "received_at"),
        ({"kind": "投诉"}, "ticket-complaint-only", "kind"),
        ({"source": "天上掉的"}, "field-invalid", "source"),
    ],
)
async def test_a_row_that_cannot_be_is_named_and_the_others_go_on(
    run: Running, change: dict[str, Any], code: str, column: str
) -> None:
    state = await load(run, [TICKET | change, TICKET | {"ticket": "HZ-9"}])
    assert told(state) == (1, 0, 0, 0, 1)
    (fault,) = state["errors"]
    assert (fault["row"], fault["code"], fault["column"]) == (1, code, column)
    assert fault["message"]
    if code != "field-invalid":
        assert fault["expected"]


async def test_a_ticket_that_holds_both_is_split(run: Running) -> None:
    await load(run, [TICKET | {"kind": "投诉举报"}])
    assert (await only(run))["complaint"] is True


async def test_a_clue_of_a_day_without_terms_is_refused_with_its_field(run: Running) -> None:
    refused = await call(run, LEAD, "/clues", BY_HAND | {"acted_on": "2019-01-01T00:00:00Z"}, 422)
    assert refused["code"] == "clue-no-terms"
    assert refused["errors"] == [
        {"field": "acted_on", "got": "2019-01-01", "expected": "≥ 2023-02-17"}
    ]


@covers("R10.3")
async def test_many_are_dispatched_at_once_and_one_refused_stops_no_other(run: Running) -> None:
    await load(run, [TICKET | {"ticket": f"HZ-{n}"} for n in range(3)])
    ids = [one["id"] for one in (await call(run, LEAD, "/clues"))["items"]]
    await call(run, LEAD, f"/clues/{ids[1]}:dispatch", {})
    asked = {"clues": [*ids, "no-such-clue", ids[0]], "reason": "按责任清单派单"}
    answer = await call(run, LEAD, "/clues:dispatch", asked)
    assert (answer["done"], answer["refused"]) == (2, 2)
    assert [one["clue"] for one in answer["items"]] == [*ids, "no-such-clue"]
    first, second, third, fourth = answer["items"]
    assert (first["done"], first["lead"], first["cooperators"]) == (True, COMMERCE, [TAX])
    assert first["sign_due"]["overdue"] is False
    assert (second["done"], second["problem"]["code"]) == (False, "clue-not-registered")
    assert second["problem"]["title"].startswith("线索")
    assert (third["done"], fourth["problem"]["code"]) == (True, "not-found")
    assert len(await run.said(ClueDispatched)) == 3
    assert await count(run, "audit", "act = 'POST /clues:dispatch'") == 2
    moves = (await call(run, TAXMAN, f"/clues/{ids[0]}/timeline"))["items"]
    assert [(one["move"], one["reason"]) for one in moves][1] == ("dispatched", "按责任清单派单")
    centre = actor("zhao", "hotline-330100", "330100", Role.LEAD)
    await load(run, [TICKET | {"ticket": "HZ-9"}])
    (new,) = (await call(run, centre, "/clues?state=registered"))["items"]
    assert (await call(run, centre, "/clues:dispatch", {"clues": [new["id"]]}))["done"] == 1
    nobody = await call(run, OUTSIDER, "/clues:dispatch", {"clues": ids})
    assert {one["problem"]["code"] for one in nobody["items"]} == {"not-found"}


async def test_what_the_matrix_leaves_open_is_visible_and_refused_with_why(run: Running) -> None:
    headless = oil(ItemId("gas")).model_copy(update={"duties": ()})
    await run.hear(headless)
    await load(run, [TICKET | {"item": "gas"}])
    (one,) = (await call(run, SUPERVISOR, "/clues?unrouted=true"))["items"]
    assert one["routing"]["lead"] is None
    assert one["routing"]["problems"] == ["responsibility-no-lead"]
    asked = {"clues": [one["id"]]}
    answer = await call(run, ADMIN, "/clues:dispatch", asked)
    assert answer["items"][0]["problem"]["code"] == "clue-unroutable"
    summary = await call(run, SUPERVISOR, "/clues:summary")
    assert summary["by_lead"] == [{"lead": None, "clues": 1, "overdue": 1}]


@covers("R10.9")
async def test_the_summary_counts_what_the_caller_may_see(run: Running) -> None:
    await load(run, [TICKET | {"ticket": f"HZ-{n}"} for n in range(4)])
    await run.hear(warning(Level.RED))
    ids = [one["id"] for one in (await call(run, LEAD, "/clues?source=hotline"))["items"]]
    await call(run, LEAD, "/clues:dispatch", {"clues": ids[:2]})
    seen = await call(run, LEAD, "/clues:summary")
    assert (seen["clues"], seen["overdue"]) == (5, 2)
    assert seen["by_source"] == {
        "hotline": {"clues": 4, "overdue": 2},
        "warning": {"clues": 1, "overdue": 0},
    }
    assert seen["by_state"] == {
        "registered": {"clues": 3, "overdue": 2},
        "dispatched": {"clues": 2, "overdue": 0},
    }
    assert seen["by_lead"] == [{"lead": COMMERCE, "clues": 5, "overdue": 2}]
    assert (await call(run, TAXMAN, "/clues:summary"))["clues"] == 2
    assert (await call(run, OUTSIDER, "/clues:summary"))["clues"] == 0
    by_lead = (await call(run, LEAD, f"/clues?lead={COMMERCE}&state=registered"))["items"]
    assert len(by_lead) == 3

    await call(run, LEAD, f"/clues/{ids[0]}:sign", {})
    await call(run, LEAD, f"/clues/{ids[0]}:feedback", {"text": "已核实"})
    ending = {"conclusion": "unfounded", "evidence": "检定证书"}
    await call(run, LEAD, f"/clues/{ids[0]}:conclude", ending)
    assert (await call(run, LEAD, "/clues:summary"))["clues"] == 4
    today = shanghai_day(run.context.clock.now())
    since = await call(run, LEAD, f"/clues:summary?closed_since={today}")
    assert since["by_state"]["closed"] == {"clues": 1, "overdue": 0}


async def test_a_clue_follows_its_subject_once_that_is_known(run: Running) -> None:
    named = {name: value for name, value in TICKET.items() if name != "code"}
    await load(run, [named])
    before = await only(run)
    prov = before["subject"]
    assert before["registered_on_subject"] is None
    await run.hear(EntityBatch(batch="b-2", rows=(merged(EntityId(prov), FIRM_ID),)))
    view = await only(run)
    assert (view["subject"], view["registered_on_subject"]) == (FIRM_ID, prov)
    for id_ in (FIRM_ID, prov):
        assert len((await call(run, LEAD, f"/clues?subject={id_}"))["items"]) == 1
    await call(run, LEAD, f"/clues/{view['id']}:dispatch", {})
    await call(run, LEAD, f"/clues/{view['id']}:sign", {})
    await call(run, LEAD, f"/clues/{view['id']}:request-visit", window(run))
    (said,) = await run.said(VisitRequested)
    assert isinstance(said, VisitRequested)
    assert said.subject == FIRM_ID
    assert told(await load(run, [named])) == (1, 1, 1, 0, 0)  # its source says the same as before
    heir = EntityId("uscc-91330100MA0000000X")
    await run.hear(EntityBatch(batch="b-3", rows=(merged(FIRM_ID, heir), merged(heir, FIRM_ID))))
    assert (await only(run))["subject"] == heir  # a circle ends where it began


async def test_an_act_needs_no_body_and_a_body_needs_no_content_type(run: Running) -> None:
    await load(run, [TICKET])
    id_ = (await only(run))["id"]
    async with run.client(LEAD) as client:
        dispatched = await client.post(f"/clues/{id_}:dispatch")
        assert dispatched.status_code == 200, dispatched.text
        signed = await client.post(f"/clues/{id_}:sign", content=b'{"reason": "x"}')
        assert signed.status_code == 200, signed.text
        lacking = await client.post(f"/clues/{id_}:feedback")
        assert (lacking.status_code, lacking.json()["errors"][0]["field"]) == (422, "text")
        form = await client.post(f"/clues/{id_}:feedback", data={"text": "x"})
        assert (form.status_code, form.json()["code"]) == (422, "body-not-json")
        assert form.json()["errors"][0]["expected"] == "application/json"


async def test_a_hotlines_day_is_registered_in_one_file_and_dispatched_in_one_act(
    run: Running,
) -> None:
    named = {name: value for name, value in TICKET.items() if name != "code"}
    rows = [named | {"ticket": f"HZ-{n}", "name": f"第{n}加油站（示例）"} for n in range(200)]
    assert told(await load(run, rows)) == (200, 200, 0, 0, 0)
    ids = [one["id"] for one in (await call(run, LEAD, "/clues?limit=200"))["items"]]
    assert (await call(run, LEAD, "/clues:dispatch", {"clues": ids}))["done"] == 200
    assert len(await run.said(ClueDispatched)) == 200
    more = await call(run, LEAD, "/clues:dispatch", {"clues": [*ids, "one-more"]}, 422)
    assert more["errors"][0]["field"] == "clues"


async def test_the_summary_of_a_large_table_reads_the_open_clues_alone(run: Running) -> None:
    await load(run, [TICKET])
    columns = [column.name for column in clue.c]
    made = {
        "id": "'c-' || n",
        "origin_id": "'o-' || n",
        "state": "'closed'",
        "due_at": "NULL::timestamptz",
        "closed_on": "DATE '2024-01-01' + n % 700",
    }
    values = ", ".join(made.get(name, f'"{name}"') for name in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    fill = f"INSERT INTO clue ({names}) SELECT {values} FROM clue, generate_series(1, 100000) n"
    async with run.db.begin(system("clue-dispatch"), "test") as tx:
        await tx.execute(text(fill))
    with psycopg.connect(run.owner_url, autocommit=True) as owner:
        owner.execute("ANALYZE clue")
    # Either index over the open clues will do; the planner takes the cheaper one.
    for closed_since, index in ((None, "clue_"), (date(2025, 11, 20), "clue_closed")):
        query = counting(run.context.clock.now(), closed_since).compile(
            dialect=postgresql.dialect(),  # type: ignore[no-untyped-call]
            compile_kwargs={"literal_binds": True},
        )
        async with run.db.begin(LEAD, "test") as tx:
            plan = (await tx.exec_driver_sql(f"EXPLAIN {query}")).scalars().all()
        assert index in "\n".join(plan), plan
        assert "Seq Scan" not in "\n".join(plan), plan
