"""Months and windows of days, half-open, as indicators count them."""

from collections.abc import Iterator
from datetime import date, datetime, time
from functools import cache
from typing import NamedTuple

from kit.deadlines import SHANGHAI

_MONTHS = 12


class Window(NamedTuple):
    """Days from the first to the day after the last."""

    from_: date
    to: date


def month_of(day: date) -> date:
    """Give the first day of a day's month, which stands for the month."""
    return day.replace(day=1)


@cache
def months_later(month: date, count: int) -> date:
    """Give the month `count` later, or earlier where it is negative."""
    number = month.year * _MONTHS + month.month - 1 + count
    return date(number // _MONTHS, number % _MONTHS + 1, 1)


def months_between(first: date, last: date) -> Iterator[date]:
    """Give every month from the first to the last, both included."""
    month = first
    while month <= last:
        yield month
        month = months_later(month, 1)


@cache
def window(month: date, months: int = 1) -> Window:
    """Give the window of the last `months` months that end with a month."""
    return Window(months_later(month, 1 - months), months_later(month, 1))


def same_day_later(day: date, months: int) -> date:
    """Give the same day some months later; the month's last day where it has none such."""
    month = months_later(month_of(day), months)
    last = (months_later(month, 1) - month).days
    return month.replace(day=min(day.day, last))


@cache
def midnight(day: date) -> datetime:
    """Give the moment at which a day begins in China."""
    return datetime.combine(day, time.min, SHANGHAI)
