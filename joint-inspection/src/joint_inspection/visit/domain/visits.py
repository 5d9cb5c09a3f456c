"""A visit 一次上门: one entry on the premises that serves all departments (综合查一次)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from contracts.credit_service import EntityId
from contracts.item_registry import DepartmentId, ItemId, RegionId
from contracts.joint_inspection import InspectorId, TargetId, VisitId, VisitKind
from kit.deadlines import Due


class State(StrEnum):
    """How far a visit has come: 审批 → 通知 → 实施 → 办结 (司法部 2025 forms).

        planned ──approve──► approved ──notify──► notified ──start──► started ──finish──► finished
           ▲                    │                    │
           └────── a further duty is merged in ──────┘

    A drawn visit is `dropped` where no department may come: every yearly cap is used up.
    """

    PLANNED = "planned"
    APPROVED = "approved"
    NOTIFIED = "notified"
    STARTED = "started"
    FINISHED = "finished"
    DROPPED = "dropped"


OPEN = frozenset({State.PLANNED, State.APPROVED, State.NOTIFIED})


@dataclass(frozen=True, slots=True)
class Window:
    """The days in which a visit can be made, both included."""

    first: date
    last: date

    def within(self, other: "Window") -> "Window":
        """Give the days of both; `first` after `last` where there are none."""
        return Window(max(self.first, other.first), min(self.last, other.last))


@dataclass(frozen=True, slots=True)
class Duty:
    """What one department checks for one cause: a request of a clue, a draw, its own plan.

    `origin` is the id of the request or draw, or of the visit that a department planned itself.
    """

    department: DepartmentId
    codes14: tuple[str, ...]
    purpose: VisitKind
    origin: str
    clue: str | None = None
    item: ItemId | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """An inspector of a visit, with the certificate as it stood when named or drawn."""

    inspector: InspectorId
    name: str
    certificate: str
    valid_until: date


@dataclass(frozen=True, slots=True)
class Team:
    """Whom a department sends; who was drawn is not replaced by choice."""

    department: DepartmentId
    members: tuple[Member, ...]
    drawn: bool = False


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A department that does not come, and why: a code of the problems."""

    department: DepartmentId
    code: str
    origin: str


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit at one target; `version` counts announced changes.

    `source` names who reported one that another system made: it counts for caps and is otherwise
    done.
    """

    id: VisitId
    target: TargetId
    subject: EntityId | None
    region: RegionId
    item: ItemId | None
    lead: DepartmentId
    state: State
    on: date
    window: Window
    name: str
    address: str
    duties: tuple[Duty, ...]
    teams: tuple[Team, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    notified_on: date | None = None
    started_on: date | None = None
    finished_at: datetime | None = None
    publish_due: Due | None = None
    published_at: datetime | None = None
    source: str | None = None
    version: int = 1

    @property
    def elsewhere(self) -> bool:
        """Say whether another system made the visit."""
        return self.source is not None

    @property
    def publish_due_at(self) -> datetime | None:
        """Give the first instant that is too late to publish its results."""
        return self.publish_due.at if self.publish_due else None

    @property
    def publish_due_provisional(self) -> bool:
        """Say whether that rests on days that are not announced."""
        return self.publish_due is not None and self.publish_due.provisional

    @property
    def departments(self) -> tuple[DepartmentId, ...]:
        """Give the departments that come."""
        return tuple(sorted({duty.department for duty in self.duties}))

    @property
    def kind(self) -> VisitKind:
        """Say why the visit is made; merged where causes of several kinds met."""
        purposes = {duty.purpose for duty in self.duties}
        return purposes.pop() if len(purposes) == 1 else VisitKind.MERGED

    @property
    def requests(self) -> tuple[str, ...]:
        """Give the requests of clues that the visit answers."""
        return self._origins(VisitKind.CLUE)

    @property
    def draws(self) -> tuple[str, ...]:
        """Give the draws that the visit follows from."""
        return self._origins(VisitKind.DRAWN)

    @property
    def clues(self) -> tuple[str, ...]:
        """Give the clues behind the requests."""
        return tuple(sorted({duty.clue for duty in self.duties if duty.clue is not None}))

    @property
    def codes14(self) -> tuple[str, ...]:
        """Give the item codes that are checked."""
        return tuple(sorted({code for duty in self.duties for code in duty.codes14}))

    @property
    def separate_visits(self) -> int:
        """Say how many visits it would have been without merging: department by cause."""
        return len({(duty.department, duty.origin) for duty in self.duties})

    def checks(self, department: DepartmentId) -> frozenset[str]:
        """Give the item codes that one department checks."""
        mine = (duty.codes14 for duty in self.duties if duty.department == department)
        return frozenset(code for codes in mine for code in codes)

    def team(self, department: DepartmentId) -> Team | None:
        """Give a department's team, if it is known."""
        return next((team for team in self.teams if team.department == department), None)

    def _origins(self, purpose: VisitKind) -> tuple[str, ...]:
        found = {duty.origin for duty in self.duties if duty.purpose is purpose}
        return tuple(sorted(found))


def opens(visit: Visit, *, all_: bool) -> bool:
    """Say whether a drawn handle may be opened: after the visit, to a supervisor at once."""
    return all_ or visit.state is State.FINISHED


def with_teams(known: Iterable[Team], given: Iterable[Team]) -> tuple[Team, ...]:
    """Put teams in place: a drawn one stands before a named one of the same department."""
    teams: dict[DepartmentId, Team] = {team.department: team for team in known}
    for team in given:
        before = teams.get(team.department)
        if before is None or team.drawn or not before.drawn:
            teams[team.department] = team
    return by_department(teams)


def by_department(teams: Mapping[DepartmentId, Team]) -> tuple[Team, ...]:
    """Order teams by department."""
    return tuple(teams[department] for department in sorted(teams))
