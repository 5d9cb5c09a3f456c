"""What an indicator measures of a subject in a month, with the data up to that month's end.

A value that cannot be known is None, and `missing` names the sources that keep it from being known.
"""

from datetime import date, datetime, timedelta
from typing import NamedTuple, assert_never

from contracts.risk_monitor import Carried, OutsideValidity, OverdueDays, StateHours, Sum
from kit.deadlines import shanghai_day
from risk_monitor.indicator.domain.flows import History, Lack, Reading, ids_of, share
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


_NOBODY: frozenset[Lack] = frozenset()


class Measured(NamedTuple):
    """A value over a window, the signals that it was computed from, the sources it lacks."""

    value: float | None
    over: Window
    rests: tuple[Reading, ...] = ()
    missing: frozenset[Lack] = _NOBODY

    @property
    def signals(self) -> tuple[str, ...]:
        """Give the ids of the signals that it was computed from."""
        return ids_of(self.rests)


def measure(what: Measure, history: History, month: date) -> Measured:
    """Measure one thing in one month."""
    match what:
        case Sum():
            return _sum(what, history, month)
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


def _sum(what: Sum, history: History, month: date) -> Measured:
    over = window(month, what.months)
    found = history.flow(what.stream, over)
    if not found.missing:
        return Measured(found.value, over, found.rests)
    if over.from_ < history.began <= month:
        since = Window(history.began, over.to)
        found = found._replace(missing=history.flow(what.stream, since).missing)
    return Measured(None, over, found.rests, history.lacks(what.stream, found.missing))


def _carried(what: Carried, history: History, month: date) -> Measured:
    """Give what must be left from the months before."""
    last = months_later(month, -what.months)
    began = history.readings.get(what.bought, ())
    end = months_later(last, 1)
    first = min(month_of(began[0].first), end) if began else end
    left = history.left(what.bought, what.sold, last)
    return Measured(left, Window(first, end))


def _before(history: History, stream: str, month: date) -> tuple[list[Reading], datetime]:
    """Give a stream's readings that began before a month ended, or before now."""
    until = min(midnight(months_later(month, 1)), history.now)
    return [r for r in history.readings.get(stream, ()) if r.from_ < until], until


def _state_hours(what: StateHours, history: History, month: date) -> Measured:
    """Give the hours of the longest time in the state that reaches into the month.

    A time that began earlier counts from its beginning. With `during`, only times in which that
    flow ran count; one whose flow is not covered leaves the answer open if it is longer, and that
    there was none is said only of a month whose flow is known.
    """
    over = window(month)
    rows, until = _before(history, what.stream, month)
    if not rows:
        return Measured(None, over, missing=history.lacks(what.stream))
    best = Measured(0.0, over)
    opened: list[Measured] = []
    for begin, end, row in _times(rows, what.state, until):
        if end <= midnight(over.from_) or end <= begin:
            continue
        time = Window(shanghai_day(begin), _day_after(end))
        found = Measured((end - begin) / _HOUR, time, (row,))
        ran = _ran(what, history, found, over.to)
        if ran.missing:
            opened.append(ran)
        else:
            best = max(best, ran, key=_value)
    for doubt in opened:
        if _value(doubt) > _value(best):
            return doubt._replace(value=None)
    if what.during is not None and not best.value:
        unknown = history.flow(what.during, _until(over, until)).missing
        if unknown:
            return Measured(None, over, missing=history.lacks(what.during, unknown))
    return best


def _ran(what: StateHours, history: History, time: Measured, until: date) -> Measured:
    """Say whether the flow ran in a time: at all, or at the wanted share of a usual day.

    Gives the time with its flow's signals, or no hours where it did not run, or who is missing.
    """
    if what.during is None:
        return time
    flow = history.flow(what.during, time.over)
    found = time._replace(rests=(*time.rests, *flow.rests))
    if flow.missing:
        return found._replace(missing=history.lacks(what.during, flow.missing))
    usual = history.usual(what.during, until) or 0.0
    wanted = what.during_share * usual * (time.over.to - time.over.from_).days
    return found if flow.value > 0 and flow.value >= wanted else found._replace(value=0.0)


def _until(over: Window, until: datetime) -> Window:
    """Cut a month that is not over yet to its days that are."""
    return Window(over.from_, max(over.from_ + _DAY, min(over.to, shanghai_day(until))))


def _value(measured: Measured) -> float:
    return measured.value or 0.0


def _day_after(end: datetime) -> date:
    """Give the day after the last one that a time touches."""
    return shanghai_day(end - timedelta(microseconds=1)) + _DAY


def _times(
    rows: list[Reading], state: float, until: datetime
) -> list[tuple[datetime, datetime, Reading]]:
    """Cut changes into times in a state: until the next row says otherwise, or its own end."""
    times: list[tuple[datetime, datetime, Reading]] = []
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
        times.append((began.from_, min(ends, until), began))
        began = None
    return times


def _outside_validity(what: OutsideValidity, history: History, month: date) -> Measured:
    """Sum the periods of a flow that lie wholly after one validity ended and before the next.

    A period that only partly lies there proves nothing; before the first known validity there may
    have been another. That nothing flowed is said only of a month whose flow is known.
    """
    over = window(month)
    held, until = _before(history, what.validity, month)
    if not held:
        return Measured(None, over, missing=history.lacks(what.validity))
    lapses = [lapse for lapse in _lapses(held) if lapse.from_ < over.to and lapse.to > over.from_]
    value = 0.0
    rests = list(held)
    for lapse in lapses:
        inside = Window(max(lapse.from_, over.from_), min(lapse.to, over.to))
        covered = history.flow(what.stream, inside)
        if covered.missing:
            missing = history.lacks(what.stream, covered.missing)
            return Measured(None, inside, (*rests, *covered.rests), missing)
        for one in history.readings[what.stream]:
            if one.first >= lapse.from_ and one.end <= lapse.to:
                part = one.value * share(Window(one.first, one.end), over)
                value += part
                rests += [one] if part else []
    if not value:
        unknown = history.flow(what.stream, _until(over, until)).missing
        if unknown:
            missing = history.lacks(what.stream, unknown)
            return Measured(None, over, tuple(rests), missing)
    return Measured(value, over, tuple(rests))


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
    each month of the cycle: else it may have happened unheard. Of a subject that no source ever
    spoke of in this stream, nothing is known.
    """
    rows, until = _before(history, what.stream, month)
    end = min(months_later(month, 1), shanghai_day(until))
    happened = [row for row in rows if row.value > 0]
    start = months_later(month_of(end - _DAY), 1 - what.cycle_months)
    over = Window(start, end)
    if not rows:
        return Measured(None, over, missing=history.lacks(what.stream))
    rests = tuple((happened or rows)[-1:])
    if happened and same_day_later(happened[-1].first, what.cycle_months) >= end:
        return Measured(0.0, over, rests)
    since = happened[-1].first if happened else rows[0].first
    heard_from = min(start, month_of(since)) if not happened else start
    silent = [
        source
        for source in history.sources[what.stream]
        if not set(months_between(heard_from, month))
        <= history.heard.get((what.stream, source), frozenset())
    ]
    if silent:
        return Measured(None, over, rests, history.lacks(what.stream, silent))
    due = same_day_later(since, what.cycle_months)
    return Measured(float(max(0, (end - due).days)), over, rests)
