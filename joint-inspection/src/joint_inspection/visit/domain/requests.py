"""A request of a clue for a visit: what it needs, and what became of it."""

from dataclasses import dataclass

from contracts.clue_dispatch import VisitRequested
from contracts.joint_inspection import VisitId, VisitKind, VisitRefused
from contracts.says import Decided
from joint_inspection.directory.domain import Target
from joint_inspection.visit.domain.planning import Need
from joint_inspection.visit.domain.visits import Duty, Window


@dataclass(frozen=True, slots=True)
class Request:
    """A request, answered: by a visit, or by a refusal's code."""

    id: str
    clue: str
    visit: VisitId | None
    code: str | None


def need(asked: VisitRequested, target: Target) -> Need:
    """Say what a request needs at its target; the first department asked leads."""
    duties = tuple(
        Duty(
            one.department,
            tuple(sorted(one.codes14)),
            VisitKind.CLUE,
            asked.request,
            asked.clue,
            asked.item,
        )
        for one in asked.departments
    )
    return Need(
        target=target.id,
        subject=asked.subject,
        region=target.region,
        item=asked.item,
        lead=asked.departments[0].department,
        window=Window(asked.from_, asked.to),
        name=target.name,
        address=target.address,
        duties=duties,
    )


def planned(asked: VisitRequested, visit: VisitId) -> Request:
    """Note the visit that answers a request."""
    return Request(asked.request, asked.clue, visit, None)


def refused(asked: VisitRequested, code: str, reason: str) -> Decided[Request]:
    """Refuse a request, and say why."""
    fact = VisitRefused(request=asked.request, code=code, reason=reason, region=asked.region)
    return Decided(Request(asked.request, asked.clue, None, code), says=(fact,))
