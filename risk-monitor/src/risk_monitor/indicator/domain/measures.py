"""What an indicator measures of a subject in a month, with the data up to that month's end.

A value that cannot be known is None, and `missing` names the sources that keep it from being known.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import assert_never

from contracts.risk_monitor import Carried, OutsideValidity, OverdueDays, StateHours, Sum
from kit.deadlines import shanghai_day
from risk_monitor.indicator.domain.flows import History, Reading, share
from risk_monitor.indicator.domain.months import (
    Window,
    midnight,
    month_of,
    months_between,
    months_later,
    same_day_later,
    window,
)

Measure = Sum | Carried | StateHours | OutsideValidity | OverdueDays

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Measured:
    """A value over a window, the signals that it was computed from, the sources it lacks."""

    value: float | None
    over: Window
    signals: tuple[str, ...] = ()
    missing: frozenset[str] = field(default_factory=frozenset)


def measure(what: Measure, history: History, month: date) -> Measured:
    """Measure one thing in one month."""
    match what:
        case Sum():
            return _sum(history, what.stream, window(month, what.months))
        case Carried():
            return _carried(what, history, month)
        case StateHours():
            return _state_hours(what, history, month)
        case OutsideValidity():
            return _outside_validity(what, history, month)
        case OverdueDays():
            return _overdue_days(what, history, month)
        case _:
            assert_never(what)


def streams_of(what: Measure) -> tuple[str, ...]:
    """Give the streams that a measure reads."""
    match what:
        case Sum() | OverdueDays():
            return (what.stream,)
        case Carried():
            return (what.bought, what.sold)
        case StateHours():
            return (what.stream,) if what.during is None else (what.stream, what.during)
        case OutsideValidity():
            return (what.stream, what.validity)
        case _:
            assert_never(what)


def _sum(history: History, stream: str, over: Window) -> Measured:
    found = history.flow(stream, over)
    value = None if found.missing else found.value
    return Measured(value, over, found.signals, found.missing)


def _carried(what: Carried, history: History, month: date) -> Measured:
    """Give what must be left from earlier months: at least this, for the first stock is unknown.

    A month that is not covered proves nothing: counting begins anew after it.
    """
    last = months_later(month, -what.months)
    known = history.readings.get(what.bought, ())
    first = month_of(known[0].first) if known else month
    left = 0.0
    for each in months_between(first, last):
        bought = history.flow(what.bought, window(each))
        sold = history.flow(what.sold, window(each))
        unknown = bought.missing or sold.missing
        left = 0.0 if unknown else max(0.0, left + bought.value - sold.value)
    return Measured(left, Window(min(first, months_later(last, 1)), months_later(last, 1)))


def _before(history: History, stream: str, month: date) -> tuple[list[Reading], datetime]:
    """Give a stream's readings that began before a month ended, or before now."""
    until = min(midnight(months_later(month, 1)), history.now)
    return [r for r in history.readings.get(stream, ()) if r.from_ < until], until


def _state_hours(what: StateHours, history: History, month: date) -> Measured:
    """Give the hours of the longest time in the state that reaches into the month.

    A time that began earlier counts from its beginning. With `during`, only times in which that
    flow was above zero count; one whose flow is not covered leaves the answer open if it is longer.
    """
    over = window(month)
    rows, until = _before(history, what.stream, month)
    if not rows:
        return Measured(None, over, missing=frozenset(history.sources[what.stream]))
    best = Measured(0.0, over)
    opened: list[Measured] = []
    for begin, end, signal in _times(rows, what.state, until):
        if end <= midnight(over.from_) or end <= begin:
            continue
        hours = (end - begin) / _HOUR
        found = Measured(hours, Window(shanghai_day(begin), _day_after(end)), (signal,))
        if what.during is not None:
            flow = history.flow(what.during, found.over)
            signals = (signal, *flow.signals)
            if flow.missing:
                opened.append(Measured(hours, found.over, signals, flow.missing))
                continue
            if flow.value <= 0:
                continue
            found = Measured(hours, found.over, signals)
        best = max(best, found, key=_value)
    for doubt in opened:
        if _value(doubt) > _value(best):
            return Measured(None, doubt.over, doubt.signals, doubt.missing)
    return best


def _value(measured: Measured) -> float:
    return measured.value or 0.0


def _day_after(end: datetime) -> date:
    """Give the day after the last one that a time touches."""
    return shanghai_day(end - timedelta(microseconds=1)) + _DAY


def _times(
    rows: list[Reading], state: float, until: datetime
) -> list[tuple[datetime, datetime, str]]:
    """Cut changes into times in a state: until the next row says otherwise, or its own end."""
    times: list[tuple[datetime, datetime, str]] = []
    began: Reading | None = None
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        if row.value != state:
            began = None
            continue
        began = began or row
        ends = until if following is None else following.from_
        if row.to > row.from_:
            ends = min(ends, row.to)
        if following is not None and following.value == state and ends == following.from_:
            continue
        times.append((began.from_, min(ends, until), began.id))
        began = None
    return times


def _outside_validity(what: OutsideValidity, history: History, month: date) -> Measured:
    """Sum the periods of a flow that lie wholly after one validity ended and before the next.

    A period that only partly lies there proves nothing; before the first known validity there may
    have been another.
    """
    over = window(month)
    held, _ = _before(history, what.validity, month)
    if not held:
        return Measured(None, over, missing=frozenset(history.sources[what.validity]))
    lapses = [lapse for lapse in _lapses(held) if lapse.from_ < over.to and lapse.to > over.from_]
    value = 0.0
    signals = [row.id for row in held]
    for lapse in lapses:
        inside = Window(max(lapse.from_, over.from_), min(lapse.to, over.to))
        covered = history.flow(what.stream, inside)
        if covered.missing:
            return Measured(None, inside, (*signals, *covered.signals), covered.missing)
        for one in history.readings[what.stream]:
            if one.first >= lapse.from_ and one.end <= lapse.to:
                part = one.value * share(Window(one.first, one.end), over)
                value += part
                signals += [one.id] if part else []
    return Measured(value, over, tuple(signals))


def _lapses(held: list[Reading]) -> list[Window]:
    """Give the times between and after validities, from the end of the first."""
    lapses = []
    reached = held[0].end
    for one in held[1:]:
        if one.first > reached:
            lapses.append(Window(reached, one.first))
        reached = max(reached, one.end)
    return [*lapses, Window(reached, date.max)]


def _overdue_days(what: OverdueDays, history: History, month: date) -> Measured:
    """Give how many days something that recurs is overdue at the month's end.

    It is known not to be when it happened within the cycle; to be, only if its sources spoke of
    each month of the cycle: else it may have happened unheard.
    """
    rows, until = _before(history, what.stream, month)
    end = min(months_later(month, 1), shanghai_day(until))
    happened = [row for row in rows if row.value > 0]
    start = months_later(month_of(end - _DAY), 1 - what.cycle_months)
    over = Window(start, end)
    signals = tuple(row.id for row in happened[-1:])
    if happened and same_day_later(happened[-1].first, what.cycle_months) >= end:
        return Measured(0.0, over, signals)
    silent = frozenset(
        source
        for source in history.sources[what.stream]
        if not set(months_between(start, month)) <= history.heard.get((what.stream, source), set())
    )
    if silent:
        return Measured(None, over, signals, silent)
    since = happened[-1].first if happened else start
    due = same_day_later(since, what.cycle_months)
    return Measured(float(max(0, (end - due).days)), over, signals)
