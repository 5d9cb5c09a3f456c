"""Rules of a ticket: what of it becomes a clue, from when on its clock runs.

A report 举报 is a clue, a complaint 投诉 is mediation between parties; one ticket may hold both and
is split: the clue takes the report, the complaint stays at its source with its own clock.
"""

from dataclasses import dataclass
from datetime import datetime

from clue_dispatch.clue.domain.registering import Brought
from contracts.clue_dispatch import Origin, TicketKind, TicketRow
from contracts.credit_service import EntityId
from contracts.errors import Invalid
from contracts.item_registry import DepartmentId
from kit import codes
from kit.codes import Fault


@dataclass(frozen=True, slots=True)
class Heard:
    """What a ticket brings, when its source received it, and why nobody certain is meant."""

    brought: Brought
    at: datetime
    fault: Fault | None
    code: str | None


class ComplaintOnly(Invalid):
    """A complaint alone asks for mediation: nobody's supervision begins with it."""

    code = "ticket-complaint-only"


class NotYetReceived(Invalid):
    """A ticket cannot have been received later than now."""

    code = "ticket-not-yet-received"


def heard(
    ticket: TicketRow, *, source: str, department: DepartmentId | None, now: datetime
) -> Heard:
    """Read a ticket of a source as what it brings.

    Refuses: ComplaintOnly, NotYetReceived, SubjectUnnamed.
    """
    if ticket.kind is TicketKind.COMPLAINT:
        expected = f"{TicketKind.REPORT} | {TicketKind.BOTH}"
        raise ComplaintOnly(field="kind", got=ticket.kind, expected=expected)
    if ticket.received_at > now:
        got, expected = ticket.received_at.isoformat(), f"≤ {now.isoformat()}"
        raise NotYetReceived(field="received_at", got=got, expected=expected)
    subject, fault = codes.subject_of(source, ticket.code, ticket.name)
    brought = Brought(
        origin=Origin(type=ticket.source, id=f"{source}:{ticket.ticket}", rule="hand"),
        subject=EntityId(subject),
        item=ticket.item,
        region=ticket.region,
        summary=ticket.text,
        department=department,
        source_due_at=ticket.source_due_at,
        name=ticket.name,
        place=ticket.place,
        complaint=ticket.kind is TicketKind.BOTH,
    )
    return Heard(brought, ticket.received_at, fault, ticket.code)
