"""risk-monitor at its boundary: HTTP, files and events, on real PostgreSQL."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime, timedelta
from importlib.resources import files
from typing import Any

import psycopg
import pytest
from sqlalchemy import Select, select, text
from sqlalchemy.dialects import postgresql
from stdnum.cn import uscc

from contracts.clue_dispatch import (
    ClueClosed,
    ClueDispatched,
    ClueRegistered,
    Conclusion,
    Origin,
    OriginType,
    Reason,
)
from contracts.credit_service import EntityBatch, EntityId, EntityKind, EntityRow, EntityStatus
from contracts.item_registry import (
    DepartmentChanged,
    DepartmentId,
    ItemId,
    Line,
    RegionChanged,
    RegionId,
)
from contracts.risk_monitor import (
    EvidenceState,
    SubjectSighted,
    WarningAssessed,
    WarningClosed,
    WarningRaised,
)
from contracts.roles import Role
from kit.auth import system
from kit.deadlines import shanghai_day
from kit.outbox import outbox
from kit.testing import Running, actor, covers, until
from risk_monitor.app import service
from risk_monitor.evaluation.jobs import PARTS, Judge
from risk_monitor.evaluation.store import LIST_ORDER as EVALUATIONS
from risk_monitor.evaluation.store import counting
from risk_monitor.evaluation.store import listed as listing
from risk_monitor.indicator.domain.months import months_between, months_later
from risk_monitor.signal.store import reading
from risk_monitor.signal.store.reading import standing_of
from risk_monitor.waiting.store import Part, nothing_waits, touch
from risk_monitor.waiting.tables import touched

Serve = Callable[..., AbstractAsyncContextManager[Running]]

ADMIN = actor("bootstrap", None, "000000", Role.ADMIN)
TAX = actor("tax-system", "tax-330100", "330100", Role.INTEGRATOR)
OFFICER = actor("wang", "commerce-330100", "330100", Role.OFFICER)
LEAD = actor("chen", "commerce-330100", "330100", Role.LEAD)
OUTSIDER = actor("zhou", "commerce-330200", "330200", Role.OFFICER)
AUTHOR = actor("li", "commerce-330000", "330000", Role.LEAD)

# Two stations of the published register; their check digits hold.
GOOD = "91330000668306747T"
OTHER = "91330000680735173C"
MODEL = json.loads(
    files("risk_monitor").joinpath("model/examples/refined_oil.json").read_text("utf-8")
)


@pytest.fixture
async def run(serve: Serve) -> AsyncIterator[Running]:
    async with serve(service) as started:
        await world(started)
        yield started


async def world(run: Running) -> None:
    tree = [("000000", None), ("330000", "000000"), ("330100", "330000"), ("330106", "330100")]
    for id_, parent in tree:
        above = RegionId(parent) if parent else None
        await run.hear(RegionChanged(id=RegionId(id_), parent=above, name=id_))
    for line in ("tax", "market", "commerce"):
        await run.hear(
            DepartmentChanged(
                id=DepartmentId(f"{line}-330100"),
                name=line,
                line=Line(line),
                level=3,
                territory=(RegionId("330100"),),
            )
        )


def months() -> list[date]:
    """Give the last six whole months."""
    this = shanghai_day(datetime.fromisoformat("2026-03-01T00:00:00+08:00"))
    return list(months_between(months_later(this, -6), months_later(this, -1)))


def weekly(code: str, litres: float = 7000.0) -> list[dict[str, Any]]:
    """Metered litres of every week that touches the six months."""
    first, end = months()[0], months_later(months()[-1], 1)
    monday = first - timedelta(days=first.weekday())
    rows = []
    while monday < end:
        rows.append(row("metered", code, monday, monday + timedelta(days=7), litres))
        monday += timedelta(days=7)
    return rows


def monthly(stream: str, code: str, a_day: float) -> list[dict[str, Any]]:
    """A flow of every month."""
    return [
        row(
            stream,
            code,
            month,
            months_later(month, 1),
            a_day * (months_later(month, 1) - month).days,
        )
        for month in months()
    ]


def row(stream: str, code: str, from_: date, to: date | None, value: float) -> dict[str, Any]:  # noqa: PLR0917
    source = {"metered": "commerce", "gauge": "commerce", "licence": "commerce"}.get(stream, "tax")
    return {
        "stream": stream,
        "code": code,
        "from": from_.isoformat(),
        "to": to.isoformat() if to else None,
        "value": value,
        "region": "330106",
        "source": f"{source}-330100",
    }


async def load(
    run: Running, rows: list[dict[str, Any]], *, trace: str | None = None
) -> dict[str, Any]:
    job, _ = await run.load(ADMIN, "signals", rows, **({"traceparent": trace} if trace else {}))
    return job


async def judged(run: Running) -> None:
    """Wait until nothing waits to be judged."""

    async def idle() -> bool:
        async with run.db.begin(system("risk-monitor"), "test") as tx:
            return (await nothing_waits(tx)).ok

    await until(idle)


async def activated(run: Running) -> str:
    async with run.client(AUTHOR) as client:
        made = await client.post("/warning-models", json=MODEL)
        assert made.status_code == 201, made.text
        own = await client.post(f"/warning-models/{made.json()['id']}:activate", json={})
        assert own.json()["code"] == "model-own-draft"
    async with run.client(LEAD) as client:
        done = await client.post(f"/warning-models/{made.json()['id']}:activate", json={})
        assert done.status_code == 200, done.text
    return str(done.json()["id"])


@covers("R8.2")
async def test_good_rows_are_kept_beside_faulty_ones(run: Running) -> None:
    good = row("declared", GOOD, date(2026, 1, 1), date(2026, 2, 1), 10.0)
    later = (date(2999, 1, 1), date(2999, 2, 1))
    rows = [
        good,
        good | {"value": -1},
        good | {"stream": "metred"},
        good | {"region": "999999"},
        row("declared", GOOD, *later, 1.0),
        good | {"code": "9.13301E+17"},
        good | {"from": 20260101},
        good | {"unit": "kg"},
    ]
    async with run.client(TAX) as client:
        answer = await client.post("/signals", json={"rows": rows})
        taken = answer.json()
        assert (taken["accepted"], taken["provisional"], taken["rejected"]) == (2, 1, 6)
        assert [(one["row"], one["column"], one["code"]) for one in taken["faults"]] == [
            (2, "value", "signal-negative"),
            (3, "stream", "signal-stream-unknown"),
            (4, "region", "signal-region-unknown"),
            (5, "from", "signal-in-future"),
            (7, "from", "field-invalid"),
            (8, "unit", "signal-unit-other"),
        ]
        assert all(one["got"] and one["expected"] for one in taken["faults"])
        yours = await client.post("/signals", json={"rows": [good | {"source": "market-330100"}]})
        assert yours.json()["faults"][0]["code"] == "signal-source-not-yours"
        many = await client.post("/signals", json={"rows": [good] * 1001})
        assert many.status_code == 413
    sighted = await run.said(SubjectSighted)
    assert [(one.fault, one.raw) for one in sighted if isinstance(one, SubjectSighted)] == [
        ("code-excel", "9.13301E+17")
    ]


async def test_the_same_again_is_a_duplicate_and_another_value_a_revision(run: Running) -> None:
    good = row("declared", GOOD, date(2026, 1, 1), date(2026, 2, 1), 10.0)
    async with run.client(TAX) as client:
        await client.post("/signals", json={"rows": [good]})
        again = await client.post("/signals", json={"rows": [good, good | {"value": 12.5}]})
        assert (again.json()["duplicate"], again.json()["revised"]) == (1, 1)
        listed = (await client.get("/signals", params={"subject": GOOD})).json()["items"]
        assert [(one["value"], one["revision"], one["to"]) for one in listed] == [
            (12.5, 2, "2026-01-31T16:00:00Z")
        ]
        one = (await client.get(f"/signals/{listed[0]['id']}")).json()
        assert [before["value"] for before in one["revisions"]] == [10.0]
    async with run.client(OUTSIDER) as client:
        assert (await client.get(f"/signals/{listed[0]['id']}")).status_code == 404
        assert (await client.get("/signals")).json()["items"] == []


async def test_a_corrected_place_moves_a_signal_to_those_who_may_read_there(run: Running) -> None:
    await run.hear(RegionChanged(id=RegionId("330200"), parent=RegionId("330000"), name="330200"))
    good = row("declared", GOOD, date(2026, 1, 1), date(2026, 2, 1), 10.0)
    moved = good | {"region": "330200"}
    there = actor("sun", "tax-330200", "330200", Role.OFFICER)
    async with run.client(TAX) as client:
        await client.post("/signals", json={"rows": [good]})
        taken = (await client.post("/signals", json={"rows": [moved, moved]})).json()
        assert (taken["duplicate"], taken["revised"]) == (1, 1)
    async with run.client(there) as client:
        (kept,) = (await client.get("/signals")).json()["items"]
    assert (kept["region"], kept["value"], kept["revision"]) == ("330200", 10.0, 2)


async def test_what_a_sender_still_holds_is_left_and_not_looked_at_without_a_pause(
    run: Running,
) -> None:
    who = system("risk-monitor")
    waits = {"subject": "prov-held", "month": date(2026, 1, 1), "since": run.db.clock.now()}
    async with run.db.begin(who, "test") as tx:
        await tx.execute(touched.insert().values(**waits))
    async with run.db.begin(who, "test") as holding:
        await holding.execute(select(touched).with_for_update())
        alias = EntityRow(
            id=EntityId("prov-held"),
            version=2,
            name=None,
            kind=EntityKind.PROVISIONAL,
            status=EntityStatus.ACTIVE,
            alias_of=EntityId(f"uscc-{GOOD}"),
        )
        await run.hear(EntityBatch(batch="b1", rows=(alias,)))
        parts = [Part(number, PARTS) for number in range(PARTS)]
        assert [await Judge(run.db, part).turn() for part in parts] == [False, False]
    await judged(run)


async def test_what_is_held_for_too_long_is_an_outage_and_no_fault_of_ours(run: Running) -> None:
    unknown = row("declared", "91330000668306747X", date(2026, 1, 1), date(2026, 2, 1), 10.0)
    async with run.client(TAX) as client:
        await client.post("/signals", json={"rows": [unknown]})
        async with run.db.begin(system("risk-monitor"), "test") as holding:
            await holding.execute(select(touched).with_for_update())
            busy = await client.post("/signals", json={"rows": [unknown | {"value": 11.0}]})
    assert (busy.status_code, busy.json()["code"]) == (503, "unavailable")


async def test_a_subject_that_cannot_be_judged_holds_nobody_else_back(run: Running) -> None:
    await activated(run)
    await load(run, [row("licence", OTHER, date(2026, 1, 1), date(2027, 1, 1), 1.0)])
    await judged(run)
    beyond = "9999-12-31T23:59:59Z"  # a day in China that no date can hold
    who, ends = (
        system("risk-monitor"),
        text("UPDATE signal SET \"to\" = :to WHERE stream = 'licence'"),
    )
    async with run.db.begin(who, "test") as tx:
        await tx.execute(ends, {"to": datetime.fromisoformat(beyond)})
        await touch(tx, {f"uscc-{OTHER}": date(2026, 1, 1)})
    await load(run, [*weekly(GOOD), *monthly("declared", GOOD, 700.0)])

    async def warned() -> bool:
        return bool(await run.said(WarningRaised))

    await until(warned)
    async with run.db.begin(who, "test") as tx:
        assert (await nothing_waits(tx)).detail == "1 waiting"
        await tx.execute(ends, {"to": datetime.fromisoformat("2027-01-01T00:00:00+08:00")})
    await judged(run)


async def test_the_evidence_of_very_many_warnings_is_checked_in_one_statement(
    run: Running,
) -> None:
    async with run.db.begin(system("risk-monitor"), "test") as tx:
        assert await standing_of(tx, map(str, range(70_000))) == set()


async def test_tonnes_are_kept_beside_the_litres_that_they_are(run: Running) -> None:
    good = row("declared", GOOD, date(2026, 1, 1), date(2026, 2, 1), 74.75)
    sent = good | {"unit": "t", "product": "92号汽油"}
    rows = [
        sent,
        good | {"unit": "t"},
        good | {"unit": "t", "product": "煤油"},
        good | {"unit": "桶"},
    ]
    async with run.client(TAX) as client:
        taken = (await client.post("/signals", json={"rows": rows})).json()
        assert [(one["column"], one["code"], one["got"]) for one in taken["faults"]] == [
            ("product", "signal-product-missing", ""),
            ("product", "signal-product-unknown", "煤油"),
            ("unit", "signal-unit-other", "桶"),
        ]
        assert all("gasoline92" in one["expected"] for one in taken["faults"][:2])
        again = (await client.post("/signals", json={"rows": [sent]})).json()
        assert (again["duplicate"], again["revised"]) == (1, 0)
        (kept,) = (await client.get("/signals", params={"subject": GOOD})).json()["items"]
    assert (kept["value"], kept["unit"], kept["product"]) == (100_000.0, "L", "gasoline92")
    assert kept["sent"] == {"value": 74.75, "unit": "t"}


@covers("R8.2")
async def test_a_source_that_is_silent_is_late(run: Running) -> None:
    await load(run, monthly("declared", GOOD, 1000.0))
    async with run.client(OFFICER) as client:
        found = (await client.get("/sources")).json()["items"]
    assert [(one["source"], one["stream"], one["last_to"]) for one in found] == [
        ("tax-330100", "declared", "2026-03-01")
    ]
    assert found[0]["late"] is True
    assert found[0]["rows"] == 6


@covers("R8.1", "R8.3", "R8.6", "R8.7")
async def test_a_station_that_declares_too_little_is_warned_of_until_its_clue_is_closed(
    run: Running,
) -> None:
    model = await activated(run)
    job = await load(
        run,
        [
            *weekly(GOOD),
            *monthly("declared", GOOD, 750.0),
            *monthly("invoiced", GOOD, 1000.0),
            *weekly(OTHER),
            *monthly("declared", OTHER, 990.0),
            *monthly("invoiced", OTHER, 1000.0),
        ],
    )
    assert job["rejected"] == 0, job
    await judged(run)
    raised = [one for one in await run.said(WarningRaised) if isinstance(one, WarningRaised)]
    assert [(one.kind_, one.level) for one in raised] == [
        ("declared_under_metered", "orange"),
        ("declared_under_metered", "red"),
    ]
    assert raised[0].warning == raised[1].warning
    path = f"/warnings/{raised[0].warning}"
    async with run.client(OFFICER) as client:
        params = {"level": "red", "region": "330100", "subject": GOOD, "item": "refined-oil"}
        listed = (await client.get("/warnings", params=params)).json()["items"]
        assert [one["id"] for one in listed] == [raised[0].warning]
        assert (listed[0]["first_month"], listed[0]["last_month"]) == ("2025-10-01", "2026-02-01")
        evidence = [one for one in listed[0]["evidence"] if one["indicator"] == "deviation"]
        assert evidence[-1]["value"] == pytest.approx(0.25)
        assert evidence[-1]["threshold"] == 0.1
        signal = next(one for one in listed[0]["evidence"] if one["signals"])["signals"][0]
        assert (await client.get(f"/signals/{signal}")).json()["job"] == job["id"]
        found = await client.get(
            f"/warning-models/{model}/evaluations", params={"state": "undetermined"}
        )
        kinds = {one["kind"]: one["degraded"] for one in found.json()["items"]}
        assert kinds["verification_overdue"] == ["market-330100"]
    async with run.client(OUTSIDER) as client:
        assert (await client.get(path)).status_code == 404
        assert (await client.post(f"{path}:assess", json={"outcome": "valid"})).status_code == 404
    origin = Origin(type=OriginType.WARNING, id=raised[0].warning, rule="red")
    clue = {"clue": "c1", "origin": origin, "region": RegionId("330106")}
    item = ItemId("refined-oil")
    await run.hear(ClueRegistered(**clue, subject=raised[0].subject, item=item))
    async with run.client(OFFICER) as client:
        view = await client.post(f"{path}:assess", json={"outcome": "valid", "reason": "属实"})
        assert (view.json()["state"], view.json()["clue"]) == ("assessed", "c1")
        again = await client.post(f"{path}:assess", json={"outcome": "false"})
        assert again.json()["code"] == "warning-assessed-already"
    now = datetime.fromisoformat("2026-03-02T00:00:00Z")
    await run.hear(
        ClueDispatched(
            clue="c1",
            lead=DepartmentId("commerce-330100"),
            cooperators=(DepartmentId("tax-330100"),),
            item=item,
            item_version=1,
            reason=Reason(duties=(), chain=()),
            sign_due=now,
            verify_due=now,
            region=RegionId("330106"),
        ),
        sequence=2,
    )
    closing = ClueClosed(**clue, conclusion=Conclusion.CONFIRMED, closed_on=date(2026, 3, 9))
    await run.hear(closing, sequence=3)
    await run.hear(closing, sequence=4)
    assert [one.outcome for one in await run.said(WarningAssessed)] == ["valid"]  # type: ignore[attr-defined]
    assert [one.clue for one in await run.said(WarningClosed)] == ["c1"]  # type: ignore[attr-defined]
    await load(run, monthly("declared", GOOD, 700.0))
    await judged(run)
    assert len(await run.said(WarningRaised)) == 2


@covers("R8.2")
async def test_a_wrong_code_counts_once_it_is_resolved(run: Running) -> None:
    await activated(run)
    wrong = "9.13301E+17"
    await load(run, [*weekly(GOOD), *monthly("declared", wrong, 700.0)])
    await judged(run)
    assert await run.said(WarningRaised) == []
    async with run.client(ADMIN) as client:
        found = (await client.get("/warning-models/refined-oil_1/evaluations")).json()["items"]
    by_kind = [one for one in found if one["kind"] == "declared_under_metered"]
    assert {one["state"] for one in by_kind} == {"undetermined"}
    assert by_kind[-1]["degraded"] == ["tax-330100"]
    sighted = (await run.said(SubjectSighted))[0]
    rows = tuple(
        EntityRow(
            id=EntityId(id_),
            version=1,
            name=None,
            kind=EntityKind.LEGAL_PERSON,
            status=EntityStatus.ACTIVE,
            alias_of=EntityId(alias) if alias else None,
        )
        for id_, alias in ((f"uscc-{GOOD}", None), (sighted.subject, f"uscc-{GOOD}"))  # type: ignore[attr-defined]
    )
    await run.hear(EntityBatch(batch="b1", rows=rows))
    await judged(run)
    raised = await run.said(WarningRaised)
    assert [(one.level, one.subject) for one in raised] == [  # type: ignore[attr-defined]
        ("orange", f"uscc-{GOOD}"),
        ("red", f"uscc-{GOOD}"),
    ]


def honest(code: str) -> list[dict[str, Any]]:
    return [
        *weekly(code),
        *monthly("declared", code, 1000.0),
        *monthly("invoiced", code, 1000.0),
        row("gauge", code, months()[0], None, 1.0),
        row("licence", code, date(2022, 5, 1), date(2028, 5, 1), 1.0),
    ]


def resolved(sighted: SubjectSighted, code: str) -> EntityRow:
    return EntityRow(
        id=EntityId(sighted.subject),
        version=1,
        name=None,
        kind=EntityKind.LEGAL_PERSON,
        status=EntityStatus.ACTIVE,
        alias_of=EntityId(f"uscc-{code}"),
    )


@covers("R8.2")
async def test_with_a_source_switched_off_one_call_says_what_cannot_be_known(run: Running) -> None:
    model = await activated(run)
    await load(run, [*honest(GOOD), *honest(OTHER)])
    await judged(run)
    path = f"/warning-models/{model}/evaluations:summary"
    async with run.client(OFFICER) as client:
        found = (await client.get(path)).json()["items"]
        open_ = [one for one in found if one["kind"] == "verification_overdue"]
        assert [(one["state"], one["reason"], one["evaluations"]) for one in open_] == [
            ("undetermined", "value-missing", 2 * 6)
        ]
        assert open_[0]["lacking"] == [{"stream": "verification", "source": "market-330100"}]
        assert open_[0]["months"] == [
            {"month": month.isoformat(), "subjects": 2} for month in months()
        ]
        by_kind: dict[str, int] = {}
        for one in found:
            by_kind[one["kind"]] = by_kind.get(one["kind"], 0) + one["evaluations"]
        assert set(by_kind.values()) == {2 * 6}
        params = {"state": "no_hit", "month": months()[0].isoformat()}
        safe = (await client.get(path, params=params)).json()["items"]
        assert {one["kind"]: one["evaluations"] for one in safe} == {
            "declared_under_metered": 2,
            "gauge_off_with_sales": 2,
            "licence_expired_with_sales": 2,
        }
    async with run.client(OUTSIDER) as client:
        assert (await client.get(path)).json()["items"] == []


async def test_a_month_that_one_source_speaks_of_is_judged_of_all_subjects(run: Running) -> None:
    await activated(run)
    await load(run, [one for one in honest(GOOD) if one["from"] < months()[-2].isoformat()])
    await judged(run)
    await load(run, honest(OTHER))
    await judged(run)
    async with run.client(OFFICER) as client:
        params = {"subject": GOOD, "month": months()[-1].isoformat()}
        found = await client.get("/warning-models/refined-oil_1/evaluations", params=params)
    states = {one["kind"]: one for one in found.json()["items"]}
    assert len(states) == 5
    assert states["declared_under_metered"]["state"] == "undetermined"
    assert {one["source"] for one in states["declared_under_metered"]["lacking"]} == {
        "commerce-330100",
        "tax-330100",
    }


@covers("R8.2")
async def test_eighty_wrong_codes_resolved_at_once_are_each_judged_as_one(run: Running) -> None:
    await activated(run)
    stations = [_code(number) for number in range(80)]
    short = set(stations[::2])
    rows = [one for code in stations for one in weekly(code)]
    for code in stations:
        declared = monthly("declared", code, 700.0 if code in short else 1000.0)
        rows += [one | {"code": f"{code}9"} for one in declared]
    taken = await load(run, rows)
    assert (taken["provisional"], taken["rejected"]) == (80 * 6, 0)
    await judged(run)
    assert await run.said(WarningRaised) == []
    by_raw = {one.raw: one for one in await run.said(SubjectSighted)}  # type: ignore[attr-defined]
    batch = tuple(resolved(by_raw[f"{code}9"], code) for code in stations)  # type: ignore[arg-type]
    await run.hear(EntityBatch(batch="b1", rows=batch))
    await judged(run)
    raised = await run.said(WarningRaised)
    assert {one.subject for one in raised} == {f"uscc-{code}" for code in short}  # type: ignore[attr-defined]


def _code(number: int) -> str:
    body = f"91330106MA{number:07d}"
    return body + uscc.calc_check_digit(body)


async def test_a_warning_carries_the_trace_of_the_file_that_completed_it(run: Running) -> None:
    await activated(run)
    first, second = (f"00-{digit * 32}-{digit * 16}-01" for digit in "ab")
    await load(run, weekly(GOOD), trace=first)
    await load(run, monthly("declared", GOOD, 700.0), trace=second)
    await judged(run)
    async with run.db.begin(system("risk-monitor"), "test") as tx:
        query = select(outbox.c.envelope).where(outbox.c.type == WarningRaised.type)
        traces = [json.loads(one)["traceparent"] for one in (await tx.execute(query)).scalars()]
    assert len(traces) == 2
    assert {trace.split("-")[1] for trace in traces} == {"b" * 32}


async def test_what_could_not_be_known_is_counted_by_index_on_a_large_table(run: Running) -> None:
    fill = text("""
        INSERT INTO evaluation SELECT 'refined-oil', 'uscc-' || n, month, kind, 1,
            CASE WHEN n % 50 = 0 THEN 'undetermined' ELSE 'no_hit' END, NULL, NULL, '{}', '{}',
            now(), '{commerce@330100}'
        FROM generate_series(1, 4000) n,
            generate_series(date '2025-03-01', date '2026-02-01', interval '1 month') month,
            unnest('{a,b,c,d}'::text[]) kind
    """)
    query = counting("refined-oil", state=EvidenceState.UNDETERMINED, kind=None, month=None)
    async with run.db.begin(system("risk-monitor"), "test") as tx:
        await tx.execute(fill)
    with psycopg.connect(run.owner_url, autocommit=True) as owner:
        owner.execute("ANALYZE evaluation")
    listed = listing("refined-oil")
    plan = await planned(run, query)
    assert "evaluation_state" in plan
    assert "Seq Scan" not in plan
    assert "evaluation_month" in await planned(run, listed.order_by(*EVALUATIONS).limit(51))
    async with run.db.begin(OFFICER, "test") as tx:
        rows = (await tx.execute(query)).all()
    assert sum(row[-1] for row in rows) == 80 * 12 * 4


async def test_signals_are_listed_by_index_on_a_large_table(run: Running) -> None:
    fill = text("""
        INSERT INTO signal SELECT 's' || n, 'tax-330100', 'declared', 'uscc-' || n % 500, '',
            now() + n * interval '1 hour', now() + (n + 1) * interval '1 hour', 1, NULL, NULL,
            '330100', NULL, now(), 1, '{commerce@330100}'
        FROM generate_series(1, 20000) n
    """)
    async with run.db.begin(system("risk-monitor"), "test") as tx:
        await tx.execute(fill)
    with psycopg.connect(run.owner_url, autocommit=True) as owner:
        owner.execute("ANALYZE signal")
    listed = reading.listed(span=(None, None)).order_by(*reading.LIST_ORDER).limit(51)
    assert "signal_from" in await planned(run, listed)


async def planned(run: Running, query: Select[Any]) -> str:
    """Give the plan of a query as an officer's."""
    written = query.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})  # type: ignore[no-untyped-call]
    async with run.db.begin(OFFICER, "test") as tx:
        return "\n".join((await tx.execute(text(f"EXPLAIN {written}"))).scalars())


async def test_a_condition_that_cannot_be_understood_is_refused_with_its_place(
    run: Running,
) -> None:
    rules = [dict(rule) for rule in MODEL["rules"]]
    rules[1]["condition"] = "metered - declared > 0.30 * metred"
    async with run.client(AUTHOR) as client:
        no = await client.post("/warning-models", json=MODEL | {"rules": rules})
    assert (no.status_code, no.json()["code"]) == (422, "expression-invalid")
    fault = no.json()["errors"][0]
    assert fault["field"] == "rules.1.condition"
    assert fault["expected"].startswith("1:29")


async def test_what_must_hold_holds(run: Running) -> None:
    await activated(run)
    await load(run, [*weekly(GOOD), *monthly("declared", GOOD, 700.0)])
    await judged(run)
    async with run.client(ADMIN) as client:
        found = (await client.get("/operations/invariants")).json()["checks"]
    assert {one["name"]: one["ok"] for one in found} | {"I1 outbox is published": True} == {
        one["name"]: True for one in found
    }
