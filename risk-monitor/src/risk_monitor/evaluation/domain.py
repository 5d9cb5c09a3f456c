"""Judging a subject month by month under one model: hit, no hit, or not knowable (R8.3).

A rule over several months holds if it holds in each. A month that is itself unknown is open; one
that is known fails as soon as a month before it is known to fail. Of a kind's rules the highest
level that holds is the verdict; a missing source is named and never taken for "safe" (R8.2).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from contracts.item_registry import RegionId
from contracts.risk_monitor import Evidence, EvidenceState, Level
from kit.deadlines import shanghai_day
from kit.expressions import Answer, Hit, NoHit, Undetermined
from risk_monitor.indicator.domain.flows import History, Lack, Reading
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

_NOBODY: frozenset[Lack] = frozenset()
_MISSING = "value-missing"
_TOO_SHORT = "history-too-short"


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
    flows = [one.id for one in setting.streams.values() if one.kind is StreamKind.FLOW]
    firsts = [_whole_month(readings[name][0].first) for name in flows if readings.get(name)]
    began = min(firsts, default=date.min)
    return History(readings, sources, setting.heard, setting.now, began)


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
    be years old. Nor is the month that a first flow covers only the end of.
    """
    kinds = {stream: setting.streams[stream].kind for stream in streams}
    flows = [name for name, kind in kinds.items() if kind is StreamKind.FLOW]
    others = [name for name, kind in kinds.items() if kind in {StreamKind.STATE, StreamKind.EVENT}]
    began = [_whole_month(readings[name][0].first) for name in flows if readings.get(name)]
    began = began or [month_of(readings[name][0].first) for name in others if readings.get(name)]
    spoken = [
        month
        for (stream, _), months in setting.heard.items()
        if stream in flows or stream in others
        for month in months
    ]
    if not began or not spoken:
        return []
    last = min(max(spoken), month_of(shanghai_day(setting.now)))
    return list(months_between(max(min(began), since), last))


def _whole_month(day: date) -> date:
    month = month_of(day)
    return month if month == day else months_later(month, 1)


class Verdict(NamedTuple):
    """What a model found of one kind in one month; `lacking` says who was missing where."""

    kind: str
    month: date
    state: EvidenceState
    level: Level | None = None
    reason: str | None = None
    lacking: tuple[Lack, ...] = ()
    values: Mapping[str, float | None] = MappingProxyType({})
    evidence: tuple[Evidence, ...] = ()

    @property
    def degraded(self) -> tuple[str, ...]:
        """Give the sources that were missing."""
        return tuple(sorted({one.source for one in self.lacking}))


@dataclass(frozen=True, slots=True)
class Reckoning:
    """One subject under one model; what was measured of a month is kept while it is judged."""

    model: Compiled
    history: History
    _months: dict[date, dict[str, Measured]] = field(default_factory=dict)
    _answers: dict[date, list[Answer]] = field(default_factory=dict)

    def verdicts(self, months: Iterable[date]) -> list[Verdict]:
        """Judge every kind in each month, in order.

        Of a month that is not over, only what is known already is told: nobody is missing yet.
        """
        today = shanghai_day(self.history.now)
        found = [
            self._verdict(kind, standards, month)
            for month in months
            for kind, standards in self.model.kinds.items()
        ]
        return [
            one
            for one in found
            if one.state is not EvidenceState.UNDETERMINED or months_later(one.month, 1) <= today
        ]

    def measured(self, month: date) -> dict[str, Measured]:
        """Measure all indicators of a month, and compute those that a condition asks for."""
        known = self._months.get(month)
        if known is None:
            known = {one.id: measure(one, self.history, month) for one in self.model.measures}
            self._months[month] = known
            for formula in self.model.formulas:
                if formula.asked:
                    self._found(formula.id, month)
        return known

    def _found(self, name: str, month: date) -> Measured:
        """Give an indicator of a month; a computed one is computed when it is asked for."""
        known = self.measured(month)
        if name not in known:
            formula = next(one for one in self.model.formulas if one.id == name)
            needs = {one.name: self._found(one.name, month) for one in formula.expression.needs}
            number = formula.expression.number({id_: m.value for id_, m in needs.items()})
            known[name] = Measured(
                None if isinstance(number, Undetermined) else number,
                _spanned([one.over for one in needs.values()]) or window(month),
                missing=_NOBODY.union(*(one.missing for one in needs.values())),
            )
        return known[name]

    def _verdict(self, kind: str, standards: Sequence[Standard], month: date) -> Verdict:
        found = self.measured(month)
        shown = {name: found[name].value for one in standards for name in one.measures}
        reason: str | None = None
        lacking: set[Lack] = set()
        for standard in standards:
            match self._in_a_row(standard, month):
                case Hit():
                    return Verdict(
                        kind=kind,
                        month=month,
                        state=EvidenceState.HIT,
                        level=standard.rule.level,
                        lacking=tuple(sorted(lacking)),
                        values=shown | self._computed(standard, month),
                        evidence=self._evidence(standard, month),
                    )
                case Undetermined(why):
                    reason = reason or why
                    lacking |= self._missing(standard, month)
                case NoHit():
                    pass
        state = EvidenceState.NO_HIT if reason is None else EvidenceState.UNDETERMINED
        if reason == _MISSING and not lacking:
            reason = _TOO_SHORT
        return Verdict(
            kind, month, state, reason=reason, lacking=tuple(sorted(lacking)), values=shown
        )

    def _computed(self, standard: Standard, month: date) -> dict[str, float | None]:
        """Give the value that the threshold of a rule is about."""
        name = standard.rule.indicator
        return {name: self._found(name, month).value}

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
        known = self._answers.get(month)
        if known is None:
            values = {name: one.value for name, one in self.measured(month).items()}
            known = self._answers[month] = self.model.answers(values)
        return known[standard.place]

    def _missing(self, standard: Standard, month: date) -> set[Lack]:
        """Name who keeps a rule from being answered: of its own month, else of those before."""
        own = isinstance(self._answer(standard, month), Undetermined)
        return {
            lack
            for each in ([month] if own else _last(month, standard.rule.months))
            if isinstance(self._answer(standard, each), Undetermined)
            for name in standard.measures
            for lack in self.measured(each)[name].missing
        }

    def _evidence(self, standard: Standard, month: date) -> tuple[Evidence, ...]:
        return tuple(
            self._shown(standard, name, each)
            for each in _last(month, standard.rule.months)
            for name in standard.shown
        )

    def _shown(self, standard: Standard, name: str, month: date) -> Evidence:
        """Show one indicator of one month; a computed one rests on the signals of the others."""
        found = self._found(name, month)
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


@cache
def _last(month: date, count: int) -> list[date]:
    return [months_later(month, number) for number in range(1 - count, 1)]


def _spanned(windows: Sequence[Window]) -> Window | None:
    if not windows:
        return None
    return Window(min(one.from_ for one in windows), max(one.to for one in windows))
