"""Rules of a grade: which records count on a day, what each gives, which grade follows.

A grade (分级分类) is internal input to supervision and no ground of punishment; it is never public
(国市监信发〔2022〕6号). A provisional subject never has one, and neither has an entity of which no
record speaks: knowing nothing is not the same as being good.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from contracts.credit_service import (
    BandView,
    EntityId,
    GradeChanged,
    GradeLineView,
    GradeView,
    Indicator,
    Override,
    OverrideView,
    RecordId,
    RecordKind,
    RecordPointsView,
    Words,
)
from contracts.errors import Invalid
from contracts.item_registry import ItemId
from contracts.says import Decided
from credit_service.indicator_system.domain import IndicatorSystem


@dataclass(frozen=True, slots=True)
class Entry:
    """What of a credit record counts towards grades, and who may read that record."""

    record: RecordId
    subject: EntityId
    item: ItemId | None
    kind: RecordKind
    detail: str
    effective_on: date
    expires_on: date | None
    scope: tuple[str, ...]

    def counts(self, on: date) -> bool:
        """Say whether it counts on a day: not before it takes effect, not from its expiry on."""
        return self.effective_on <= on and (self.expires_on is None or on < self.expires_on)


@dataclass(frozen=True, slots=True)
class RecordPoints:
    """What one record gave."""

    record: RecordId
    points: int


@dataclass(frozen=True, slots=True)
class Line:
    """One indicator's points: the sum of what its records gave."""

    indicator: str
    points: int
    records: tuple[RecordPoints, ...]


@dataclass(frozen=True, slots=True)
class Capped:
    """A rule that capped the grade, and the records that made it do so."""

    override: str
    grade: str
    records: tuple[RecordId, ...]


@dataclass(frozen=True, slots=True)
class Grade:
    """An entity's grade under one version of a system; points are base and lines, nothing else.

    `valid_from` is the day on which it became known, so that a past answer holds what was known
    then; `version` counts every change of the explanation.
    """

    id: str
    entity: EntityId
    system: str
    system_version: int
    version: int
    grade: str
    points: int
    base: int
    lines: tuple[Line, ...]
    overrides: tuple[Capped, ...]
    valid_from: date


@dataclass(frozen=True, slots=True)
class Regraded:
    """What a look at an entity gave: a changed grade or none, and the next day to look again."""

    decided: Decided[Grade] | None
    next_on: date | None


class NotYetKnown(Invalid):
    """A grade can be asked as of a day up to today."""

    code = "grade-not-yet-known"


def id_of(system: str, entity: EntityId) -> str:
    """Name the grade of an entity under a system."""
    return f"{system}_{entity}"


def known_by(on: date | None, today: date) -> date:
    """Give the day that a grade is asked for; refuses NotYetKnown."""
    if on is not None and on > today:
        raise NotYetKnown(field="on", got=on.isoformat(), expected=f"≤ {today.isoformat()}")
    return on or today


def compute(system: IndicatorSystem, entity: EntityId, entries: Iterable[Entry], on: date) -> Grade:
    """Grade an entity from the entries that count on a day; each point is traced to its record."""
    counting = sorted(
        (entry for entry in entries if entry.counts(on)),
        key=lambda entry: (entry.effective_on, entry.record),
    )
    lines = tuple(
        line for one in system.indicators if (line := _line(one, system.item, counting)).records
    )
    capped = tuple(
        cap for one in system.overrides if (cap := _capped(one, system.item, counting)).records
    )
    points = system.base + sum(line.points for line in lines)
    return Grade(
        id=id_of(system.system, entity),
        entity=entity,
        system=system.system,
        system_version=system.version,
        version=1,
        grade=_grade(system, points, capped),
        points=points,
        base=system.base,
        lines=lines,
        overrides=capped,
        valid_from=on,
    )


def regrade(
    system: IndicatorSystem,
    entity: EntityId,
    entries: Sequence[Entry],
    *,
    before: Grade | None,
    on: date,
) -> Regraded:
    """Bring a grade in line with what is recorded; announce it only if grade or points change."""
    relevant = [entry for entry in entries if _matters(system, entry)]
    if before is None and not relevant:
        return Regraded(None, None)
    days = {day for entry in relevant for day in (entry.effective_on, entry.expires_on) if day}
    next_on = min((day for day in days if day > on), default=None)
    now = compute(system, entity, relevant, on)
    if before is None:
        return Regraded(Decided(now, says=(_changed(now),)), next_on)
    now = replace(now, version=before.version + 1)
    if replace(now, version=before.version, valid_from=before.valid_from) == before:
        return Regraded(None, next_on)
    same = (now.grade, now.points) == (before.grade, before.points)
    return Regraded(Decided(now, says=() if same else (_changed(now),)), next_on)


def explain(grade: Grade, system: IndicatorSystem, meanings: Mapping[str, Words]) -> GradeView:
    """Say a grade so that it can be read by itself: with the names of the version it rests on.

    `system` is the version under which it was computed, `meanings` the dictionary of grades.
    """
    indicators = {one.id: one for one in system.indicators}
    overrides = {one.id: one for one in system.overrides}
    earned = system.bands[_earned(system, grade.points)].grade
    return GradeView(
        id=grade.id,
        entity=grade.entity,
        system=grade.system,
        system_version=grade.system_version,
        version=grade.version,
        grade=grade.grade,
        band=_band(system, grade.grade, meanings),
        earned=_band(system, earned, meanings),
        points=grade.points,
        base=grade.base,
        lines=tuple(_line_said(line, indicators[line.indicator]) for line in grade.lines),
        overrides=tuple(_override_said(cap, overrides[cap.override]) for cap in grade.overrides),
        valid_from=grade.valid_from,
    )


def _line_said(line: Line, indicator: Indicator) -> GradeLineView:
    return GradeLineView(
        indicator=line.indicator,
        name=Words(zh=indicator.name, en=indicator.name_en),
        points_each=indicator.points,
        limit=indicator.limit,
        points=line.points,
        records=tuple(RecordPointsView.model_validate(one) for one in line.records),
    )


def _override_said(cap: Capped, override: Override) -> OverrideView:
    name = Words(zh=override.name, en=override.name_en)
    return OverrideView(override=cap.override, name=name, grade=cap.grade, records=cap.records)


def _band(system: IndicatorSystem, grade: str, meanings: Mapping[str, Words]) -> BandView:
    at = next(n for n, band in enumerate(system.bands) if band.grade == grade)
    return BandView(
        grade=grade,
        from_points=system.bands[at].from_points,
        below_points=system.bands[at - 1].from_points if at else None,
        meaning=meanings.get(grade),
    )


def readers(system: IndicatorSystem, entries: Iterable[Entry]) -> list[str]:
    """Say who may read a grade: whoever may read one of the records that matter to it."""
    keys = (key for entry in entries if _matters(system, entry) for key in entry.scope)
    return list(dict.fromkeys(keys))


def _changed(grade: Grade) -> GradeChanged:
    return GradeChanged(
        id=grade.id,
        entity=grade.entity,
        system=grade.system,
        system_version=grade.system_version,
        grade=grade.grade,
        points=grade.points,
        valid_from=grade.valid_from,
    )


def _matters(system: IndicatorSystem, entry: Entry) -> bool:
    rules: tuple[Indicator | Override, ...] = (*system.indicators, *system.overrides)
    return any(_matches(rule, system.item, entry) for rule in rules)


def _matches(rule: Indicator | Override, item: ItemId, entry: Entry) -> bool:
    return (
        rule.kind == entry.kind
        and (not rule.details or entry.detail in rule.details)
        and (rule.any_item or entry.item == item)
    )


def _line(indicator: Indicator, item: ItemId, counting: Sequence[Entry]) -> Line:
    """Give each matching record its points, in order of effect, until the limit is reached."""
    left = indicator.limit
    sign = -1 if indicator.points < 0 else 1
    gave: list[RecordPoints] = []
    for entry in counting:
        if _matches(indicator, item, entry):
            weight = min(abs(indicator.points), left)
            left -= weight
            gave.append(RecordPoints(entry.record, sign * weight))
    return Line(indicator.id, sum(one.points for one in gave), tuple(gave))


def _capped(override: Override, item: ItemId, counting: Sequence[Entry]) -> Capped:
    records = (entry.record for entry in counting if _matches(override, item, entry))
    return Capped(override.id, override.grade, tuple(records))


def _grade(system: IndicatorSystem, points: int, capped: Iterable[Capped]) -> str:
    """Give the grade of the points, or the worst that an override allows if that is worse."""
    order = [band.grade for band in system.bands]
    earned = _earned(system, points)
    return order[max([earned, *(order.index(cap.grade) for cap in capped)])]


def _earned(system: IndicatorSystem, points: int) -> int:
    """Give the place of the band that points fall into."""
    floors = (band.from_points for band in system.bands)
    return next(n for n, floor in enumerate(floors) if floor is None or points >= floor)
