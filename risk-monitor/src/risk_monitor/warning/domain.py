"""A warning 预警: raised and raised again, assessed, closed (国办发〔2023〕1号（八）).

It is a lead, not evidence, and internal: nothing here makes it public (R8.8).

    raised ──assess──► assessed ──clue closed──► closed
       └── clue closed, or an assessment that finds nothing where no clue was made ──► closed

At most one that is not closed for a model, subject and kind: later months extend or end it.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime

from contracts.clue_dispatch import Conclusion
from contracts.credit_service import EntityId
from contracts.errors import Conflict, Forbidden
from contracts.item_registry import DepartmentId, ItemId, RegionId
from contracts.risk_monitor import (
    Evidence,
    EvidenceState,
    Level,
    Outcome,
    WarningAssessed,
    WarningClosed,
    WarningId,
    WarningRaised,
    WarningState,
)
from contracts.says import Decided
from risk_monitor.model.domain import rank

_OUTCOMES = {
    Conclusion.CONFIRMED: Outcome.VALID,
    Conclusion.UNFOUNDED: Outcome.FALSE,
    Conclusion.FALSE_WARNING: Outcome.FALSE,
    Conclusion.DUPLICATE: Outcome.DUPLICATE,
}


@dataclass(frozen=True, slots=True)
class Warning:  # noqa: A001 - the field's word 预警
    """One warning; `version` counts announced changes."""

    id: WarningId
    model: str
    model_version: int
    item: ItemId
    subject: EntityId
    region: RegionId
    kind: str
    level: Level
    state: WarningState
    outcome: Outcome | None
    assessed_by: DepartmentId | None
    clue: str | None
    lead: DepartmentId | None
    first_month: date
    last_month: date
    ended_month: date | None
    evidence: tuple[Evidence, ...]
    degraded: tuple[str, ...]
    accepted_at: datetime
    raised_at: datetime
    closed_at: datetime | None
    version: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What judging found of one kind in one month, and when its last signal was accepted."""

    model: str
    model_version: int
    item: ItemId
    subject: EntityId
    region: RegionId
    kind: str
    month: date
    state: EvidenceState
    level: Level | None
    evidence: tuple[Evidence, ...]
    degraded: tuple[str, ...]
    accepted_at: datetime


class AssessedAlready(Conflict):
    """An assessment that decided stands; only `watch` may be followed by another."""

    code = "warning-assessed-already"


class ClosedAlready(Conflict):
    """A closed warning is not assessed."""

    code = "warning-closed-already"


class NoDepartment(Forbidden):
    """A department assesses; a caller of none cannot."""

    code = "warning-no-department"


def follow(
    found: Finding,
    *,
    open_: Warning | None,
    closed_until: date | None,
    id_: WarningId,
    at: datetime,
) -> Decided[Warning] | None:
    """Say what a finding makes of a subject's warning of that kind; None if nothing changes.

    `closed_until` is the last month of a closed one: what was dealt with is not raised again.
    What cannot be known changes nothing.
    """
    match found.state:
        case EvidenceState.UNDETERMINED:
            return None
        case EvidenceState.NO_HIT:
            return _ended(open_, found.month)
        case EvidenceState.HIT:
            if open_ is not None:
                return _extended(open_, found, at)
            if closed_until is not None and found.month <= closed_until:
                return None
            return _raised(found, id_, at)


def _raised(found: Finding, id_: WarningId, at: datetime) -> Decided[Warning]:
    level = _level(found)
    made = Warning(
        id=id_,
        model=found.model,
        model_version=found.model_version,
        item=found.item,
        subject=found.subject,
        region=found.region,
        kind=found.kind,
        level=level,
        state=WarningState.RAISED,
        outcome=None,
        assessed_by=None,
        clue=None,
        lead=None,
        first_month=found.month,
        last_month=found.month,
        ended_month=None,
        evidence=found.evidence,
        degraded=found.degraded,
        accepted_at=found.accepted_at,
        raised_at=at,
        closed_at=None,
        version=1,
    )
    return Decided(made, says=(_raising(made),))


def _level(found: Finding) -> Level:
    if found.level is None:
        raise ValueError(found)
    return found.level


def _extended(open_: Warning, found: Finding, at: datetime) -> Decided[Warning] | None:
    """Take in a further month; a higher level is raised again, with the evidence for it."""
    later = found.month > open_.last_month
    reached = replace(
        open_,
        first_month=min(open_.first_month, found.month),
        last_month=max(open_.last_month, found.month),
        ended_month=open_.ended_month if not later and not _at_end(open_, found) else None,
    )
    if rank(_level(found)) <= rank(open_.level):
        return None if reached == open_ else Decided(reached)
    higher = replace(
        reached,
        model_version=found.model_version,
        level=_level(found),
        evidence=found.evidence,
        degraded=found.degraded,
        accepted_at=found.accepted_at,
        raised_at=at,
        version=open_.version + 1,
    )
    return Decided(higher, says=(_raising(higher),))


def _at_end(open_: Warning, found: Finding) -> bool:
    """Say whether a finding takes back the end that was noted for its month."""
    return open_.ended_month is not None and found.month >= open_.ended_month


def _ended(open_: Warning | None, month: date) -> Decided[Warning] | None:
    """Note the first month in which the pattern is gone; also when its last month was corrected."""
    if open_ is None or month < open_.last_month:
        return None
    if open_.ended_month is not None and open_.ended_month <= month:
        return None
    return Decided(replace(open_, ended_month=month))


def _raising(warning: Warning) -> WarningRaised:
    return WarningRaised(
        warning=warning.id,
        model=warning.model,
        model_version=warning.model_version,
        item=warning.item,
        subject=warning.subject,
        region=warning.region,
        level=warning.level,
        kind_=warning.kind,
        evidence=warning.evidence,
        degraded=warning.degraded,
    )


def assess(
    warning: Warning,
    outcome: Outcome,
    *,
    by: DepartmentId | None,
    at: datetime,
    clue_at_once: Collection[Level],
) -> Decided[Warning]:
    """Assess a warning 研判; one that finds nothing closes it where no clue will (R8.6).

    Refuses: NoDepartment, ClosedAlready, AssessedAlready.
    """
    if by is None:
        raise NoDepartment(warning=warning.id)
    if warning.state is WarningState.CLOSED:
        raise ClosedAlready(warning=warning.id, outcome=warning.outcome)
    if warning.outcome not in {None, Outcome.WATCH}:
        raise AssessedAlready(warning=warning.id, outcome=warning.outcome, by=warning.assessed_by)
    assessed = replace(
        warning,
        state=WarningState.ASSESSED,
        outcome=outcome,
        assessed_by=by,
        version=warning.version + 1,
    )
    said = WarningAssessed(
        warning=warning.id, outcome=outcome, department=by, region=warning.region
    )
    nothing = outcome in {Outcome.FALSE, Outcome.DUPLICATE}
    clue_closes = warning.clue is not None or warning.level in clue_at_once
    if not nothing or clue_closes:
        return Decided(assessed, says=(said,))
    closed = _closed(assessed, outcome, at)
    return Decided(closed.value, says=(said, *closed.says))


def link(warning: Warning, clue: str) -> Warning:
    """Note the clue that was made of a warning."""
    return replace(warning, clue=clue)


def dispatched(warning: Warning, *, lead: DepartmentId) -> Warning:
    """Note which department leads the clue."""
    return replace(warning, lead=lead)


def close(warning: Warning, *, clue: str, conclusion: Conclusion, at: datetime) -> Decided[Warning]:
    """Close a warning by its clue, whose conclusion is the label that the model learns from (R8.7).

    A warning that is closed stays as it is: its first label stands.
    """
    if warning.state is WarningState.CLOSED:
        return Decided(replace(warning, clue=warning.clue or clue))
    return _closed(replace(warning, clue=clue), _OUTCOMES[conclusion], at)


def _closed(warning: Warning, outcome: Outcome, at: datetime) -> Decided[Warning]:
    closed = replace(
        warning,
        state=WarningState.CLOSED,
        outcome=outcome,
        closed_at=at,
        version=warning.version + 1,
    )
    said = WarningClosed(
        warning=warning.id, outcome=outcome, clue=warning.clue, region=warning.region
    )
    return Decided(closed, says=(said,))
