"""Sums of flows over windows: each period counts by its overlapping days.

A week counted in the month in which it ends makes 44 % of honest months deviate by more than 10 %.
A window that a source's periods do not cover without gap and overlap has no sum: never a smaller.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from kit.deadlines import shanghai_day
from risk_monitor.indicator.domain.months import Window


@dataclass(frozen=True, slots=True)
class Reading:
    """One signal as it is judged, its period also in days."""

    id: str
    source: str
    value: float
    from_: datetime
    to: datetime
    received_at: datetime
    first: date
    end: date


def reading(
    id_: str, source: str, value: float, *, period: tuple[datetime, datetime], received_at: datetime
) -> Reading:
    """Make a reading of a stored signal."""
    from_, to = period
    return Reading(
        id_, source, value, from_, to, received_at, shanghai_day(from_), shanghai_day(to)
    )


@dataclass(frozen=True, slots=True)
class Total:
    """A flow's amount in a window; `missing` are the sources that do not cover it."""

    value: float
    signals: tuple[str, ...]
    missing: frozenset[str]


def share(period: Window, window: Window) -> float:
    """Say which part of a period lies in a window, by days."""
    days = (min(period.to, window.to) - max(period.from_, window.from_)).days
    return max(0, days) / (period.to - period.from_).days


def total(readings: Mapping[str, Sequence[Reading]], window: Window) -> Total:
    """Sum what each source says of a window; `readings` by source, ascending."""
    value = 0.0
    signals: list[str] = []
    missing = set()
    for source, periods in readings.items():
        inside = [r for r in periods if r.first < window.to and r.end > window.from_]
        if not _covers(inside, window):
            missing.add(source)
        value += sum(r.value * share(Window(r.first, r.end), window) for r in inside)
        signals += [r.id for r in inside]
    return Total(value, tuple(signals), frozenset(missing))


def _covers(periods: Iterable[Reading], window: Window) -> bool:
    """Say whether periods fill a window; two that overlap say different things of one day."""
    reached = window.from_
    for number, period in enumerate(periods):
        if period.first > reached or (number and period.first < reached):
            return False
        reached = max(reached, period.end)
    return reached >= window.to


@dataclass(frozen=True, slots=True)
class History:
    """All that is known of a subject when it is judged.

    `readings` by stream, ascending. `sources` by stream are those that must have spoken: who ever
    sent it for the subject, else who should. `heard` by stream and source are months spoken of.
    """

    readings: Mapping[str, Sequence[Reading]]
    sources: Mapping[str, Sequence[str]]
    heard: Mapping[tuple[str, str], frozenset[date]]
    now: datetime
    _grouped: dict[str, dict[str, list[Reading]]] = field(default_factory=dict, compare=False)
    _totals: dict[tuple[str, Window], Total] = field(default_factory=dict, compare=False)

    def flow(self, stream: str, window: Window) -> Total:
        """Sum a stream over a window, once."""
        known = self._totals.get((stream, window))
        if known is None:
            known = self._totals[stream, window] = total(self._by_source(stream), window)
        return known

    def _by_source(self, stream: str) -> dict[str, list[Reading]]:
        found = self._grouped.get(stream)
        if found is None:
            found = self._grouped[stream] = {source: [] for source in self.sources[stream]}
            for one in self.readings.get(stream, ()):
                found.setdefault(one.source, []).append(one)
        return found
