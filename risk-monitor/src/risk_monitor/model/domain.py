"""A warning model: indicators 预警指标体系 and rules 预警标准, versioned (国办发〔2023〕1号（八）).

A version is drafted by one person and put in force by another; changing a threshold is a new
version. Its conditions are understood when it is written, so that none fails when it is judged.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from contracts.errors import Conflict, Forbidden, Invalid
from contracts.item_registry import ItemId
from contracts.risk_monitor import (
    Carried,
    Computed,
    DraftModel,
    Indicator,
    Level,
    ModelId,
    ModelState,
    OutsideValidity,
    OverdueDays,
    Rule,
    StateHours,
    Sum,
)
from contracts.says import Decided
from kit import expressions
from kit.expressions import (
    Answer,
    BadExpression,
    Expression,
    Hit,
    NoHit,
    Undetermined,
    Variable,
)
from risk_monitor.indicator.domain.measures import Measure, streams_of
from risk_monitor.source.domain import Stream, StreamKind


@dataclass(frozen=True, slots=True)
class Model:
    """One version of a model; its id is `<model>_<version>`."""

    id: ModelId
    model: str
    model_version: int
    item: ItemId
    name: str
    note: str | None
    state: ModelState
    indicators: tuple[Indicator, ...]
    rules: tuple[Rule, ...]
    drafted_by: str
    activated_by: str | None
    activated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Formula:
    """A computed indicator, understood; `asked` where a condition asks for it."""

    id: str
    unit: str
    expression: Expression
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Standard:
    """A rule, understood; `measures` are the measured indicators that its answer rests on.

    `place` is where its condition stands among those of the model, `shown` what is told of it.
    """

    rule: Rule
    place: int
    measures: tuple[str, ...]
    shown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Compiled:
    """A model ready to judge: what to measure and compute, and each kind's rules, red first."""

    id: ModelId
    model: str
    version: int
    item: ItemId
    measures: tuple[Measure, ...]
    formulas: tuple[Formula, ...]
    units: Mapping[str, str]
    kinds: Mapping[str, tuple[Standard, ...]]
    conditions: tuple[Expression, ...]
    together: Expression | None

    def answers(self, values: Mapping[str, float | None]) -> list[Answer]:
        """Answer all conditions of a month: at once where that can be, else each for itself."""
        if self.together is not None:
            found = self.together.number(values)
            if not isinstance(found, Undetermined):
                bits = int(found)
                return [_HIT if bits >> n & 1 else _NO_HIT for n in range(len(self.conditions))]
        return [one.decide(values) for one in self.conditions]

    @property
    def streams(self) -> tuple[str, ...]:
        """Give the streams that it reads."""
        return tuple(sorted({stream for one in self.measures for stream in streams_of(one)}))


_HIT, _NO_HIT = Hit(), NoHit()
# A number of the rules' engine is exact to 2^53: so many answers fit into one.
_TOGETHER = 50


class IndicatorTwice(Invalid):
    """Two indicators of a model have one id."""

    code = "model-indicator-twice"


class StreamUnfit(Invalid):
    """An indicator names a stream that is not declared, or not of the kind it measures."""

    code = "model-stream-unfit"


class IndicatorUnknown(Invalid):
    """A rule's threshold is about an indicator that the model does not have."""

    code = "model-indicator-unknown"


class NotADraft(Conflict):
    """Only a draft is put in force."""

    code = "model-not-a-draft"


class OwnDraft(Forbidden):
    """Who drafted a model does not put it in force."""

    code = "model-own-draft"


def compiled(model: Model, streams: Mapping[str, Stream]) -> Compiled:
    """Understand a model.

    Refuses: IndicatorTwice, StreamUnfit, IndicatorUnknown, BadExpression naming line:column.
    """
    measures: list[Measure] = []
    formulas: list[Formula] = []
    units: dict[str, str] = {}
    for number, indicator in enumerate(model.indicators):
        where = f"indicators.{number}"
        if indicator.id in units:
            raise IndicatorTwice(field=f"{where}.id", got=indicator.id, expected="")
        if isinstance(indicator, Computed):
            found = _understood(indicator.expression, list(units), f"{where}.expression")
            formulas.append(Formula(indicator.id, indicator.unit, found))
            units[indicator.id] = indicator.unit
        else:
            units[indicator.id] = _unit(indicator, streams, where)
            measures.append(indicator)
    conditions: dict[str, Expression] = {}
    standards = [
        _standard(rule, n, formulas, units, conditions=conditions)
        for n, rule in enumerate(model.rules)
    ]
    kinds: dict[str, tuple[Standard, ...]] = {}
    for standard in sorted(standards, key=lambda one: rank(one.rule.level), reverse=True):
        kinds[standard.rule.kind] = (*kinds.get(standard.rule.kind, ()), standard)
    return Compiled(
        id=model.id,
        model=model.model,
        version=model.model_version,
        item=model.item,
        measures=tuple(measures),
        formulas=_asked(formulas, conditions.values()),
        units=units,
        kinds=kinds,
        conditions=tuple(conditions.values()),
        together=_together(conditions, units),
    )


def _asked(formulas: Iterable[Formula], conditions: Iterable[Expression]) -> tuple[Formula, ...]:
    """Note which computed indicators are needed for an answer; the others are only shown."""
    names = {variable.name for one in conditions for variable in one.needs}
    return tuple(replace(one, asked=one.id in names) for one in formulas)


def _together(conditions: Collection[str], names: Iterable[str]) -> Expression | None:
    """Write all conditions as one number, a bit each: one call of the engine instead of many."""
    bits = [f"(({condition}) ? {1 << n} : 0)" for n, condition in enumerate(conditions)]
    if len(bits) > _TOGETHER:
        return None
    variables = [Variable(name, "number") for name in names]
    try:
        return expressions.compile(" + ".join(bits), variables, gives="integer")
    except BadExpression:  # such as a comment at the end of a condition
        return None


def rank(level: Level) -> int:
    """Order levels: blue 0 up to red 3."""
    return len(Level) - 1 - list(Level).index(level)


def _understood(source: str, names: Sequence[str], field: str, *, flag: bool = False) -> Expression:
    variables = [Variable(name, "number") for name in names]
    try:
        return expressions.compile(source, variables, gives="flag" if flag else "number")
    except BadExpression as no:
        raise BadExpression(**(no.facts | {"field": field})) from no


def _unit(measure: Measure, streams: Mapping[str, Stream], where: str) -> str:
    """Check that each stream is of the kind that is measured; give the value's unit."""
    wanted = dict(zip(streams_of(measure), _kinds(measure), strict=True))
    for stream, kind in wanted.items():
        known = streams.get(stream)
        if known is None or known.kind is not kind:
            fitting = sorted(one.id for one in streams.values() if one.kind is kind)
            raise StreamUnfit(field=where, got=stream, expected=" | ".join(fitting))
    if isinstance(measure, StateHours):
        return "h"
    if isinstance(measure, OverdueDays):
        return "d"
    return streams[streams_of(measure)[0]].unit


def _kinds(measure: Measure) -> tuple[StreamKind, ...]:
    """Give the kinds that the streams of a measure must have, in the order of `streams_of`."""
    match measure:
        case Sum():
            return (StreamKind.FLOW,)
        case Carried():
            return (StreamKind.FLOW, StreamKind.FLOW)
        case StateHours():
            both = (StreamKind.STATE, StreamKind.FLOW)
            return both[:1] if measure.during is None else both
        case OutsideValidity():
            return (StreamKind.FLOW, StreamKind.VALIDITY)
        case OverdueDays():
            return (StreamKind.EVENT,)
        case _:
            assert_never(measure)


def _standard(
    rule: Rule,
    number: int,
    formulas: Sequence[Formula],
    units: Mapping[str, str],
    *,
    conditions: dict[str, Expression],
) -> Standard:
    where = f"rules.{number}"
    condition = conditions.get(rule.condition) or _understood(
        rule.condition, list(units), f"{where}.condition", flag=True
    )
    conditions[rule.condition] = condition
    if rule.indicator not in units:
        raise IndicatorUnknown(
            field=f"{where}.indicator", got=rule.indicator, expected=" | ".join(units)
        )
    needs = {formula.id: [v.name for v in formula.expression.needs] for formula in formulas}
    open_ = [variable.name for variable in condition.needs] + [rule.indicator]
    found: set[str] = set()
    while open_:
        name = open_.pop()
        if name in needs:
            open_ += needs[name]
        else:
            found.add(name)
    place = list(conditions).index(rule.condition)
    measures = tuple(name for name in units if name in found)
    shown = tuple(dict.fromkeys((rule.indicator, *measures)))
    return Standard(rule, place, measures, shown)


def draft(content: DraftModel, *, version: int, by: str, streams: Mapping[str, Stream]) -> Model:
    """Make the next version of a model; refuses what `compiled` refuses."""
    made = Model(
        id=ModelId(f"{content.model}_{version}"),
        model=content.model,
        model_version=version,
        item=content.item,
        name=content.name,
        note=content.note,
        state=ModelState.DRAFT,
        indicators=tuple(content.indicators),
        rules=tuple(content.rules),
        drafted_by=by,
        activated_by=None,
        activated_at=None,
    )
    compiled(made, streams)
    return made


def activate(model: Model, *, by: str, at: datetime) -> Decided[Model]:
    """Put a draft in force, by another person than its author (R8.1).

    Refuses: NotADraft, OwnDraft.
    """
    if model.state is not ModelState.DRAFT:
        raise NotADraft(model=model.id, state=model.state)
    if model.drafted_by == by:
        raise OwnDraft(model=model.id)
    return Decided(replace(model, state=ModelState.ACTIVE, activated_by=by, activated_at=at))
