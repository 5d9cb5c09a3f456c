"""What is worked: days on China's calendar of holidays and make-up days, and the hours of a day.

A region's calendar changes both (`kit.calendars`); nodes below it inherit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final, TypeAlias

import chinese_calendar
from chinese_calendar import constants

from contracts.errors import Invalid

Hours: TypeAlias = tuple[tuple[time, time], ...]

_LEAST: Final = timedelta(hours=1)
_SOME_DAY: Final = date(2000, 1, 1)
_FRIDAY: Final = 4


class HoursImpossible(Invalid):
    """Working hours are spans of one day, one after another, an hour in all or more."""

    code = "hours-impossible"


def hours_of(text: str) -> Hours:
    """Read `09:00-12:00,13:30-17:30`; refuses HoursImpossible."""
    expected = "09:00-12:00,13:30-17:30"
    try:
        spans = tuple(_span(part) for part in text.split(","))
    except ValueError as no:
        raise HoursImpossible(field="hours", got=text, expected=expected) from no
    edges = [edge for span in spans for edge in span]
    ascending = all(one < other for one, other in pairwise(edges))
    if not ascending or _length(spans) < _LEAST:
        raise HoursImpossible(field="hours", got=text, expected=expected)
    return spans


def _span(text: str) -> tuple[time, time]:
    opens, closes = (time.fromisoformat(edge.strip()) for edge in text.split("-"))
    return opens, closes


def _length(spans: Hours) -> timedelta:
    of_day = datetime.combine
    each = (of_day(_SOME_DAY, closes) - of_day(_SOME_DAY, opens) for opens, closes in spans)
    return sum(each, timedelta())


# What holds where no calendar says otherwise. No law fixes the hours of offices; a region's, or for
# all the root's, come by `POST /calendars`.
USUAL: Final = hours_of("09:00-12:00,13:30-17:30")


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which days are worked: the national calendar, and what a region or a notice changes.

    `overrides` says of a day whether it is worked. A day beyond the last year announced counts
    by the weekend rule and is not `known`, unless its year is among those `announced` here.
    """

    overrides: Mapping[date, bool] = field(default_factory=dict)
    announced: frozenset[int] = frozenset()
    hours: Hours = USUAL

    def working(self, day: date) -> bool:
        """Say whether offices work on a day."""
        if day in self.overrides:
            return self.overrides[day]
        announced = _announced(day)
        return day.weekday() <= _FRIDAY if announced is None else announced

    def known(self, day: date) -> bool:
        """Say whether the answer for a day is announced and not a guess by the weekend rule."""
        return day in self.overrides or day.year in self.announced or _announced(day) is not None


NATIONAL: Final = Calendar()

# The years that the State Council announced and the library has.
_YEARS: Final = frozenset(day.year for day in constants.holidays)


@lru_cache(maxsize=8192)
def _announced(day: date) -> bool | None:
    """Say what the State Council announced for a day; None for a year without an announcement."""
    return bool(chinese_calendar.is_workday(day)) if day.year in _YEARS else None
