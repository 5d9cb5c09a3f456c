"""Legal deadlines: when a term ends, on China's calendar of holidays and make-up days.

What the law says, and where it stands here: the day a term begins does not count, hours count
from the moment (Civil Code art. 201); a term whose last day is a holiday ends on the next working
day, and its last day ends at 24:00 (art. 203); "2, 3, 5, 7 days" in the Administrative Penalty
Law are working days (art. 85). Which unit and how many come in as data.

An end is exclusive: `at` is the first instant that is too late, so a term whose last day is
1 March ends at 2 March 00:00 in Shanghai.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import StrEnum
from functools import lru_cache
from typing import Final, assert_never

import chinese_calendar

from contracts.errors import Invalid

# China has kept UTC+8 without summer time since 1991; fixed, so that no zone file is needed.
SHANGHAI: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
LONGEST: Final = 10_000

_DAY: Final = timedelta(days=1)
_FRIDAY: Final = 4


class Unit(StrEnum):
    """What a term counts."""

    HOUR = "hour"
    WORKING_DAY = "working_day"
    CALENDAR_DAY = "calendar_day"


class TermImpossible(Invalid):
    """A term counts hours, working days or calendar days, from 1 up."""

    code = "term-impossible"


@dataclass(frozen=True, slots=True)
class Term:
    """How long something may take.

    `first_day_counts` and `roll_forward` say nothing about hours; working days never need to roll.
    """

    unit: Unit
    count: int
    first_day_counts: bool = False
    roll_forward: bool = True

    def __post_init__(self) -> None:
        """Refuse what cannot be counted, so that a policy row fails when it is written."""
        if self.unit not in tuple(Unit):
            raise TermImpossible(field="unit", got=self.unit, expected=" | ".join(Unit))
        if not 1 <= self.count <= LONGEST:
            raise TermImpossible(field="count", got=self.count, expected=f"1 … {LONGEST}")


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which days are worked: the national calendar, and what a region or a notice changes.

    `overrides` says of a day whether it is worked. A day beyond the last year announced counts
    by the weekend rule and is not `known`.
    """

    overrides: Mapping[date, bool] = field(default_factory=dict)

    def working(self, day: date) -> bool:
        """Say whether offices work on a day."""
        if day in self.overrides:
            return self.overrides[day]
        announced = _announced(day)
        return day.weekday() <= _FRIDAY if announced is None else announced

    def known(self, day: date) -> bool:
        """Say whether the answer for a day is announced and not a guess by the weekend rule."""
        return day in self.overrides or _announced(day) is not None


NATIONAL: Final = Calendar()


@dataclass(frozen=True, slots=True)
class Due:
    """The first instant that is too late, in UTC; provisional while a day of it is unannounced."""

    at: datetime
    provisional: bool


def due(start: datetime, term: Term, calendar: Calendar) -> Due:
    """Say when a term that begins at `start` has run out."""
    first = shanghai_day(start)
    match term.unit:
        case Unit.HOUR:
            return Due(start.astimezone(UTC) + timedelta(hours=term.count), provisional=False)
        case Unit.WORKING_DAY:
            before = first - _DAY if term.first_day_counts else first
            return _end_of(after_working_days(before, term.count, calendar), before, calendar)
        case Unit.CALENDAR_DAY:
            last = first + timedelta(days=term.count - (1 if term.first_day_counts else 0))
            if not term.roll_forward:
                return _end_of(last, last, calendar)
            return _end_of(_rolled(last, calendar), last - _DAY, calendar)
        case _:
            assert_never(term.unit)


def after_working_days(day: date, count: int, calendar: Calendar) -> date:
    """Give the `count`-th working day after a day; for 0 the day itself, or the next one worked."""
    if not 0 <= count <= LONGEST:
        raise TermImpossible(field="count", got=count, expected=f"0 … {LONGEST}")
    last = day
    for _ in range(count):
        last = _rolled(last + _DAY, calendar)
    return _rolled(last, calendar)


def shanghai_day(at: datetime) -> date:
    """Give the day that it is in China at a moment."""
    if at.tzinfo is None:
        raise ValueError(at)  # a moment without a zone would silently take that of the machine
    return at.astimezone(SHANGHAI).date()


def overdue(due_at: datetime, now: datetime) -> bool:
    """Say whether a term has run out: its end is the first instant too late."""
    return now >= due_at


def _rolled(day: date, calendar: Calendar) -> date:
    while not calendar.working(day):
        day += _DAY
    return day


def _end_of(last: date, before: date, calendar: Calendar) -> Due:
    """Give 24:00 of the last day; provisional if a day after `before` up to it is unannounced."""
    midnight = datetime.combine(last + _DAY, time.min, SHANGHAI)
    judged = (before + timedelta(days=n) for n in range(1, (last - before).days + 1))
    return Due(midnight.astimezone(UTC), not all(map(calendar.known, judged)))


@lru_cache(maxsize=8192)
def _announced(day: date) -> bool | None:
    """Say what the State Council announced for a day; None for a year without an announcement."""
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return None
