"""Bulk rows in, for tickets: each becomes a clue, registered and routed, once.

The road of `POST /clues`, with everything that it reads and writes taken for a whole batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from clue_dispatch.clue.domain import registering
from clue_dispatch.clue.domain.matter import Clue
from clue_dispatch.clue.store import reading, writing
from clue_dispatch.clue.store.writing import Step
from clue_dispatch.routing import store as routing
from clue_dispatch.routing.domain import Question, Route
from clue_dispatch.subject import store as subjects
from clue_dispatch.terms import store as terms
from clue_dispatch.terms.domain import Terms
from clue_dispatch.ticket import domain
from clue_dispatch.ticket.domain import Heard
from contracts.acts import Act
from contracts.clue_dispatch import ClueId, Move, Origin, SubjectSighted, TicketRow
from contracts.credit_service import EntityId
from contracts.errors import Refusal
from contracts.item_registry import DepartmentId, RegionId
from contracts.says import Decided
from kit import calendars
from kit.acts import Done, conclude_each
from kit.clock import new_id
from kit.db import dealing
from kit.deadlines import shanghai_day
from kit.jobs import Import, Row, RowFault, Taken, Upload, fault_of
from kit.workdays import Calendar


@dataclass(frozen=True, slots=True)
class Ticket:
    """A row as it was heard, what the matrix is asked of it, and the terms of its day."""

    number: int
    heard: Heard
    question: Question
    terms: Terms


@dataclass(frozen=True, slots=True)
class Known:
    """What is read once for a batch; clues and subjects change while its rows are decided."""

    routes: Mapping[Question, Route]
    calendars: Mapping[tuple[RegionId, ...], Calendar]
    clues: dict[Origin, Clue]
    unannounced: set[EntityId]


@dataclass(slots=True)
class Batch:
    """A batch at work: whose rows, what was decided, what was wrong."""

    upload: Upload
    steps: list[Step] = field(default_factory=list)
    done: list[Done[Clue]] = field(default_factory=list)
    faults: list[RowFault] = field(default_factory=list)
    accepted: int = 0
    provisional: int = 0
    duplicate: int = 0

    @property
    def source(self) -> str:
        """Say who sent the rows: numbers and names are unique within that."""
        return self.upload.department or self.upload.client

    @property
    def department(self) -> DepartmentId | None:
        """Say of which department the client is."""
        return DepartmentId(self.upload.department) if self.upload.department else None

    def take(self, ticket: Ticket, before: Clue | None, decided: Decided[Clue] | None) -> None:
        """Note what a row led to: a new clue, other words, or nothing new."""
        self.accepted += 1
        self.provisional += ticket.heard.fault is not None
        if decided is None:
            self.duplicate += 1
            return
        # A clue begins when its source received the ticket; a correction is made now.
        act = Act(
            acted_on=ticket.heard.at if before is None else None, reason=f"jobs/{self.upload.job}"
        )
        self.done.append(Done(act, before, decided))
        step = Step(
            before,
            decided.value,
            Move.REGISTERED if before is None else Move.REVISED,
            act,
            note=decided.value.summary,
            client=self.upload.client,
            department=self.department,
        )
        self.steps.append(step)


async def _take(tx: AsyncConnection, rows: Sequence[Row[TicketRow]], upload: Upload) -> Taken:
    batch = Batch(upload)
    tickets = _read(tx, rows, batch)
    known = await _known(tx, tickets)
    met = set(known.unannounced)
    for ticket in tickets:
        try:
            _decide(ticket, known, batch)
        except Refusal as no:
            batch.faults.append(fault_of(ticket.number, no))
    await subjects.first_sightings(tx, met - known.unannounced)
    await writing.keep(tx, batch.steps)
    await conclude_each(tx, dealing(tx).actor, batch.done)
    return Taken(
        accepted=batch.accepted,
        provisional=batch.provisional,
        duplicate=batch.duplicate,
        revised=sum(one.move is Move.REVISED for one in batch.steps),
        faults=tuple(batch.faults),
    )


def _read(tx: AsyncConnection, rows: Sequence[Row[TicketRow]], batch: Batch) -> list[Ticket]:
    now = dealing(tx).now
    tickets: list[Ticket] = []
    for row in rows:
        try:
            heard = domain.heard(
                row.value, source=batch.source, department=batch.department, now=now
            )
            day = shanghai_day(heard.at)
            limits = terms.of_clues(day, field="received_at")
        except Refusal as no:
            batch.faults.append(fault_of(row.number, no))
            continue
        question = Question(heard.brought.item, heard.brought.region, limits.stage, day)
        tickets.append(Ticket(row.number, heard, question, limits))
    return tickets


async def _known(tx: AsyncConnection, tickets: Sequence[Ticket]) -> Known:
    routes = await routing.routes(tx, (one.question for one in tickets))
    nameless = {one.heard.brought.subject for one in tickets if one.heard.fault is not None}
    return Known(
        routes=routes,
        calendars=await calendars.at_each(tx, (route.chain for route in routes.values())),
        clues=await reading.lock_of_origins(tx, (one.heard.brought.origin for one in tickets)),
        unannounced=await subjects.unsighted(tx, nameless),
    )


def _decide(ticket: Ticket, known: Known, batch: Batch) -> None:
    brought, route = ticket.heard.brought, known.routes[ticket.question]
    registering.require_known(brought.item, brought.region, route)
    before = known.clues.get(brought.origin)
    decide = (
        partial(registering.register, ClueId(new_id()))
        if before is None
        else partial(registering.revise, before)
    )
    decided = decide(
        brought,
        route=route,
        terms=ticket.terms,
        calendar=known.calendars[route.chain],
        at=ticket.heard.at,
        sighted=_sighted(ticket.heard, known, batch.source),
    )
    batch.take(ticket, before, decided)
    if decided is not None:
        known.clues[brought.origin] = decided.value
        known.unannounced.discard(brought.subject)


def _sighted(heard: Heard, known: Known, source: str) -> SubjectSighted | None:
    """Say that a subject could not be identified, the first time that it is met."""
    subject = heard.brought.subject
    if heard.fault is None or subject not in known.unannounced:
        return None
    return registering.sighting(
        subject, source=source, region=heard.brought.region, raw=heard.code, fault=heard.fault
    )


IMPORTS = (Import("clues", TicketRow, _take),)
