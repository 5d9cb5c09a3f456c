"""Visits that another system made: they count for caps, and are otherwise done."""

from datetime import date
from hashlib import sha256

from contracts.errors import Conflict, Invalid
from contracts.joint_inspection import PastVisit, VisitId
from joint_inspection.directory.domain import Target
from joint_inspection.visit.domain.visits import Duty, State, Visit, Window

_DERIVED = 24


class PastVisitAhead(Invalid):
    """A visit that was made lies in the past."""

    code = "past-visit-ahead"


class VisitTaken(Conflict):
    """A visit of this service has the id."""

    code = "visit-taken"


def visit(row: PastVisit, place: Target) -> Visit:
    """Make a finished visit of a row; without an id it follows from place, department and day."""
    named = f"{place.id}|{row.department}|{row.on}|{row.kind}"
    id_ = VisitId(row.id or "v-" + sha256(named.encode()).hexdigest()[:_DERIVED])
    return Visit(
        id=id_,
        target=place.id,
        subject=place.entity,
        region=row.region,
        item=row.item,
        lead=row.department,
        state=State.FINISHED,
        on=row.on,
        window=Window(row.on, row.on),
        name=row.name,
        address="",
        duties=(Duty(row.department, tuple(sorted(row.codes14)), row.kind, id_),),
        started_on=row.on,
        elsewhere=True,
    )


def check(made: Visit, known: Visit | None, *, today: date) -> None:
    """Let a past visit in; refuses PastVisitAhead, VisitTaken."""
    if made.on > today:
        raise PastVisitAhead(field="on", got=made.on.isoformat(), expected=f"≤ {today}")
    if known is not None and not known.elsewhere:
        raise VisitTaken(field="id", got=made.id, expected="another id")
