"""Judging a station month by month under the refined-oil model."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from importlib.resources import files
from typing import Any

import pytest

from contracts.errors import Refusal
from contracts.item_registry import RegionId
from contracts.risk_monitor import DraftModel, ModelState
from kit.deadlines import SHANGHAI
from kit.expressions import BadExpression
from kit.testing import covers
from risk_monitor.evaluation.domain import (
    Reckoning,
    Setting,
    Verdict,
    history,
    months_to_judge,
)
from risk_monitor.indicator.domain.flows import Reading, reading
from risk_monitor.indicator.domain.measures import streams_of
from risk_monitor.indicator.domain.months import midnight, months_between, months_later
from risk_monitor.model.domain import (
    IndicatorTwice,
    IndicatorUnknown,
    NotADraft,
    OwnDraft,
    StreamUnfit,
    activate,
    compiled,
    draft,
)
from risk_monitor.source.store import streams_on

NOW = datetime(2026, 3, 10, tzinfo=UTC)
FIRST, LAST = date(2025, 3, 1), date(2026, 2, 1)
MONTHS = list(months_between(FIRST, LAST))
STREAMS = streams_on(NOW.date())
CONTENT: dict[str, Any] = json.loads(
    files("risk_monitor").joinpath("model/examples/refined_oil.json").read_text("utf-8")
)
MODEL = compiled(
    draft(DraftModel.model_validate(CONTENT), version=1, by="li", streams=STREAMS), STREAMS
)
A_DAY = 1000.0

Readings = dict[str, list[Reading]]


def one(stream: str, from_: date | datetime, to: date | datetime, value: float = 1.0) -> Reading:
    begin, end = (m if isinstance(m, datetime) else midnight(m) for m in (from_, to))
    source = {"metered": "oil", "invoiced": "tax", "declared": "tax"}.get(stream, stream)
    return reading(f"{stream}-{begin:%y%m%d}", source, value, period=(begin, end), received_at=NOW)


def monthly(stream: str, ratios: Mapping[int, float], usual: float = 1.0) -> list[Reading]:
    """A flow of every month, usual litres but in the months named (1 is the first)."""
    return [
        one(stream, m, months_later(m, 1), ratios.get(n, usual) * A_DAY * days(m))
        for n, m in enumerate(MONTHS, start=1)
    ]


def days(month: date) -> int:
    return (months_later(month, 1) - month).days


def station() -> Readings:
    """An honest station: everything fits, all sources speak."""
    monday = FIRST - timedelta(days=FIRST.weekday())
    weeks = [monday + timedelta(weeks=n) for n in range(54)]
    return {
        "metered": [one("metered", w, w + timedelta(7), 7 * A_DAY) for w in weeks],
        "declared": monthly("declared", {}),
        "invoiced": monthly("invoiced", {}),
        "licence": [one("licence", date(2022, 5, 1), date(2027, 5, 1))],
        "gauge": [one("gauge", FIRST, FIRST, 1.0)],
        "verification": [one("verification", day, day) for day in verified()],
    }


def verified() -> list[date]:
    return [date(2025, 1, 10), date(2025, 7, 1), date(2025, 12, 20)]


def verdicts(
    readings: Readings, *, silent_from: date | None = None, last: date = LAST
) -> list[Verdict]:
    heard = {
        (stream, readings_[0].source): frozenset(months_between(date(2024, 10, 1), last))
        for stream, readings_ in readings.items()
        if readings_
    }
    if silent_from is not None:
        heard["verification", "verification"] = frozenset(
            months_between(date(2024, 10, 1), months_later(silent_from, -1))
        )
    setting = Setting(STREAMS, heard, {("market", RegionId("330100")): ["market-330100"]}, NOW)
    known = history(setting, readings, [RegionId("330106"), RegionId("330100")])
    months = months_to_judge(setting, MODEL.streams, readings, since=FIRST)
    return Reckoning(MODEL, known).verdicts(months)


def states(found: Sequence[Verdict], kind: str) -> dict[int, str]:
    """Give a kind's hits and open answers by month (1 is the first)."""
    return {
        MONTHS.index(v.month) + 1: str(v.level or v.state)
        for v in found
        if v.kind == kind and v.state != "no_hit"
    }


def test_an_honest_station_is_not_warned_of() -> None:
    found = verdicts(station())
    assert [v for v in found if v.state == "hit"] == []
    assert len(found) == 12 * 5


@covers("R8.3")
def test_two_months_of_twenty_percent_are_orange_and_three_of_ten_are_red() -> None:
    short = {4: 0.75, 5: 0.75, 8: 0.88, 9: 0.88, 10: 0.88}
    found = verdicts(station() | {"declared": monthly("declared", short)})
    assert states(found, "declared_under_metered") == {5: "orange", 9: "yellow", 10: "red"}


def test_one_month_declared_late_is_no_warning() -> None:
    found = verdicts(station() | {"declared": monthly("declared", {4: 0.6, 5: 1.4})})
    assert states(found, "declared_under_metered") == {}


@covers("R8.2")
def test_a_missing_month_is_undetermined_and_its_source_is_named() -> None:
    rows = station()
    del rows["declared"][5]
    found = verdicts(rows)
    assert states(found, "declared_under_metered") == {6: "undetermined"}
    open_ = next(v for v in found if v.kind == "declared_under_metered" and v.lacking)
    assert (open_.degraded, open_.reason) == (("tax",), "value-missing")
    assert open_.lacking == (("declared", "tax"),)


def hanging_on(stream: str) -> set[str]:
    """Give the kinds of which some rule reads a stream."""
    reads = {one.id: streams_of(one) for one in MODEL.measures}
    return {
        kind
        for kind, standards in MODEL.kinds.items()
        if any(stream in reads[name] for rule in standards for name in rule.measures)
    }


@covers("R8.2")
@pytest.mark.parametrize("stream", sorted(STREAMS))
def test_with_a_source_switched_off_nothing_that_hangs_on_it_is_safe(stream: str) -> None:
    found = verdicts(station() | {stream: []})
    assert len(found) == 12 * len(MODEL.kinds)
    hanging = hanging_on(stream)
    source = "market-330100" if stream == "verification" else STREAMS[stream].line
    for one in found:
        if one.kind in hanging:
            assert one.state == "undetermined", one
            assert (stream, source) in one.lacking or one.reason == "history-too-short", one
        else:
            assert stream not in {lack.stream for lack in one.lacking}


def test_a_month_that_is_not_over_is_judged_by_what_is_known_already() -> None:
    rows = station()
    off = datetime(2026, 3, 2, tzinfo=SHANGHAI)
    rows["gauge"] += [one("gauge", off, off, 0.0)]
    march = [v for v in verdicts(rows, last=date(2026, 3, 1)) if v.month == date(2026, 3, 1)]
    assert {v.kind: v.state for v in march} == {
        "gauge_off_with_sales": "hit",
        "verification_overdue": "no_hit",
    }


def test_a_station_that_sells_nothing_deviates_from_nothing() -> None:
    rows = station() | {"declared": monthly("declared", {}, 0.0)}
    rows["metered"] = [one("metered", r.first, r.end, 0.0) for r in rows["metered"]]
    assert states(verdicts(rows), "declared_under_metered") == {}


def sold(bought: dict[int, float]) -> dict[int, str]:
    """Judge what a station sold against what it bought; the first months cannot be known."""
    found = verdicts(station() | {"invoiced": monthly("invoiced", bought)})
    return states(found, "sold_over_invoiced")


UNKNOWN = dict.fromkeys((1, 2, 3), "undetermined")


def test_selling_more_than_was_bought_for_months_is_orange() -> None:
    found = sold(dict.fromkeys(range(6, 13), 0.85))
    assert UNKNOWN.items() <= found.items()
    assert {month: level for month, level in found.items() if month > 3} == dict.fromkeys(
        range(8, 13), "orange"
    )


@pytest.mark.parametrize(
    "bought",
    [{4: 1.4, 5: 0.8, 6: 0.8}, {6: 0.8, 9: 0.92}, {3: 0.85}, {}],
    ids=["carried over", "drawn down", "drawn down early", "as sold"],
)
def test_stock_carried_over_or_drawn_down_is_no_unlawful_oil(bought: dict[int, float]) -> None:
    assert sold(bought) == UNKNOWN


def test_what_came_before_a_history_is_nobodys_fault() -> None:
    early = [v for v in verdicts(station()) if v.state == "undetermined"]
    assert {(v.kind, v.reason, v.lacking) for v in early} == {
        ("sold_over_invoiced", "history-too-short", ())
    }


@pytest.mark.parametrize(
    ("hours", "litres", "level"),
    [(20, 1.0, None), (30, 1.0, "blue"), (72, 1.0, "blue"), (80, 1.0, "yellow"), (80, 0.0, "blue")],
)
def test_a_gauge_that_is_off_is_judged_by_hours_and_sales(
    hours: int, litres: float, level: str | None
) -> None:
    rows = station()
    off = datetime(2025, 8, 5, 14, 0, tzinfo=SHANGHAI)
    back = off + timedelta(hours=hours)
    rows["gauge"] += [one("gauge", off, off, 0.0), one("gauge", back, back, 1.0)]
    rows["metered"] = [
        one("metered", r.first, r.end, r.value * (litres if r.first.month == 8 else 1.0))
        for r in rows["metered"]
    ]
    assert states(verdicts(rows), "gauge_off_with_sales") == ({6: level} if level else {})


def test_a_gauge_that_is_off_while_the_station_is_closed_proves_nothing() -> None:
    rows = station()
    shut, opened = date(2025, 8, 6), date(2025, 8, 27)
    off, back = (datetime.combine(day, time(9), SHANGHAI) for day in (shut, opened))
    rows["gauge"] += [one("gauge", off, off, 0.0), one("gauge", back, back, 1.0)]
    rows["metered"] = [
        one("metered", r.first, r.end, r.value * open_days(r, shut, opened) / 7)
        for r in rows["metered"]
    ]
    assert states(verdicts(rows), "gauge_off_with_sales") == {6: "blue"}


def open_days(week: Reading, shut: date, opened: date) -> int:
    days = [week.first + timedelta(days=n) for n in range(7)]
    return sum(not shut <= day < opened for day in days)


def test_a_station_that_was_never_verified_anywhere_is_not_known_to_be_overdue() -> None:
    rows = station() | {"verification": []}
    found = verdicts(rows, silent_from=date(2026, 3, 1))
    assert set(states(found, "verification_overdue").values()) == {"undetermined"}


def test_a_gauge_that_never_spoke_is_not_taken_for_online() -> None:
    found = verdicts(station() | {"gauge": []})
    assert set(states(found, "gauge_off_with_sales").values()) == {"undetermined"}


def test_selling_after_the_licence_ran_out_is_red_until_it_is_renewed() -> None:
    rows = station() | {
        "licence": [
            one("licence", date(2022, 6, 10), date(2025, 6, 10)),
            one("licence", date(2025, 9, 1), date(2028, 9, 1)),
        ]
    }
    assert states(verdicts(rows), "licence_expired_with_sales") == {4: "red", 5: "red", 6: "red"}


def test_a_week_in_which_the_licence_ran_out_proves_nothing() -> None:
    rows = station() | {"licence": [one("licence", date(2022, 7, 29), date(2025, 7, 29))]}
    rows["metered"] = [
        one("metered", r.first, r.end, r.value if r.first <= date(2025, 7, 28) else 0.0)
        for r in rows["metered"]
    ]
    assert states(verdicts(rows), "licence_expired_with_sales") == {}


def test_pumps_that_were_not_verified_in_six_months_are_overdue() -> None:
    rows = station() | {"verification": [one("verification", date(2025, 1, 10), date(2025, 1, 10))]}
    assert states(verdicts(rows), "verification_overdue") == dict.fromkeys(range(5, 13), "yellow")


@covers("R8.2")
def test_what_a_silent_department_alone_knows_is_not_knowable() -> None:
    rows = station()
    rows["verification"] = rows["verification"][:2]
    found = verdicts(rows, silent_from=date(2025, 9, 1))
    assert states(found, "verification_overdue") == {11: "undetermined", 12: "undetermined"}
    open_ = [v for v in found if v.kind == "verification_overdue" and v.state == "undetermined"]
    assert {v.lacking for v in open_} == {(("verification", "verification"),)}
    never = verdicts(rows | {"verification": []}, silent_from=date(2025, 9, 1))
    assert {v.degraded for v in never if v.kind == "verification_overdue"} == {("market-330100",)}


def test_a_warning_shows_each_month_it_rests_on_and_the_signals() -> None:
    found = verdicts(station() | {"declared": monthly("declared", {4: 0.75, 5: 0.75})})
    hit = next(v for v in found if v.state == "hit")
    main = [e for e in hit.evidence if e.indicator == "deviation"]
    assert [(e.from_, e.to, e.threshold) for e in main] == [
        (date(2025, 6, 1), date(2025, 7, 1), 0.2),
        (date(2025, 7, 1), date(2025, 8, 1), 0.2),
    ]
    assert all(e.value == pytest.approx(0.25) for e in main)
    declared = [e for e in hit.evidence if e.indicator == "declared"]
    assert [e.signals for e in declared] == [("declared-250601",), ("declared-250701",)]


@pytest.mark.parametrize(
    ("change", "refusal", "field"),
    [
        (
            {"indicators": [*CONTENT["indicators"], CONTENT["indicators"][0]]},
            IndicatorTwice,
            "19.id",
        ),
        ({"indicators": [{"id": "a", "measure": "sum", "stream": "gauge"}]}, StreamUnfit, "0"),
        ({"indicators": [{"id": "a", "measure": "sum", "stream": "none"}]}, StreamUnfit, "0"),
        ({"rules": [CONTENT["rules"][0] | {"indicator": "none"}]}, IndicatorUnknown, "0.indicator"),
        (
            {"rules": [CONTENT["rules"][0] | {"condition": "metered >"}]},
            BadExpression,
            "0.condition",
        ),
        ({"rules": [CONTENT["rules"][0] | {"condition": "metered"}]}, BadExpression, "0.condition"),
    ],
)
def test_a_model_that_cannot_be_understood_is_refused_when_it_is_written(
    change: dict[str, Any], refusal: type[Refusal], field: str
) -> None:
    with pytest.raises(refusal) as no:
        draft(DraftModel.model_validate(CONTENT | change), version=1, by="li", streams=STREAMS)
    assert str(no.value.facts["field"]).endswith(field)


@covers("R8.1")
def test_a_model_is_put_in_force_by_a_second_person() -> None:
    made = draft(DraftModel.model_validate(CONTENT), version=2, by="li", streams=STREAMS)
    assert made.id == "refined-oil_2"
    with pytest.raises(OwnDraft):
        activate(made, by="li", at=NOW)
    active = activate(made, by="chen", at=NOW).value
    assert (active.state, active.activated_by) == (ModelState.ACTIVE, "chen")
    with pytest.raises(NotADraft):
        activate(active, by="chen", at=NOW)
