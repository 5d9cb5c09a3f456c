"""Legal deadlines: when a term ends, on China's calendar of holidays and make-up days.

What the law says, and where it stands here: the day a term begins does not count, hours count
from the moment (Civil Code art. 201); a term whose last day is a holiday ends on the next working
day, and its last day ends at 24:00 (art. 203); "2, 3, 5, 7 days" in the Administrative Penalty
Law are working days (art. 85). Which unit and how many come in as data.

While a term is paused its time is not counted (不计入期限: Administrative Licence Law art. 45,
Administrative Compulsion Law art. 25, SAMR penalty procedure art. 64). So what was left is kept: a
term of working days keeps its working days, and a holiday inside the pause gives nothing on top;
one of calendar days moves by the days of the pause. No law says which edge of a pause counts: the
day it begins does not, the day it ends does, so a pause within one day changes nothing.

An end is exclusive: `at` is the first instant that is too late, so a term whose last day is
1 March ends at 2 March 00:00 in Shanghai. How a running term is paused: `kit.suspensions`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import StrEnum
from typing import Final, assert_never

from contracts.errors import Invalid
from kit.workdays import Calendar

# China has kept UTC+8 without summer time since 1991; fixed, so that no zone file is needed.
SHANGHAI: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
LONGEST: Final = 10_000

_DAY: Final = timedelta(days=1)


class Unit(StrEnum):
    """What a term counts; a working hour is one in which offices are open."""

    HOUR = "hour"
    WORKING_HOUR = "working_hour"
    WORKING_DAY = "working_day"
    CALENDAR_DAY = "calendar_day"


class TermImpossible(Invalid):
    """A term counts hours, working hours, working days or calendar days, from 1 up."""

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
class Pause:
    """Time that is not counted, from one moment until another (None: still), why and by what."""

    start: datetime
    end: datetime | None
    reason: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Extension:
    """Units that were added to a term, when, why, and by which approval."""

    count: int
    at: datetime
    reason: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Running:
    """A term that has begun, with everything that its end follows from beside the calendar.

    Pauses stand in order and apart; only the last can be open.
    """

    start: datetime
    term: Term
    pauses: tuple[Pause, ...] = ()
    extensions: tuple[Extension, ...] = ()

    @property
    def count(self) -> int:
        """Give how many units there are in all: an extension goes on where the term would end."""
        return self.term.count + sum(one.count for one in self.extensions)

    @property
    def paused(self) -> bool:
        """Say whether it stands still."""
        return bool(self.pauses) and self.pauses[-1].end is None


@dataclass(frozen=True, slots=True)
class Due:
    """The first instant that is too late, in UTC; provisional while a day of it is unannounced.

    `running` is what it was counted from; a store that reads a due time back has it elsewhere
    (`kit.timers`), so it says nothing about equality.
    """

    at: datetime
    provisional: bool
    running: Running | None = field(default=None, compare=False, repr=False)


def due(start: datetime, term: Term, calendar: Calendar) -> Due:
    """Say when a term that begins at `start` has run out."""
    return _counted(Running(start, term), calendar)


def ends(running: Running, calendar: Calendar) -> Due | None:
    """Say when a running term has run out; None while it is paused."""
    return None if running.paused else _counted(running, calendar)


def after_working_days(day: date, count: int, calendar: Calendar) -> date:
    """Give the `count`-th working day after a day; for 0 the day itself, or the next one worked."""
    if not 0 <= count <= LONGEST:
        raise TermImpossible(field="count", got=count, expected=f"0 … {LONGEST}")
    return _first(_nth(day, count, calendar.working), calendar.working)


def shanghai_day(at: datetime) -> date:
    """Give the day that it is in China at a moment."""
    if at.tzinfo is None:
        raise ValueError(at)  # a moment without a zone would silently take that of the machine
    return at.astimezone(SHANGHAI).date()


def overdue(due_at: datetime, now: datetime) -> bool:
    """Say whether a term has run out: its end is the first instant too late."""
    return now >= due_at


def _counted(running: Running, calendar: Calendar) -> Due:
    match running.term.unit:
        case Unit.HOUR:
            return Due(_hours(running), provisional=False, running=running)
        case Unit.WORKING_HOUR:
            at, provisional = _working_hours(running, calendar)
        case Unit.WORKING_DAY:
            at, provisional = _days(running, calendar, calendar.working)
        case Unit.CALENDAR_DAY:
            at, provisional = _days(running, calendar, lambda _: True)
        case _:
            assert_never(running.term.unit)
    return Due(at, provisional=provisional, running=running)


def _days(
    running: Running, calendar: Calendar, counts: Callable[[date], bool]
) -> tuple[datetime, bool]:
    """Count days that count and are not paused, then roll forward; gives 24:00 of the last."""
    term, begins = running.term, shanghai_day(running.start)
    before = begins - _DAY if term.first_day_counts else begins
    stopped = [
        (shanghai_day(one.start), shanghai_day(one.end)) for one in running.pauses if one.end
    ]

    def runs(day: date) -> bool:
        return not any(first <= day < last for first, last in stopped)

    last = _nth(before, running.count, lambda day: runs(day) and counts(day))
    if term.unit is Unit.CALENDAR_DAY:  # which days are worked matters from the last one on
        before = last - _DAY if term.roll_forward else last
    if term.roll_forward:
        last = _first(last, lambda day: runs(day) and calendar.working(day))
    judged = (before + timedelta(days=n) for n in range(1, (last - before).days + 1))
    provisional = not all(calendar.known(day) for day in judged if runs(day))
    return datetime.combine(last + _DAY, time.min, SHANGHAI).astimezone(UTC), provisional


def _hours(running: Running) -> datetime:
    """Count hours through nights and holidays, but not through pauses."""
    end = running.start.astimezone(UTC) + timedelta(hours=running.count)
    for one in running.pauses:
        if one.end is not None and one.start < end:
            end += one.end - one.start
    return end


def _working_hours(running: Running, calendar: Calendar) -> tuple[datetime, bool]:
    """Count the hours in which offices are open; gives the instant at which none is left."""
    left, day = timedelta(hours=running.count), shanghai_day(running.start)
    known = True
    while True:
        known = known and calendar.known(day)
        for opens, closes in _open(running, day, calendar):
            if closes - opens >= left:
                return (opens + left).astimezone(UTC), not known
            left -= closes - opens
        day += _DAY


def _open(running: Running, day: date, calendar: Calendar) -> Iterator[tuple[datetime, datetime]]:
    """Give the parts of a day in which offices are open and the term runs."""
    for opens, closes in calendar.hours if calendar.working(day) else ():
        at = max(datetime.combine(day, opens, SHANGHAI), running.start)
        until = datetime.combine(day, closes, SHANGHAI)
        for one in running.pauses:
            if one.end is not None and at < one.end and one.start < until:
                yield at, max(at, min(one.start, until))
                at = max(at, one.end)
        yield at, max(at, until)


def _nth(day: date, count: int, counts: Callable[[date], bool]) -> date:
    """Give the `count`-th day after a day that counts."""
    for _ in range(count):
        day = _first(day + _DAY, counts)
    return day


def _first(day: date, counts: Callable[[date], bool]) -> date:
    while not counts(day):
        day += _DAY
    return day
