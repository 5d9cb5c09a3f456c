"""Judging a subject month by month under one model: hit, no hit, or not knowable (R8.3).

A rule over several months holds if it holds in each. A month that is itself unknown is open; one
that is known fails as soon as a month before it is known to fail. Of a kind's rules the highest
level that holds is the verdict; a missing source is named and never taken for "safe" (R8.2).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from contracts.item_registry import RegionId
from contracts.risk_monitor import Evidence, EvidenceState, Level
from kit.deadlines import shanghai_day
from kit.expressions import Hit, NoHit, Undetermined
from risk_monitor.indicator.domain.flows import History, Reading
from risk_monitor.indicator.domain.measures import Measured, measure
from risk_monitor.indicator.domain.months import (
    Window,
    month_of,
    months_between,
    months_later,
    window,
)
from risk_monitor.model.domain import Compiled, Standard
from risk_monitor.source.domain import Stream, StreamKind

Answer = Hit | NoHit | Undetermined


@dataclass(frozen=True, slots=True)
class Setting:
    """What all subjects share: streams, who spoke, who should speak, and now.

    `heard` are the months that each source spoke of, by stream and source; `served` the departments
    that serve a place, by line and region.
    """

    streams: Mapping[str, Stream]
    heard: Mapping[tuple[str, str], frozenset[date]]
    served: Mapping[tuple[str, RegionId], Sequence[str]]
    now: datetime


def by_stream(rows: Iterable[tuple[str, Reading]]) -> dict[str, list[Reading]]:
    """Part a subject's readings by stream, keeping their order."""
    found: dict[str, list[Reading]] = {}
    for stream, one in rows:
        found.setdefault(stream, []).append(one)
    return found


def history(
    setting: Setting, readings: Mapping[str, Sequence[Reading]], chain: Sequence[RegionId]
) -> History:
    """Gather what is known of a subject at a place, its readings by stream and ascending.

    Who must have spoken in a stream: who ever did for this subject; else the department of the
    stream's line that is nearest above the place; else that line, whoever it is.
    """
    sources = {
        stream.id: tuple(sorted({one.source for one in readings.get(stream.id, ())}))
        or _nearest(setting, stream.line, chain)
        for stream in setting.streams.values()
    }
    return History(readings, sources, setting.heard, setting.now)


def _nearest(setting: Setting, line: str, chain: Sequence[RegionId]) -> tuple[str, ...]:
    found = (setting.served.get((line, region)) for region in chain)
    return tuple(sorted(next(filter(None, found), [line])))


def months_to_judge(
    setting: Setting,
    streams: Iterable[str],
    readings: Mapping[str, Sequence[Reading]],
    *,
    since: date,
) -> list[date]:
    """Give the months to judge, from the one touched to the last that any source spoke of.

    What came before a subject's first flow, or else its first event, is not judged: a licence may
    be years old.
    """
    kinds = {stream: setting.streams[stream].kind for stream in streams}
    flows = [name for name, kind in kinds.items() if kind is StreamKind.FLOW]
    others = [name for name, kind in kinds.items() if kind in {StreamKind.STATE, StreamKind.EVENT}]
    began = [readings[name][0].first for name in flows if readings.get(name)]
    began = began or [readings[name][0].first for name in others if readings.get(name)]
    spoken = [
        month
        for (stream, _), months in setting.heard.items()
        if stream in flows or stream in others
        for month in months
    ]
    if not began or not spoken:
        return []
    last = min(max(spoken), month_of(shanghai_day(setting.now)))
    return list(months_between(max(month_of(min(began)), since), last))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a model found of one kind in one month; `degraded` are the sources that were missing."""

    kind: str
    month: date
    state: EvidenceState
    level: Level | None = None
    reason: str | None = None
    degraded: tuple[str, ...] = ()
    values: Mapping[str, float | None] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Reckoning:
    """One subject under one model; what was measured of a month is kept while it is judged."""

    model: Compiled
    history: History
    _months: dict[date, dict[str, Measured]] = field(default_factory=dict)
    _answers: dict[tuple[int, date], Answer] = field(default_factory=dict)

    def verdicts(self, months: Iterable[date]) -> list[Verdict]:
        """Judge every kind in each month, in order."""
        return [
            self._verdict(kind, standards, month)
            for month in months
            for kind, standards in self.model.kinds.items()
        ]

    def measured(self, month: date) -> dict[str, Measured]:
        """Measure and compute all indicators of a month."""
        known = self._months.get(month)
        if known is None:
            known = {one.id: measure(one, self.history, month) for one in self.model.measures}
            for formula in self.model.formulas:
                needs = [known[variable.name] for variable in formula.expression.needs]
                number = formula.expression.number({name: m.value for name, m in known.items()})
                known[formula.id] = Measured(
                    None if isinstance(number, Undetermined) else number,
                    _spanned([one.over for one in needs]) or window(month),
                    tuple(dict.fromkeys(id_ for one in needs for id_ in one.signals)),
                    frozenset(source for one in needs for source in one.missing),
                )
            self._months[month] = known
        return known

    def _verdict(self, kind: str, standards: Sequence[Standard], month: date) -> Verdict:
        values = self.measured(month)
        shown = {name: values[name].value for one in standards for name in _shown(one)}
        reason: str | None = None
        degraded: set[str] = set()
        for standard in standards:
            match self._in_a_row(standard, month):
                case Hit():
                    return Verdict(
                        kind=kind,
                        month=month,
                        state=EvidenceState.HIT,
                        level=standard.rule.level,
                        degraded=tuple(sorted(degraded)),
                        values=shown,
                        evidence=self._evidence(standard, month),
                    )
                case Undetermined(why):
                    reason = reason or why
                    degraded |= self._missing(standard, month)
                case NoHit():
                    pass
        state = EvidenceState.NO_HIT if reason is None else EvidenceState.UNDETERMINED
        return Verdict(
            kind, month, state, reason=reason, degraded=tuple(sorted(degraded)), values=shown
        )

    def _in_a_row(self, standard: Standard, month: date) -> Answer:
        """Say whether a rule holds in each of its months; a month itself unknown is never safe."""
        own = self._answer(standard, month)
        if not isinstance(own, Hit):
            return own
        answers = [self._answer(standard, each) for each in _last(month, standard.rule.months)]
        refuted: list[Answer] = [answer for answer in answers if isinstance(answer, NoHit)]
        unknown = [answer for answer in answers if isinstance(answer, Undetermined)]
        return next(iter([*refuted, *unknown]), own)

    def _answer(self, standard: Standard, month: date) -> Answer:
        key = (id(standard), month)
        known = self._answers.get(key)
        if known is None:
            values = {name: one.value for name, one in self.measured(month).items()}
            known = self._answers[key] = standard.condition.decide(values)
        return known

    def _missing(self, standard: Standard, month: date) -> set[str]:
        return {
            source
            for each in _last(month, standard.rule.months)
            if isinstance(self._answer(standard, each), Undetermined)
            for name in standard.measures
            for source in self.measured(each)[name].missing
        }

    def _evidence(self, standard: Standard, month: date) -> tuple[Evidence, ...]:
        return tuple(
            self._shown(standard, name, each)
            for each in _last(month, standard.rule.months)
            for name in _shown(standard)
        )

    def _shown(self, standard: Standard, name: str, month: date) -> Evidence:
        """Show one indicator of one month; a computed one rests on the signals of the others."""
        found = self.measured(month)[name]
        main = name == standard.rule.indicator
        return Evidence(
            indicator=name,
            value=found.value,
            threshold=standard.rule.threshold if main else None,
            unit=self.model.units[name],
            from_=found.over.from_,
            to=found.over.to,
            state=EvidenceState.UNDETERMINED if found.value is None else EvidenceState.HIT,
            signals=found.signals if name in standard.measures else (),
        )


def _shown(standard: Standard) -> tuple[str, ...]:
    return tuple(dict.fromkeys((standard.rule.indicator, *standard.measures)))


def _last(month: date, count: int) -> list[date]:
    return [months_later(month, number) for number in range(1 - count, 1)]


def _spanned(windows: Sequence[Window]) -> Window | None:
    if not windows:
        return None
    return Window(min(one.from_ for one in windows), max(one.to for one in windows))
