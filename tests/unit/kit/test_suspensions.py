"""A running term is paused, resumed and extended, each with a reason and its evidence."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.deadlines import SHANGHAI, Due, Running, Term, TermImpossible, Unit, ends, shanghai_day
from kit.suspensions import (
    TermNotPaused,
    TermOrder,
    TermOver,
    TermPaused,
    TermWithoutEvidence,
    extend,
    pause,
    resume,
)
from kit.testing import covers
from kit.workdays import NATIONAL, Calendar, HoursImpossible, hours_of

MONDAY = datetime(2026, 3, 2, 10, tzinfo=SHANGHAI)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FIVE = Running(MONDAY, Term(Unit.WORKING_DAY, 5))

days = st.dates(date(2005, 1, 1), date(2029, 12, 31))
calendars = st.dictionaries(days, st.booleans(), max_size=20).map(Calendar)
starts = st.datetimes(
    datetime(2005, 1, 1),  # noqa: DTZ001 the zone is given below
    datetime(2029, 12, 31),  # noqa: DTZ001 the zone is given below
    timezones=st.sampled_from([UTC, SHANGHAI]),
)
terms = st.builds(Term, st.sampled_from(Unit), st.integers(1, 60), st.booleans(), st.booleans())
spans = st.timedeltas(timedelta(0), timedelta(days=30))


def paused(running: Running, at: datetime) -> Running:
    return pause(running, at=at, reason="检验检测", evidence="委托书", calendar=NATIONAL)


def end(running: Running, calendar: Calendar = NATIONAL) -> Due:
    found = ends(running, calendar)
    assert found is not None
    return found


@covers("RX.3")
def test_a_paused_term_has_no_end_until_it_is_resumed() -> None:
    stands = paused(FIVE, MONDAY + DAY)
    assert stands.paused
    assert ends(stands, NATIONAL) is None
    goes_on = resume(stands, at=MONDAY + 3 * DAY)
    assert not goes_on.paused
    # Tuesday 3 and Wednesday 4 are not counted: 5, 6, 9, 10, 11.
    assert shanghai_day(end(goes_on).at) == date(2026, 3, 12)


@covers("RX.3")
def test_a_pause_and_an_extension_say_why_and_show_what_proves_it() -> None:
    at = MONDAY + DAY
    for reason, evidence in ((" ", "委托书"), ("检验检测", "")):
        with pytest.raises(TermWithoutEvidence):
            pause(FIVE, at=at, reason=reason, evidence=evidence, calendar=NATIONAL)
        with pytest.raises(TermWithoutEvidence):
            extend(FIVE, count=1, at=at, reason=reason, evidence=evidence, calendar=NATIONAL)
    more = extend(FIVE, count=5, at=at, reason="案情复杂", evidence="审批表", calendar=NATIONAL)
    assert more.extensions[0].evidence == "审批表"
    assert shanghai_day(end(more).at) == date(2026, 3, 17)


def test_a_term_is_not_paused_twice_nor_resumed_unpaused() -> None:
    with pytest.raises(TermNotPaused):
        resume(FIVE, at=MONDAY + DAY)
    with pytest.raises(TermPaused):
        paused(paused(FIVE, MONDAY + DAY), MONDAY + 2 * DAY)


def test_what_ran_out_is_neither_paused_nor_extended() -> None:
    late = end(FIVE).at
    with pytest.raises(TermOver):
        paused(FIVE, late)
    with pytest.raises(TermOver):
        extend(FIVE, count=1, at=late, reason="…", evidence="…", calendar=NATIONAL)
    assert paused(FIVE, late - timedelta(microseconds=1)).paused


def test_a_paused_term_can_still_be_extended() -> None:
    stands = paused(FIVE, MONDAY + DAY)
    more = extend(
        stands, count=2, at=MONDAY + 40 * DAY, reason="…", evidence="…", calendar=NATIONAL
    )
    assert more.count == 7
    assert more.paused


def test_moments_stand_in_order() -> None:
    with pytest.raises(TermOrder):
        paused(FIVE, MONDAY - HOUR)
    stands = paused(FIVE, MONDAY + DAY)
    with pytest.raises(TermOrder):
        resume(stands, at=MONDAY + DAY - HOUR)
    with pytest.raises(TermOrder):
        paused(resume(stands, at=MONDAY + 2 * DAY), MONDAY + DAY)
    with pytest.raises(TermOrder):
        extend(FIVE, count=1, at=MONDAY - HOUR, reason="…", evidence="…", calendar=NATIONAL)


def test_an_extension_is_of_one_unit_up_and_no_term_is_endless() -> None:
    for count in (0, -1, 10_000):
        with pytest.raises(TermImpossible):
            extend(FIVE, count=count, at=MONDAY, reason="…", evidence="…", calendar=NATIONAL)


@pytest.mark.parametrize(
    "text",
    ["", "9-12", "12:00-09:00", "09:00-12:00,11:00-17:30", "09:00-09:30", "09:00-12:00-13:00"],
)
def test_hours_that_overlap_or_are_none_are_refused(text: str) -> None:
    with pytest.raises(HoursImpossible):
        hours_of(text)


@covers("RX.3")
@given(start=starts, term=terms, calendar=calendars, after=spans, long=spans)
def test_a_pause_never_shortens_a_term(
    *, start: datetime, term: Term, calendar: Calendar, after: timedelta, long: timedelta
) -> None:
    running = Running(start, term)
    before = end(running, calendar).at
    at = min(start + after, before - timedelta(microseconds=1))
    goes_on = resume(
        pause(running, at=at, reason="…", evidence="…", calendar=calendar), at=at + long
    )
    assert before <= end(goes_on, calendar).at
    if long == timedelta(0):
        assert end(goes_on, calendar).at == before


@given(start=starts, term=terms, calendar=calendars, after=spans)
def test_a_pause_without_length_changes_nothing(
    start: datetime, term: Term, calendar: Calendar, after: timedelta
) -> None:
    running = Running(start, term)
    before = end(running, calendar)
    at = min(start + after, before.at - timedelta(microseconds=1))
    stands = pause(running, at=at, reason="…", evidence="…", calendar=calendar)
    assert end(resume(stands, at=at), calendar) == before


@given(start=starts, term=terms, calendar=calendars, after=spans, long=spans, more=spans)
def test_a_longer_pause_never_ends_earlier(
    *,
    start: datetime,
    term: Term,
    calendar: Calendar,
    after: timedelta,
    long: timedelta,
    more: timedelta,
) -> None:
    running = Running(start, term)
    at = min(start + after, end(running, calendar).at - timedelta(microseconds=1))
    stands = pause(running, at=at, reason="…", evidence="…", calendar=calendar)
    short, longer = resume(stands, at=at + long), resume(stands, at=at + long + more)
    assert end(short, calendar).at <= end(longer, calendar).at


@given(start=starts, term=terms, calendar=calendars, count=st.integers(1, 60))
def test_an_extended_term_is_the_longer_term_from_the_start(
    start: datetime, term: Term, calendar: Calendar, count: int
) -> None:
    running = Running(start, term)
    extended = extend(running, count=count, at=start, reason="…", evidence="…", calendar=calendar)
    whole = Running(start, replace(term, count=term.count + count))
    assert end(extended, calendar) == end(whole, calendar)
    assert end(running, calendar).at <= end(extended, calendar).at


@given(start=starts, count=st.integers(1, 60), calendar=calendars, after=spans, long=spans)
def test_a_paused_term_of_working_days_counts_as_many_as_it_has_and_ends_on_one(
    *, start: datetime, count: int, calendar: Calendar, after: timedelta, long: timedelta
) -> None:
    running = Running(start, Term(Unit.WORKING_DAY, count))
    at = min(start + after, end(running, calendar).at - timedelta(microseconds=1))
    stands = pause(running, at=at, reason="…", evidence="…", calendar=calendar)
    due = end(resume(stands, at=at + long), calendar).at
    first, last = shanghai_day(start), shanghai_day(due - timedelta(microseconds=1))
    off = {
        shanghai_day(at) + n * DAY for n in range((shanghai_day(at + long) - shanghai_day(at)).days)
    }
    between = {first + n * DAY for n in range(1, (last - first).days + 1)} - off
    assert sum(map(calendar.working, between)) == count
    assert calendar.working(last)


@given(start=starts, count=st.integers(1, 100), calendar=calendars)
def test_working_hours_end_while_offices_are_open(
    start: datetime, count: int, calendar: Calendar
) -> None:
    due = end(Running(start, Term(Unit.WORKING_HOUR, count)), calendar).at.astimezone(SHANGHAI)
    assert calendar.working(due.date())
    assert any(opens < due.time() <= closes for opens, closes in calendar.hours)
    assert due >= start + count * HOUR
