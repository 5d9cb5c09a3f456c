"""What departments record by day or moment: a gauge's state, licences, verifications of pumps."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from random import Random  # noqa: TID251 - a seeded world, not a secret
from typing import Final

from heli.demo.province.planted import CYCLE, GAUGE_HOURS, SILENT_FROM, Innocent, Kind
from heli.demo.province.streams import Case
from heli.demo.province.window import Window

_CHINA: Final = timezone(timedelta(hours=8))
_TERM: Final = timedelta(days=1826)  # a licence lasts five years
_SHORT: Final = 0.04  # of the months have a short outage that nobody needs to hear of
_RENEWED: Final = 0.03  # of the licences are renewed within the window, in time


@dataclass(frozen=True, slots=True)
class Licence:
    """One licence, from its first day to the day after its last one; `late`: sent afterwards."""

    from_: date
    to: date
    late: bool


def gauge(case: Case, window: Window, dice: Random) -> list[tuple[str, int]]:
    """Give the moments at which the gauge's state changes: 1 it reports, 0 it does not."""
    changes = [(_moment(window.months[0], 0), 1)]
    for month in window.months:
        outage = _outage(case, month, dice)
        if outage is not None:
            began, hours = outage
            changes.append((began.isoformat(), 0))
            changes.append(((began + timedelta(hours=hours)).isoformat(), 1))
    return changes


def _moment(day: date, hour: int) -> str:
    return _at(day, hour).isoformat()


def _at(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), _CHINA)


def _outage(case: Case, month: date, dice: Random) -> tuple[datetime, int] | None:
    problem = case.problem
    if problem and problem.kind is Kind.GAUGE_OFF and problem.began.replace(day=1) == month:
        return _at(problem.began, dice.randint(0, 23)), round(GAUGE_HOURS * (1 + problem.share))
    off = case.innocent in {Innocent.GAUGE_60, Innocent.GAUGE_CLOSED}
    if off and case.since and case.since.replace(day=1) == month:
        if case.innocent is Innocent.GAUGE_CLOSED:
            return _at(case.since, dice.randint(8, 20)), dice.randint(90, 260)
        return _at(case.since, dice.randint(0, 23)), dice.randint(50, 66)
    if off or dice.random() > _SHORT:
        return None
    day = month + timedelta(days=dice.randint(0, 25))
    return _at(day, dice.randint(0, 23)), dice.randint(2, 12)


def licences(case: Case, window: Window, dice: Random) -> list[Licence]:
    """Give a station's licences: most last beyond the window, some are renewed in it."""
    problem = case.problem
    if problem and problem.kind is Kind.LICENCE:
        rows = [Licence(problem.began - _TERM, problem.began, late=False)]
        if problem.ended < window.over:
            rows.append(Licence(problem.ended, problem.ended + _TERM, late=False))
        return rows
    late = case.innocent is Innocent.RENEWED_LATE
    if case.since and late:
        day = case.since
    elif dice.random() < _RENEWED:
        day = window.months[0] + timedelta(days=dice.randint(10, 330))
    else:
        until = window.over + timedelta(days=dice.randint(70, 1400))
        return [Licence(until - _TERM, until, late=False)]
    return [Licence(day - _TERM, day, late=False), Licence(day, day + _TERM, late=late)]


def verified(case: Case, window: Window, dice: Random) -> list[date]:
    """Give the days on which the pumps were verified, as far as they are sent.

    At most six months lie between two; from the seventh month on nothing is sent any more.
    """
    problem = case.problem
    days: list[date] = []
    if problem and problem.kind is Kind.VERIFICATION:
        last = problem.began - CYCLE
        days = [last - timedelta(days=dice.randint(150, 178)), last]
        day = problem.ended
    else:
        day = window.months[0] - timedelta(days=dice.randint(1, 150))
    silent = window.months[SILENT_FROM]
    while day < silent:
        days.append(day)
        day += timedelta(days=dice.randint(150, 178))
    return days
