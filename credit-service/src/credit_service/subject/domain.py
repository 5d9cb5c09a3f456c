"""Rules of a provisional subject 待核实主体: when one exists, and who it turns out to be.

It stands in where a code is wrong or there is none, under an id that every service computes alike.
It is never merged in silence: a person says which entity it is, and why; its id stays an alias.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from contracts.credit_service import EntityBatch, EntityId, EntityKind, EntityStatus
from contracts.errors import Conflict, Invalid
from contracts.item_registry import DepartmentId, RegionId
from contracts.says import Decided
from credit_service.entity.domain import Entity, resolved, row_of


@dataclass(frozen=True, slots=True)
class ProvisionalSubject:
    """Where it was met first and what was wrong; `entity` once somebody said who it is.

    `batch` is the last announcement of its id, to which the next one answers.
    """

    id: EntityId
    source: DepartmentId
    fault: str
    raw: str | None
    region: RegionId | None
    sighted_by: str
    sighted_at: datetime
    batch: str
    entity: EntityId | None = None
    version: int = 1


class ReasonMissing(Invalid):
    """Saying who somebody is needs a reason that can be checked later."""

    code = "reason-missing"


class AlreadyResolved(Conflict):
    """Somebody has already said which entity it is."""

    code = "subject-already-resolved"


class IntoProvisional(Conflict):
    """A provisional subject cannot become another one that nobody could name either."""

    code = "subject-into-provisional"


def entity_of(subject: ProvisionalSubject) -> Entity:
    """Give the entity row that stands for it: without a name."""
    return Entity(
        id=subject.id,
        version=1,
        name=None,
        kind=EntityKind.PROVISIONAL,
        status=EntityStatus.ACTIVE,
        region=subject.region,
    )


def sighted(subject: ProvisionalSubject) -> Decided[ProvisionalSubject]:
    """Take note of one that was met for the first time, and let everybody know of the id."""
    row = row_of(entity_of(subject))
    return Decided(subject, says=(EntityBatch(batch=subject.batch, rows=(row,)),))


def resolve(
    subject: ProvisionalSubject, row: Entity, *, into: Entity, reason: str | None, batch: str
) -> tuple[Decided[ProvisionalSubject], Entity]:
    """Say which entity it is; gives the decision and the alias that its own row becomes.

    Refuses: ReasonMissing, AlreadyResolved, IntoProvisional.
    """
    if not reason or not reason.strip():
        raise ReasonMissing(field="reason", got=reason or "", expected="≥ 1")
    if subject.entity is not None:
        raise AlreadyResolved(subject=subject.id, entity=subject.entity)
    if into.kind is EntityKind.PROVISIONAL:
        raise IntoProvisional(subject=subject.id, entity=into.id)
    alias = resolved(row, into.id)
    after = replace(subject, entity=into.id, batch=batch, version=subject.version + 1)
    says = (EntityBatch(batch=batch, rows=(row_of(alias),)),)
    return Decided(after, says=says), alias
