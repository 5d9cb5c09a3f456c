"""Visits that another system made: they count for caps, and are otherwise done."""

from collections.abc import Sequence
from datetime import date
from hashlib import sha256

from contracts.credit_service import EntityId
from contracts.errors import Conflict, Invalid
from contracts.item_registry import RegionId
from contracts.joint_inspection import PastVisit, TargetKind, VisitId
from joint_inspection.directory.domain import Target, landing, target_id
from joint_inspection.visit.domain.visits import Duty, State, Visit, Window

_DERIVED = 24


class PastVisitAhead(Invalid):
    """A visit that was made lies in the past."""

    code = "past-visit-ahead"


class VisitTaken(Conflict):
    """A visit of this service, or one that somebody else reported, has the id."""

    code = "visit-taken"


def place(
    row: PastVisit,
    subject: EntityId | None,
    near: Sequence[tuple[Target, Sequence[RegionId]]],
    chain: Sequence[RegionId],
) -> Target:
    """Find the target that a row means, or make a place: visits merge by place, so no twin is made.

    `near` are the targets of its subject, each with its chain of regions; `chain` is the row's.
    """
    found = landing(near, region=row.region, chain=chain, name=row.name, address=row.address)
    if found is not None:
        return found
    return Target(
        id=target_id(subject, row.region, row.address if subject else row.address + row.name),
        name=row.name,
        kind=TargetKind.PREMISES,
        region=row.region,
        entity=subject,
        address=row.address,
        items=() if row.item is None else (row.item,),
        department=None,
    )


def id_of(row: PastVisit, subject: EntityId | None) -> VisitId:
    """Give a visit's id: the row's own, else one that follows from what the row says."""
    if row.id is not None:
        return VisitId(row.id)
    said = (subject or "", row.region, row.address, row.name, row.department, row.on, row.kind)
    return VisitId("v-" + sha256("|".join(map(str, said)).encode()).hexdigest()[:_DERIVED])


def visit(row: PastVisit, place: Target, subject: EntityId | None, *, source: str) -> Visit:
    """Make a finished visit of a row that `source` reports."""
    id_ = id_of(row, subject)
    return Visit(
        id=id_,
        target=place.id,
        subject=subject,
        region=place.region,
        item=row.item,
        lead=row.department,
        state=State.FINISHED,
        on=row.on,
        window=Window(row.on, row.on),
        name=row.name,
        address=row.address or place.address,
        duties=(Duty(row.department, tuple(sorted(row.codes14)), row.kind, id_, item=row.item),),
        started_on=row.on,
        source=source,
    )


def check(made: Visit, known: Visit | None, *, today: date) -> None:
    """Let a past visit in; refuses PastVisitAhead, VisitTaken."""
    if made.on > today:
        raise PastVisitAhead(field="on", got=made.on.isoformat(), expected=f"≤ {today}")
    if known is not None and known.source != made.source:
        raise VisitTaken(field="id", got=made.id, expected="another id")
