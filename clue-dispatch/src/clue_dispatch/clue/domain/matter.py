"""A clue 问题线索: where it is, whose turn it is, when that is due (国办发〔2023〕1号, 十).

    registered ──dispatch──► dispatched ──sign──► signed ──request visit──► verifying ◄─┐
        ▲                        │                   │                          │       │
        └─────────return─────────┘                   └──────feedback──────┐  results   request
                                                                          ▼     ▼       │
                                              closed ◄──conclude────────── answered ────┘

A warning that is assessed as false or duplicate closes its clue from every open state, unless a
visit is open. Nothing leaves `closed`: a repeated complaint is a new clue.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import assert_never

from clue_dispatch.routing.domain import Route
from contracts.clue_dispatch import (
    ClueId,
    ClueState,
    Conclusion,
    Origin,
    OriginType,
    RequestId,
    Task,
    VisitState,
    Wanted,
)
from contracts.credit_service import EntityId
from contracts.errors import Forbidden, Invalid
from contracts.item_registry import (
    DepartmentId,
    ItemId,
    Line,
    RegionId,
)
from contracts.risk_monitor import Outcome
from contracts.roles import Role
from kit.deadlines import Due


@dataclass(frozen=True, slots=True)
class Official:
    """Who acts: a person or client of a department; `admin` only starts what nobody else can."""

    id: str
    department: DepartmentId | None
    line: Line | None
    admin: bool = False


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit that the lead asked for: asked → planned → finished, or refused."""

    request: RequestId
    state: VisitState
    departments: tuple[Wanted, ...]
    from_: date
    to: date
    visit: str | None = None
    on: date | None = None
    code: str | None = None
    reason: str | None = None
    results: tuple[str, ...] = ()

    @property
    def open(self) -> bool:
        """Say whether its end is still to come."""
        return self.state in {VisitState.ASKED, VisitState.PLANNED}


@dataclass(frozen=True, slots=True)
class Turn:
    """Whose turn it is: departments, the role there, and what has to be done."""

    task: Task
    departments: tuple[DepartmentId, ...]
    role: Role | None


@dataclass(frozen=True, slots=True)
class Clue:
    """One clue; `owner` answers for it at every moment, from dispatch on that is the lead.

    `moved_on` is when the last act was done; `version` counts its changes. `became` is what its
    subject is by now, where that is another (待核实主体 resolved, entities merged).
    """

    id: ClueId
    origin: Origin
    subject: EntityId
    item: ItemId
    region: RegionId
    summary: str
    brought_by: DepartmentId | None
    owner: DepartmentId | None
    route: Route
    registered_on: datetime
    dispatch_due: Due
    moved_on: datetime
    source_due_at: datetime | None = None
    name: str | None = None
    place: str | None = None
    complaint: bool = False
    became: EntityId | None = None
    state: ClueState = ClueState.REGISTERED
    assessment: Outcome | None = None
    dispatched_by: DepartmentId | None = None
    lead: DepartmentId | None = None
    cooperators: tuple[DepartmentId, ...] = ()
    sign_due: Due | None = None
    verify_due: Due | None = None
    returns: int = 0
    visits: tuple[Visit, ...] = ()
    feedback: str | None = None
    conclusion: Conclusion | None = None
    evidence: str | None = None
    approved_by: str | None = None
    closed_on: date | None = None
    version: int = 1

    @property
    def about(self) -> EntityId:
        """Say whom it is about by now."""
        return self.became or self.subject

    @property
    def leading(self) -> DepartmentId | None:
        """Say who leads it, or is to lead it as the matrix says."""
        return self.lead or self.route.lead

    @property
    def open_visit(self) -> Visit | None:
        """Give the visit whose end is still to come; there is at most one."""
        return next((visit for visit in self.visits if visit.open), None)

    @property
    def due(self) -> Due | None:
        """Say when the step that it is in is due."""
        match self.state:
            case ClueState.REGISTERED:
                return self.dispatch_due
            case ClueState.DISPATCHED:
                return self.sign_due
            case ClueState.SIGNED | ClueState.VERIFYING | ClueState.ANSWERED:
                return self.verify_due
            case ClueState.CLOSED:
                return None
            case _:
                assert_never(self.state)

    @property
    def open_terms(self) -> dict[str, Due]:
        """Give the terms that run, by step: what a changed calendar counts anew."""
        steps = {"dispatch": self.dispatch_due, "sign": self.sign_due, "verify": self.verify_due}
        match self.state:
            case ClueState.REGISTERED:
                running = {"dispatch"}
            case ClueState.DISPATCHED:
                running = {"sign", "verify"}
            case ClueState.SIGNED | ClueState.VERIFYING | ClueState.ANSWERED:
                running = {"verify"}
            case ClueState.CLOSED:
                running = set()
            case _:
                assert_never(self.state)
        return {step: due for step, due in steps.items() if step in running and due is not None}

    @property
    def turn(self) -> Turn | None:
        """Say whose turn it is, and for what."""
        task = self._task
        if task is None:
            return None
        if task is Task.VISIT and (visit := self.open_visit) is not None:
            return Turn(task, tuple(wanted.department for wanted in visit.departments), None)
        owner = () if self.owner is None else (self.owner,)
        leads = task in {Task.DISPATCH, Task.CONCLUDE}
        return Turn(task, owner, Role.LEAD if leads else Role.OFFICER)

    @property
    def _task(self) -> Task | None:
        match self.state:
            case ClueState.REGISTERED:
                waits = self.origin.type is OriginType.WARNING and self.assessment is None
                return Task.ASSESS if waits else Task.DISPATCH
            case ClueState.DISPATCHED:
                return Task.SIGN
            case ClueState.SIGNED | ClueState.VERIFYING:
                return Task.VERIFY if self.open_visit is None else Task.VISIT
            case ClueState.ANSWERED:
                return Task.CONCLUDE
            case ClueState.CLOSED:
                return None
            case _:
                assert_never(self.state)


class NotYourClue(Forbidden):
    """Only who is named in the clue may do this: its owner, its lead or who takes part."""

    code = "clue-not-yours"


class ActedBefore(Invalid):
    """Nothing can have been done before what it follows from."""

    code = "clue-acted-before"


def takes_part(clue: Clue, by: Official) -> bool:
    """Say whether somebody's department leads or cooperates."""
    return by.department is not None and by.department in {clue.lead, *clue.cooperators}


def require_lead(clue: Clue, by: Official) -> None:
    """Let only the lead department go on (relation: assignee). Refuses NotYourClue."""
    if by.department is None or by.department != clue.lead:
        raise NotYourClue(clue=clue.id, lead=clue.lead, yours=by.department)


def require_order(clue: Clue, at: datetime) -> None:
    """Refuse an act that would lie before the last one: ActedBefore."""
    if at < clue.moved_on:
        got, expected = at.isoformat(), f"≥ {clue.moved_on.isoformat()}"
        raise ActedBefore(field="acted_on", got=got, expected=expected)
