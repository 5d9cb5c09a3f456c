"""Sums of flows over windows: each period counts by its overlapping days.

A week counted in the month in which it ends makes 44 % of honest months deviate by more than 10 %.
A window that a source's periods do not cover without gap and overlap has no sum: never a smaller.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby
from statistics import median
from typing import NamedTuple

from kit.deadlines import shanghai_day
from risk_monitor.indicator.domain.months import (
    Window,
    month_of,
    months_between,
    window,
)


class Lack(NamedTuple):
    """A source that keeps something from being known, and the stream in which it is missing."""

    stream: str
    source: str


class Reading(NamedTuple):
    """One signal as it is judged, its period also in days.

    A tuple: a subject has seventy of them, and a frozen dataclass takes five times as long.
    """

    id: str
    source: str
    product: str
    value: float
    from_: datetime
    to: datetime
    received_at: datetime
    first: date
    end: date


def reading(
    id_: str,
    source: str,
    value: float,
    *,
    period: tuple[datetime, datetime],
    received_at: datetime,
    product: str = "",
) -> Reading:
    """Make a reading of a stored signal."""
    from_, to = period
    days = shanghai_day(from_), shanghai_day(to)
    return Reading(id_, source, product, value, from_, to, received_at, *days)


class Total(NamedTuple):
    """A flow's amount in a window, what it rests on, and the sources that do not cover it."""

    value: float
    rests: tuple[Reading, ...]
    missing: frozenset[str]

    @property
    def signals(self) -> tuple[str, ...]:
        """Give the ids of what it rests on."""
        return ids_of(self.rests)


def ids_of(readings: Iterable[Reading]) -> tuple[str, ...]:
    """Give the ids of readings, each once."""
    return tuple(dict.fromkeys(one.id for one in readings))


_NOBODY: frozenset[str] = frozenset()


def share(period: Window, window: Window) -> float:
    """Say which part of a period lies in a window, by days."""
    days = (min(period.to, window.to) - max(period.from_, window.from_)).days
    return max(0, days) / (period.to - period.from_).days


@dataclass(frozen=True, slots=True)
class Voice:
    """What one source says of one flow, ascending; `clear` where no two periods share a day.

    `runs` is from which day on all days up to a period's end are told, `sums` what came before it.
    """

    source: str
    periods: Sequence[Reading]
    ends: Sequence[date]
    runs: Sequence[date]
    sums: Sequence[float]
    clear: bool

    def total(self, over: Window) -> "Total":
        """Sum what is said of a window."""
        if not self.clear:
            return self._unclear(over)
        first = bisect_right(self.ends, over.from_)
        last = bisect_left(self.ends, over.to)
        last += last < len(self.periods) and self.periods[last].first < over.to
        inside = tuple(self.periods[first:last])
        if not inside:
            return Total(0.0, (), frozenset((self.source,)))
        told = self.runs[last - 1] <= over.from_ and inside[-1].end >= over.to
        value = self.sums[last] - self.sums[first]
        for edge in inside[:1] if len(inside) == 1 else (inside[0], inside[-1]):
            if edge.first < over.from_ or edge.end > over.to:
                value -= edge.value * (1.0 - share(Window(edge.first, edge.end), over))
        return Total(value, inside, _NOBODY if told else frozenset((self.source,)))

    def _unclear(self, over: Window) -> "Total":
        """Look at each period: only a window in which none shares a day with another has a sum."""
        inside = tuple(r for r in self.periods if r.first < over.to and r.end > over.from_)
        value = sum(r.value * share(Window(r.first, r.end), over) for r in inside)
        missing = _NOBODY if _covers(inside, over) else frozenset((self.source,))
        return Total(value, inside, missing)


def voice(source: str, periods: Sequence[Reading]) -> Voice:
    """Make a voice of a source's periods, ascending."""
    runs: list[date] = []
    sums = [0.0]
    clear = True
    reached: date | None = None
    for one in periods:
        clear = clear and (reached is None or reached <= one.first)
        runs.append(runs[-1] if reached == one.first else one.first)
        sums.append(sums[-1] + one.value)
        reached = one.end
    return Voice(source, periods, [one.end for one in periods], runs, sums, clear)


def voices(source: str, periods: Sequence[Reading]) -> list[Voice]:
    """Tell apart what a source says: one voice, or one a product where it sends them side by side.

    Side by side means that periods of different products share days. Then each product must cover a
    window. A row without a product among such says something else of the same days.
    """
    one = voice(source, periods)
    if one.clear:
        return [one]
    products = {period.product for period in periods}
    if len(products) == 1 or "" in products:
        return [one]
    ordered = sorted(periods, key=lambda r: r.product)
    return [voice(source, list(own)) for _, own in groupby(ordered, key=lambda r: r.product)]


def total(said: Sequence[Voice], over: Window) -> Total:
    """Sum what each voice says of a window."""
    each = [one.total(over) for one in said]
    return each[0] if len(each) == 1 else joined(each)


def joined(totals: Sequence[Total]) -> Total:
    """Put the totals of several voices together."""
    return Total(
        sum(one.value for one in totals),
        tuple(reading for one in totals for reading in one.rests),
        _NOBODY.union(*(one.missing for one in totals)),
    )


def _covers(periods: Iterable[Reading], over: Window) -> bool:
    """Say whether periods fill a window; two that overlap say different things of one day."""
    reached = over.from_
    for number, period in enumerate(periods):
        if period.first > reached or (number and period.first < reached):
            return False
        reached = max(reached, period.end)
    return reached >= over.to


@dataclass(frozen=True, slots=True)
class History:
    """All that is known of a subject when it is judged.

    `readings` by stream, ascending. `sources` by stream are those that must have spoken: who ever
    sent it for the subject, else who should. `heard` by stream and source are months spoken of.
    `began` is the first month that a flow could cover: of what came before, nobody is missing.
    """

    readings: Mapping[str, Sequence[Reading]]
    sources: Mapping[str, Sequence[str]]
    heard: Mapping[tuple[str, str], frozenset[date]]
    now: datetime
    began: date = date.min
    _voices: dict[str, list[Voice]] = field(default_factory=dict, compare=False)
    _totals: dict[tuple[str, Window], Total] = field(default_factory=dict, compare=False)
    _left: dict[tuple[str, str, date], float] = field(default_factory=dict, compare=False)

    def flow(self, stream: str, over: Window) -> Total:
        """Sum a stream over a window, once."""
        known = self._totals.get((stream, over))
        if known is None:
            known = self._totals[stream, over] = total(self._said(stream), over)
        return known

    def lacks(self, stream: str, sources: Iterable[str] | None = None) -> frozenset[Lack]:
        """Name the sources of a stream that are missing, or all that must have spoken."""
        missing = self.sources[stream] if sources is None else sources
        return frozenset(Lack(stream, source) for source in missing)

    def left(self, bought: str, sold: str, month: date) -> float:
        """Give what must be left of a flow at a month's end: at least this, the first is unknown.

        A month that is not covered proves nothing: counting begins anew after it.
        """
        known = self._left.get((bought, sold, month))
        if known is not None:
            return known
        began = self.readings.get(bought, ())
        reached = 0.0
        for each in months_between(month_of(began[0].first) if began else month, month):
            before = self._left.get((bought, sold, each))
            if before is None:
                into = self.flow(bought, window(each))
                out = self.flow(sold, window(each))
                unknown = into.missing or out.missing
                before = 0.0 if unknown else max(0.0, reached + into.value - out.value)
                self._left[bought, sold, each] = before
            reached = before
        return reached

    def usual(self, stream: str, until: date) -> float | None:
        """Give what usually flows in a day: the median over periods in which anything flowed."""
        days = [
            one.value / (one.end - one.first).days
            for one in self.readings.get(stream, ())
            if one.value > 0 and one.first < until
        ]
        return median(days) if days else None

    def _said(self, stream: str) -> list[Voice]:
        found = self._voices.get(stream)
        if found is None:
            by_source: dict[str, list[Reading]] = {s: [] for s in self.sources[stream]}
            for one in self.readings.get(stream, ()):
                by_source.setdefault(one.source, []).append(one)
            found = [v for source, rows in by_source.items() for v in voices(source, rows)]
            self._voices[stream] = found
        return found
