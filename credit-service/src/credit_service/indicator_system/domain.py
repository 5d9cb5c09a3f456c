"""Rules of an indicator system: what a version must hold, who puts it in force.

A system belongs to an item (国办发〔2023〕1号 art. 11): one person drafts it, another puts it in
force, and every grade names the version that it was computed under. The thresholds of grades
(`bands`) and the points of indicators stand in the version and nowhere in code.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from contracts.credit_service import (
    Band,
    Indicator,
    IndicatorSystemNew,
    Override,
    SystemId,
    SystemState,
)
from contracts.errors import Conflict, Forbidden, Invalid
from contracts.item_registry import ItemId
from contracts.says import Decided


@dataclass(frozen=True, slots=True)
class IndicatorSystem:
    """One version: draft → active → retired by the next version."""

    id: SystemId
    system: str
    version: int
    state: SystemState
    item: ItemId
    name: str
    basis: str
    base: int
    indicators: tuple[Indicator, ...]
    bands: tuple[Band, ...]
    overrides: tuple[Override, ...]
    drafted_by: str
    drafted_at: datetime
    activated_by: str | None = None
    activated_at: datetime | None = None


class GradeUnknown(Invalid):
    """The dictionary of grades has no such grade on that day."""

    code = "grade-unknown"


class BandsUnordered(Invalid):
    """Bands go from the best grade down, each from fewer points; the last takes all the rest."""

    code = "bands-unordered"


class NamedTwice(Invalid):
    """Two indicators or overrides have one id, so that a point could not be traced."""

    code = "named-twice"


class NotDraft(Conflict):
    """Only a draft can be put in force."""

    code = "system-not-draft"


class OwnDraft(Forbidden):
    """A draft is put in force by another person than its drafter."""

    code = "system-own-draft"


def id_of(system: str, version: int) -> SystemId:
    """Name a version."""
    return SystemId(f"{system}_{version}")


def draft(
    new: IndicatorSystemNew, *, version: int, by: str, at: datetime, grades: Sequence[str]
) -> Decided[IndicatorSystem]:
    """Draft a version; `grades` is the dictionary in force, best first.

    Refuses: GradeUnknown, BandsUnordered, NamedTwice.
    """
    _known([band.grade for band in new.bands], "bands", grades)
    _known([override.grade for override in new.overrides], "overrides", _grades(new.bands))
    _ordered(new.bands, grades)
    _once([one.id for one in new.indicators], "indicators")
    _once([one.id for one in new.overrides], "overrides")
    return Decided(
        IndicatorSystem(
            id=id_of(new.system, version),
            system=new.system,
            version=version,
            state=SystemState.DRAFT,
            item=ItemId(new.item),
            name=new.name,
            basis=new.basis,
            base=new.base,
            indicators=new.indicators,
            bands=new.bands,
            overrides=new.overrides,
            drafted_by=by,
            drafted_at=at,
        )
    )


def activate(system: IndicatorSystem, *, by: str, at: datetime) -> Decided[IndicatorSystem]:
    """Put a version in force. Refuses: NotDraft, OwnDraft."""
    if system.state is not SystemState.DRAFT:
        raise NotDraft(system=system.id, state=system.state)
    if by == system.drafted_by:
        raise OwnDraft(system=system.id)
    active = replace(system, state=SystemState.ACTIVE, activated_by=by, activated_at=at)
    return Decided(active)


def retire(system: IndicatorSystem) -> Decided[IndicatorSystem]:
    """End a version because the next one takes its place."""
    return Decided(replace(system, state=SystemState.RETIRED))


def _grades(bands: Iterable[Band]) -> list[str]:
    return [band.grade for band in bands]


def _known(said: Iterable[str], field: str, grades: Sequence[str]) -> None:
    for grade in said:
        if grade not in grades:
            raise GradeUnknown(field=field, got=grade, expected=" | ".join(grades))


def _ordered(bands: Sequence[Band], grades: Sequence[str]) -> None:
    """Check that grades fall with points and that the last band has no floor."""
    places = [grades.index(band.grade) for band in bands]
    floors = [band.from_points for band in bands]
    falling = all(
        high is not None and (low is None or low < high) for high, low in pairwise(floors)
    )
    worse = all(better < worse for better, worse in pairwise(places))
    if floors[-1] is not None or not falling or not worse:
        raise BandsUnordered(field="bands", got=floors, expected=list(grades))


def _once(ids: Sequence[str], field: str) -> None:
    for id_ in ids:
        if ids.count(id_) > 1:
            raise NamedTwice(field=field, got=id_, expected="1")
