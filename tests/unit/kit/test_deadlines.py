"""Deadlines: when a term has run out."""

from datetime import UTC, date, datetime, timedelta
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.deadlines import (
    SHANGHAI,
    Due,
    Term,
    TermImpossible,
    Unit,
    after_working_days,
    due,
    overdue,
    shanghai_day,
)
from kit.testing import covers
from kit.workdays import NATIONAL, Calendar

MONDAY = datetime(2026, 3, 2, 10, 30, tzinfo=SHANGHAI)

days = st.dates(date(2004, 1, 1), date(2030, 12, 31))
moments = st.datetimes(
    datetime(2004, 1, 1),  # noqa: DTZ001 the zone is given below
    datetime(2030, 12, 31),  # noqa: DTZ001 the zone is given below
    timezones=st.sampled_from([UTC, SHANGHAI]),
)
calendars = st.dictionaries(days, st.booleans(), max_size=20).map(Calendar)
day_terms = st.builds(
    Term,
    st.sampled_from([Unit.WORKING_DAY, Unit.CALENDAR_DAY]),
    st.integers(1, 60),
    st.booleans(),
)


def end_of(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=SHANGHAI) + timedelta(days=1)


def due_at(start: datetime, unit: Unit, count: int) -> datetime:
    return due(start, Term(unit, count), NATIONAL).at


@covers("RX.3")
def test_hours_run_from_the_moment_over_nights_and_holidays() -> None:
    assert due_at(MONDAY, Unit.HOUR, 48) == MONDAY + timedelta(hours=48)


@covers("RX.3")
def test_the_day_a_term_begins_does_not_count_and_its_last_day_ends_at_midnight() -> None:
    assert due_at(MONDAY, Unit.WORKING_DAY, 5) == end_of(2026, 3, 9)
    assert due_at(MONDAY, Unit.CALENDAR_DAY, 7) == end_of(2026, 3, 9)


def test_a_term_whose_first_day_counts_ends_a_day_earlier() -> None:
    term = Term(Unit.WORKING_DAY, 5, first_day_counts=True)
    assert due(MONDAY, term, NATIONAL).at == end_of(2026, 3, 6)
    term = Term(Unit.CALENDAR_DAY, 4, first_day_counts=True)
    assert due(MONDAY, term, NATIONAL).at == end_of(2026, 3, 5)


@covers("RX.3")
def test_working_days_skip_the_national_holiday_and_count_the_make_up_day() -> None:
    # 1 to 7 October 2026 are free, Saturday 10 October is worked.
    before = datetime(2026, 9, 30, 9, tzinfo=SHANGHAI)
    assert due_at(before, Unit.WORKING_DAY, 2) == end_of(2026, 10, 9)
    assert due_at(before, Unit.WORKING_DAY, 3) == end_of(2026, 10, 10)


def test_calendar_days_that_end_on_a_holiday_end_on_the_next_working_day() -> None:
    before = datetime(2026, 9, 28, 9, tzinfo=SHANGHAI)
    assert due_at(before, Unit.CALENDAR_DAY, 5) == end_of(2026, 10, 8)
    term = Term(Unit.CALENDAR_DAY, 5, roll_forward=False)
    assert due(before, term, NATIONAL).at == end_of(2026, 10, 3)


def test_the_day_is_that_of_shanghai_and_not_of_utc() -> None:
    assert shanghai_day(datetime(2026, 3, 2, 16, 0, tzinfo=UTC)) == date(2026, 3, 3)
    assert due_at(datetime(2026, 3, 2, 16, 0, tzinfo=UTC), Unit.CALENDAR_DAY, 1) == end_of(
        2026, 3, 4
    )


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="2026"):
        shanghai_day(datetime(2026, 3, 2))  # noqa: DTZ001 what the test is about


def test_a_term_that_reaches_an_unannounced_year_is_provisional() -> None:
    late = datetime(2093, 3, 2, 9, tzinfo=SHANGHAI)
    assert due(late, Term(Unit.WORKING_DAY, 3), NATIONAL).provisional
    assert due(late, Term(Unit.CALENDAR_DAY, 3), NATIONAL).provisional
    assert not due(late, Term(Unit.CALENDAR_DAY, 3, roll_forward=False), NATIONAL).provisional
    assert not due(late, Term(Unit.HOUR, 3), NATIONAL).provisional
    assert not due(MONDAY, Term(Unit.WORKING_DAY, 20), NATIONAL).provisional


def test_days_announced_in_the_calendar_end_being_provisional() -> None:
    late = datetime(2093, 3, 2, 9, tzinfo=SHANGHAI)
    told = Calendar({date(2093, 3, 2) + timedelta(days=n): n % 2 == 0 for n in range(1, 9)})
    assert due(late, Term(Unit.WORKING_DAY, 3), told) == Due(
        end_of(2093, 3, 8).astimezone(UTC), provisional=False
    )


def test_an_override_stands_before_the_national_calendar() -> None:
    typhoon = Calendar({date(2026, 3, 3): False, date(2026, 3, 7): True})
    assert not typhoon.working(date(2026, 3, 3))
    assert due(MONDAY, Term(Unit.WORKING_DAY, 4), typhoon).at == end_of(2026, 3, 7)


def test_only_terms_that_can_be_counted_are_made() -> None:
    with pytest.raises(TermImpossible):
        Term(cast("Unit", "month"), 4)
    for count in (0, -1, 10**9):
        with pytest.raises(TermImpossible):
            Term(Unit.HOUR, count)
    with pytest.raises(TermImpossible):
        after_working_days(date(2026, 3, 2), -1, NATIONAL)


def test_the_end_itself_is_too_late() -> None:
    assert overdue(MONDAY, MONDAY)
    assert not overdue(MONDAY, MONDAY - timedelta(microseconds=1))


def test_no_days_after_a_free_day_is_the_next_worked_one() -> None:
    assert after_working_days(date(2026, 3, 7), 0, NATIONAL) == date(2026, 3, 9)
    assert after_working_days(date(2026, 3, 6), 0, NATIONAL) == date(2026, 3, 6)


@given(day=days, count=st.integers(1, 60), calendar=calendars)
def test_as_many_working_days_lie_between_as_were_counted(
    day: date, count: int, calendar: Calendar
) -> None:
    last = after_working_days(day, count, calendar)
    between = (day + timedelta(days=n) for n in range(1, (last - day).days + 1))
    assert sum(map(calendar.working, between)) == count
    assert calendar.working(last)


@given(start=moments, term=day_terms, calendar=calendars)
def test_a_term_of_days_ends_at_midnight_after_a_working_day(
    start: datetime, term: Term, calendar: Calendar
) -> None:
    end = due(start, term, calendar).at.astimezone(SHANGHAI)
    assert (end.hour, end.minute, end.second) == (0, 0, 0)
    assert calendar.working(end.date() - timedelta(days=1))
    assert end > start


@given(start=moments, later=moments, term=day_terms, more=st.integers(0, 9), calendar=calendars)
def test_a_later_start_or_a_longer_term_never_ends_earlier(
    *, start: datetime, later: datetime, term: Term, more: int, calendar: Calendar
) -> None:
    first, second = sorted((start, later))
    longer = Term(term.unit, term.count + more, term.first_day_counts)
    assert due(first, term, calendar).at <= due(second, longer, calendar).at
