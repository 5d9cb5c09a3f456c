"""Rules of a region's calendar: a day is worked or it is not."""

from collections import Counter
from dataclasses import dataclass, replace

from contracts.errors import Invalid
from contracts.item_registry import CalendarChanged, CalendarDay, NewCalendar, RegionId
from contracts.says import Decided
from kit.workdays import hours_of


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days on which a region differs from the nation; `version` counts announced changes."""

    id: str
    region: RegionId
    days: tuple[CalendarDay, ...]
    hours: str | None
    announced: tuple[int, ...]
    basis: str
    version: int = 0


class DayTwice(Invalid):
    """The same day stands in a calendar once."""

    code = "calendar-day-twice"


def declare(new: NewCalendar, before: Calendar | None) -> Decided[Calendar]:
    """Say how a region works; it replaces what stood, and nodes below inherit it.

    A region has one calendar, which has the region's id. Refuses: DayTwice, HoursImpossible.
    """
    days = Counter(one.date for one in new.days)
    twice = sorted(day for day, count in days.items() if count > 1)
    if twice:
        raise DayTwice(field="days", got=twice[0].isoformat(), expected="1")
    if new.hours is not None:
        hours_of(new.hours)
    ordered = tuple(sorted(new.days, key=lambda one: one.date))
    announced = tuple(sorted(set(new.announced)))
    calendar = Calendar(new.region, new.region, ordered, new.hours, announced, new.basis)
    if before is not None and replace(calendar, version=before.version) == before:
        return Decided(before)
    version = 1 if before is None else before.version + 1
    said = CalendarChanged(
        calendar=calendar.id,
        region=calendar.region,
        days=ordered,
        hours=calendar.hours,
        announced=announced,
    )
    return Decided(replace(calendar, version=version), says=(said,))
