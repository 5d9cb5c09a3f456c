"""Grades: every point explained, nothing moves without a cause."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.credit_service import (
    Band,
    EntityId,
    GradeChanged,
    Indicator,
    Override,
    RecordId,
    RecordKind,
    SystemState,
    Words,
)
from contracts.item_registry import ItemId
from credit_service.grade import domain
from credit_service.grade.domain import Entry, Grade, NotYetKnown
from credit_service.indicator_system.domain import IndicatorSystem, id_of
from kit.testing import covers

DAY = date(2026, 3, 3)
FIRM = EntityId("uscc-91110108MA0000015T")
OIL = ItemId("refined-oil")


def _indicator(id_: str, kind: RecordKind, points: int, limit: int, *details: str) -> Indicator:
    return Indicator(
        id=id_, name=id_, kind=kind, details=details, points=points, limit=limit, basis="测试"
    )


SYSTEM = IndicatorSystem(
    id=id_of("oil", 1),
    system="oil",
    version=1,
    state=SystemState.ACTIVE,
    item=OIL,
    name="测试",
    basis="测试",
    base=100,
    indicators=(
        _indicator("penalty", RecordKind.PENALTY, -15, 40, "general"),
        _indicator("result", RecordKind.INSPECTION_RESULT, -6, 12, "5"),
        _indicator("commitment", RecordKind.COMMITMENT, 3, 3),
    ),
    bands=(
        Band(grade="A", from_points=90),
        Band(grade="B", from_points=75),
        Band(grade="C", from_points=60),
        Band(grade="D"),
    ),
    overrides=(
        Override(id="list", name="名单", kind=RecordKind.SERIOUS_LIST, grade="D", basis="第44号"),
    ),
    drafted_by="anna",
    drafted_at=datetime(2026, 1, 1, tzinfo=UTC),
)


def _entry(
    record: str,
    kind: RecordKind = RecordKind.PENALTY,
    detail: str = "general",
    *,
    item: ItemId | None = OIL,
    start: date = DAY,
    end: date | None = None,
) -> Entry:
    return Entry(RecordId(record), FIRM, item, kind, detail, start, end, ("market@330100",))


def _grade(*entries: Entry, on: date = DAY) -> Grade:
    return domain.compute(SYSTEM, FIRM, entries, on)


entries_of = st.lists(
    st.builds(
        _entry,
        st.uuids().map(str),
        st.sampled_from(list(RecordKind)),
        st.sampled_from(["general", "minor", "5", "any"]),
        item=st.sampled_from([OIL, None, ItemId("other")]),
        start=st.dates(DAY - timedelta(30), DAY + timedelta(30)),
        end=st.none() | st.dates(DAY - timedelta(29), DAY + timedelta(60)),
    ),
    max_size=12,
)
days = st.dates(DAY - timedelta(40), DAY + timedelta(70))


@covers("R11.4")
@given(entries=entries_of, on=days)
def test_the_points_of_the_records_explain_exactly_the_total(
    entries: list[Entry], on: date
) -> None:
    grade = _grade(*entries, on=on)
    traced = sum(one.points for line in grade.lines for one in line.records)
    assert grade.points == grade.base + traced
    assert all(line.points == sum(one.points for one in line.records) for line in grade.lines)
    known = {entry.record for entry in entries if entry.counts(on)}
    assert {one.record for line in grade.lines for one in line.records} <= known


@given(entries=entries_of, on=days)
def test_no_indicator_gives_more_than_its_limit(entries: list[Entry], on: date) -> None:
    limits = {one.id: one.limit for one in SYSTEM.indicators}
    lines = _grade(*entries, on=on).lines
    assert all(abs(line.points) <= limits[line.indicator] for line in lines)


@given(entries=entries_of, first=days, second=days)
def test_a_grade_never_changes_without_a_record_that_begins_or_ends_between(
    entries: list[Entry], first: date, second: date
) -> None:
    first, second = sorted((first, second))
    result = domain.regrade(SYSTEM, FIRM, entries, before=None, on=first)
    if result.decided is None:
        return
    quiet = result.next_on is None or second < result.next_on
    again = domain.regrade(SYSTEM, FIRM, entries, before=result.decided.value, on=second)
    assert not quiet or again.decided is None


@given(entries=entries_of, on=days)
def test_the_order_in_which_records_arrive_does_not_matter(entries: list[Entry], on: date) -> None:
    assert _grade(*entries, on=on) == _grade(*reversed(entries), on=on)


def test_a_record_stops_counting_on_the_day_of_its_expiry() -> None:
    entry = _entry("r1", end=DAY + timedelta(10))
    assert _grade(entry, on=DAY + timedelta(9)).points == 85
    assert _grade(entry, on=DAY + timedelta(10)).points == 100


def test_a_record_does_not_count_before_it_takes_effect() -> None:
    assert _grade(_entry("r1", start=DAY + timedelta(1))).points == 100


def test_a_record_of_another_item_does_not_count_but_the_list_does() -> None:
    other = ItemId("other")
    assert _grade(_entry("r1", item=other)).points == 100
    listed = _grade(_entry("r2", RecordKind.SERIOUS_LIST, "any", item=other))
    assert (listed.grade, listed.points) == ("D", 100)
    assert [(cap.override, cap.records) for cap in listed.overrides] == [("list", ("r2",))]


def test_the_record_that_reaches_the_limit_gives_the_rest_and_later_ones_nothing() -> None:
    four = [_entry(f"r{n}", start=DAY - timedelta(10 - n)) for n in range(4)]
    (line,) = _grade(*four).lines
    assert [one.points for one in line.records] == [-15, -15, -10, 0]


def test_points_at_the_threshold_earn_the_better_grade() -> None:
    assert _grade(_entry("r1")).grade == "B"
    five = [_entry(f"r{n}", RecordKind.INSPECTION_RESULT, "5") for n in range(2)]
    assert _grade(_entry("r9"), *five).points == 73
    assert _grade(_entry("r9"), *five).grade == "C"


def test_an_entity_of_which_nothing_is_said_has_no_grade() -> None:
    assert domain.regrade(SYSTEM, FIRM, [], before=None, on=DAY).decided is None


@covers("R11.4")
def test_a_changed_grade_is_announced_once() -> None:
    first = domain.regrade(SYSTEM, FIRM, [_entry("r1")], before=None, on=DAY).decided
    assert first is not None
    (event,) = first.says
    assert isinstance(event, GradeChanged)
    assert (event.id, event.grade, event.points) == (f"oil_{FIRM}", "B", 85)
    again = domain.regrade(SYSTEM, FIRM, [_entry("r1")], before=first.value, on=DAY)
    assert again.decided is None


def test_a_new_explanation_of_the_same_points_is_kept_and_not_announced() -> None:
    first = domain.regrade(SYSTEM, FIRM, [_entry("r1")], before=None, on=DAY).decided
    assert first is not None
    newer = replace(SYSTEM, version=2)
    second = domain.regrade(newer, FIRM, [_entry("r1")], before=first.value, on=DAY).decided
    assert second is not None
    assert (second.value.version, second.value.system_version, second.says) == (2, 2, ())


def test_a_grade_is_looked_at_again_when_the_next_record_begins_or_ends() -> None:
    entries = [
        _entry("r1", start=DAY - timedelta(5), end=DAY + timedelta(20)),
        _entry("r2", start=DAY + timedelta(7)),
        _entry("r3", item=ItemId("other"), end=DAY + timedelta(1)),
    ]
    result = domain.regrade(SYSTEM, FIRM, entries, before=None, on=DAY)
    assert result.next_on == DAY + timedelta(7)


def test_who_may_read_a_record_that_matters_may_read_the_grade() -> None:
    other = replace(_entry("r2", item=ItemId("other")), scope=("tax@330200",))
    assert domain.readers(SYSTEM, [_entry("r1"), other]) == ["market@330100"]


def test_nobody_knows_the_grade_of_tomorrow() -> None:
    with pytest.raises(NotYetKnown):
        domain.known_by(DAY + timedelta(1), DAY)
    assert domain.known_by(None, DAY) == DAY


MEANINGS = {"A": Words(zh="信用风险低", en="low risk"), "D": Words(zh="信用风险高", en="high risk")}


@covers("R11.4")
def test_a_grade_says_in_words_what_its_lines_and_its_band_mean() -> None:
    entries = (_entry("r1"), _entry("r2", RecordKind.SERIOUS_LIST, "any"))
    view = domain.explain(_grade(*entries), SYSTEM, MEANINGS)
    (line,) = view.lines
    assert (line.name.zh, line.points_each, line.limit, line.points) == ("penalty", -15, 40, -15)
    assert (view.band.grade, view.band.meaning) == ("D", MEANINGS["D"])
    assert (view.band.from_points, view.band.below_points) == (None, 60)
    assert (view.earned.grade, view.earned.from_points, view.earned.below_points) == ("B", 75, 90)
    assert view.earned.meaning is None
    assert [(one.name.zh, one.grade) for one in view.overrides] == [("名单", "D")]


@given(entries=entries_of, on=days)
def test_every_grade_can_be_explained_under_its_own_version(entries: list[Entry], on: date) -> None:
    grade = _grade(*entries, on=on)
    view = domain.explain(grade, SYSTEM, MEANINGS)
    assert (view.grade, view.points) == (grade.grade, grade.points)
    assert view.points >= (view.earned.from_points or view.points)
    assert view.earned.below_points is None or view.points < view.earned.below_points
