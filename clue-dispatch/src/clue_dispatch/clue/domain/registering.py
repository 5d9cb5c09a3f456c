"""How a clue comes about: brought by hand, from a warning, from the result of a draw.

One cause makes one clue (its origin is unique), which also ends the loop warning → clue → visit →
result → clue. What makes a clue is policy (`terms`).
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from clue_dispatch.clue.domain.matter import Clue
from clue_dispatch.routing.domain import Route
from clue_dispatch.terms.domain import Terms
from contracts.clue_dispatch import ClueId, ClueRegistered, ClueState, Origin, SubjectSighted
from contracts.credit_service import EntityId
from contracts.errors import Conflict, Invalid
from contracts.item_registry import ROOT, DepartmentId, ItemId, RegionId
from contracts.says import Decided, Fact
from kit.codes import Fault, normalise
from kit.deadlines import due
from kit.workdays import Calendar

_PERSONAL = "code-person"


@dataclass(frozen=True, slots=True)
class Brought:
    """What is brought: whom it is about, what, where, by which department and through what."""

    origin: Origin
    subject: EntityId
    item: ItemId
    region: RegionId
    summary: str
    department: DepartmentId | None = None
    source_due_at: datetime | None = None
    name: str | None = None
    place: str | None = None
    complaint: bool = False


class ItemUnknown(Invalid):
    """No published item has this id."""

    code = "clue-item-unknown"


class RegionUnknown(Invalid):
    """The region tree has no such node."""

    code = "clue-region-unknown"


class AlreadyDispatched(Conflict):
    """What a lead was given does not change under its hands: a correction is a clue of its own."""

    code = "clue-already-dispatched"


class AlreadyRegistered(Conflict):
    """What this comes from has been registered already."""

    code = "clue-already-registered"


def require_known(item: ItemId, region: RegionId, route: Route) -> None:
    """Refuse what nobody can route: ItemUnknown, RegionUnknown."""
    if route.item_version is None:
        raise ItemUnknown(field="item", got=item, expected="GET /api/v1/items")
    if ROOT not in route.chain:
        raise RegionUnknown(field="region", got=region, expected="GET /api/v1/regions")


def sighting(
    subject: EntityId, *, source: str, region: RegionId, raw: str | None, fault: Fault
) -> SubjectSighted:
    """Say that a subject could not be identified; a person's number and names stay here."""
    shown = None if fault.code == _PERSONAL or not raw else normalise(raw)
    return SubjectSighted(
        subject=subject, source=source, fault=fault.code, region=region, raw=shown or None
    )


def register(
    id_: ClueId,
    brought: Brought,
    *,
    route: Route,
    terms: Terms,
    calendar: Calendar,
    at: datetime,
    sighted: SubjectSighted | None = None,
) -> Decided[Clue]:
    """Register a clue: it is owned from the first moment, and the time to dispatch it runs.

    Its owner is the lead that the matrix names, else the department that brought it (首接负责).
    """
    clue = Clue(
        id=id_,
        **_told(brought),
        origin=brought.origin,
        brought_by=brought.department,
        owner=route.lead or brought.department,
        route=route,
        registered_on=at,
        dispatch_due=due(at, terms.dispatch, calendar),
        moved_on=at,
    )
    return Decided(clue, says=_said(clue, sighted))


def revise(
    clue: Clue,
    brought: Brought,
    *,
    route: Route,
    terms: Terms,
    calendar: Calendar,
    at: datetime,
    sighted: SubjectSighted | None = None,
) -> Decided[Clue] | None:
    """Take over what its source says of it now; None if that is what it said before.

    A clue that is with a lead stays as it was given to it. One that came back keeps the clock that
    the return began. Refuses: AlreadyDispatched.
    """
    revised = replace(clue, **_told(brought), registered_on=at)
    if revised == clue:
        return None
    if clue.state is not ClueState.REGISTERED:
        raise AlreadyDispatched(
            field="ticket", got=brought.origin.id, clue=clue.id, state=clue.state
        )
    revised = replace(revised, route=route, version=clue.version + 1)
    if clue.returns == 0:
        revised = replace(
            revised,
            owner=route.lead or brought.department,
            moved_on=at,
            dispatch_due=due(at, terms.dispatch, calendar),
        )
    about = (clue.subject, clue.item, clue.region)
    if about == (revised.subject, revised.item, revised.region):
        return Decided(revised)
    return Decided(replace(revised, became=None), says=_said(revised, sighted))


def _told(brought: Brought) -> dict[str, Any]:
    """Give what a source may correct: a field of a clue that is not here stays as it was."""
    return {
        "subject": brought.subject,
        "item": brought.item,
        "region": brought.region,
        "summary": brought.summary,
        "source_due_at": brought.source_due_at,
        "name": brought.name,
        "place": brought.place,
        "complaint": brought.complaint,
    }


def _said(clue: Clue, sighted: SubjectSighted | None) -> tuple[Fact, ...]:
    registered = ClueRegistered(
        clue=clue.id,
        origin=clue.origin,
        subject=clue.subject,
        item=clue.item,
        region=clue.region,
    )
    return (registered,) if sighted is None else (sighted, registered)


def route_again(clue: Clue, route: Route) -> Decided[Clue]:
    """Give a clue without owner the one that the matrix names by now."""
    routed = replace(clue, route=route, owner=route.lead or clue.owner, version=clue.version + 1)
    return Decided(routed)
