"""The twelve months that the data cover, and how weeks and months lie in their days."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

MONTHS: Final = 12
_WEEK: Final = 7


@dataclass(frozen=True, slots=True)
class Span:
    """[from, to) as it is written, and as places in a list of days."""

    from_: str
    to: str
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Window:
    """The months, and the days from the Monday before them to the end of the last week sent."""

    today: date
    months: tuple[date, ...]
    start: date
    days: int
    weeks: tuple[Span, ...]
    spans: tuple[Span, ...]

    @classmethod
    def before(cls, today: date) -> "Window":
        """Give the window that ends with the last full month before a day."""
        months = months_before(today)
        over = after(months[-1])
        start = months[0] - timedelta(days=months[0].weekday())
        # A meter reports by the week; the week that has not ended yet is reported up to today.
        end = min(over + timedelta(days=-over.weekday() % _WEEK), today)
        days = (end - start).days
        weeks = tuple(
            _span(start, first, min(first + _WEEK, days)) for first in range(0, days, _WEEK)
        )
        spans = tuple(
            _span(start, (month - start).days, (after(month) - start).days) for month in months
        )
        return cls(today, months, start, days, weeks, spans)

    @property
    def over(self) -> date:
        """Give the day after the last month."""
        return after(self.months[-1])

    def month_of(self, day: date) -> int:
        """Give the place of a day's month in the window; a day outside it counts from its ends."""
        first = self.months[0]
        return (day.year - first.year) * 12 + day.month - first.month


def months_before(today: date) -> tuple[date, ...]:
    """Give the first days of the 12 months that end with the last full one before a day."""
    last = today.year * 12 + today.month - 1
    return tuple(date(n // 12, n % 12 + 1, 1) for n in range(last - MONTHS, last))


def after(month: date) -> date:
    """Give the first day of the next month."""
    return (month + timedelta(days=32)).replace(day=1)


def _span(start: date, first: int, end: int) -> Span:
    days = (start + timedelta(days=first), start + timedelta(days=end))
    return Span(days[0].isoformat(), days[1].isoformat(), first, end)
