"""From what the initiating department asks and a pool to the plan and its lists.

Grades decide only in which stratum a target stands and with which weight; strata have opaque ids,
so that lists do not tell which class a handle is in.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from contracts.credit_service import EntityId
from contracts.errors import Invalid
from contracts.item_registry import DepartmentId, ItemId
from contracts.joint_inspection import PoolId
from joint_inspection.directory.domain import Inspector, PoolTarget
from joint_inspection.draw.domain import lists
from joint_inspection.draw.domain.handles import (
    Digest,
    Handle,
    digest,
    inspector_handles,
    pool_key_digest,
    target_handles,
)
from joint_inspection.draw.domain.plan import Allocation, Beacon, Department, Mode, Plan
from joint_inspection.draw.domain.rounds import NotTheInitiator
from kit.deadlines import shanghai_day


class LeftOutReason(StrEnum):
    """Why a target of the pool stands in no stratum (policy `draw.left_out`)."""

    NO_STRATUM = "no-stratum"
    ENTITY_GONE = "entity-gone"


class StrataOverlap(Invalid):
    """A grade belongs to one stratum, and one stratum at most takes all that no other names."""

    code = "draw-strata-overlap"


class ModeUnknown(Invalid):
    """The modes are joint, coordinated and external."""

    code = "draw-mode-unknown"


class DepartmentTwice(Invalid):
    """A department stands in a draw once: it initiates or cooperates."""

    code = "draw-department-twice"


class ReasonMissing(Invalid):
    """A draw that is given up leaves its reason in public."""

    code = "draw-reason-missing"


class VisitsWindowEmpty(Invalid):
    """Visits follow from the draw: their last day is not before their first, nor before reveals."""

    code = "draw-visits-window-empty"


@dataclass(frozen=True, slots=True)
class Stratum:
    """One allocation as asked; `grades` None takes all that no other stratum names."""

    id: str
    grades: tuple[str, ...] | None
    n: int
    reserve: int
    weights: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Part:
    """What a department brings; `items` None concerns all targets."""

    department: DepartmentId
    codes14: tuple[str, ...]
    items: tuple[ItemId, ...] | None
    seats: int
    qualification: str
    limit: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What the initiating department asks of a draw, before it is frozen."""

    pool: PoolId
    initiating: Part
    cooperating: tuple[Part, ...]
    strata: tuple[Stratum, ...]
    grade_system: str | None
    parties: tuple[DepartmentId, ...]
    reveal_by: datetime
    visits_from: date
    visits_to: date
    mode: str
    hash: str
    beacon: Beacon | None
    stand_ins: tuple[DepartmentId, ...]

    @property
    def parts(self) -> tuple[Part, ...]:
        """Give all departments that come, in byte order."""
        return tuple(sorted((self.initiating, *self.cooperating), key=lambda part: part.department))


@dataclass(frozen=True, slots=True)
class Directory:
    """A pool opened: its id and key, its targets and inspectors as they stood."""

    id: PoolId
    key: bytes
    targets: Sequence[PoolTarget]
    inspectors: Sequence[Inspector]


def check_asked(asked: Asked, *, by: DepartmentId) -> None:
    """Refuse what no pool could mend.

    Refuses: NotTheInitiator, StrataOverlap, ModeUnknown, DepartmentTwice, VisitsWindowEmpty.
    """
    if by != asked.initiating.department:
        raise NotTheInitiator(draw=asked.initiating.department)
    named = [grade for stratum in asked.strata for grade in stratum.grades or ()]
    if len(named) != len(set(named)) or sum(s.grades is None for s in asked.strata) > 1:
        raise StrataOverlap(field="strata", got=sorted(named), expected="each grade once")
    if asked.mode not in tuple(Mode):
        raise ModeUnknown(field="mode", got=asked.mode, expected=list(Mode))
    departments = [part.department for part in asked.parts]
    if len(departments) != len(set(departments)):
        raise DepartmentTwice(field="cooperating", got=departments, expected="each once")
    if asked.visits_to < max(asked.visits_from, shanghai_day(asked.reveal_by)):
        expected = f"≥ {asked.visits_from}, {shanghai_day(asked.reveal_by)}"
        raise VisitsWindowEmpty(
            field="visits_to", got=asked.visits_to.isoformat(), expected=expected
        )


def check_reason(reason: str | None) -> None:
    """Let nobody give a draw up without saying why; refuses ReasonMissing."""
    if not reason or not reason.strip():
        raise ReasonMissing(field="reason", got=reason, expected="1-2000")


def prepare(
    asked: Asked,
    directory: Directory,
    grades: Mapping[EntityId, str],
    gone: AbstractSet[EntityId],
    *,
    draw: str,
    series: str,
    previous: Digest | None,
) -> tuple[Plan, dict[Digest, str]]:
    """Write the lists over blind handles and the plan that names their digests.

    `gone` are entities that exist no more; what may be frozen is judged by `freezing.check`.
    """
    made = _Lists(asked, directory, grades, gone)
    plan = Plan(
        series=series,
        draw=draw,
        previous=previous,
        directory=directory.id,
        pool=made.keep(lists.write_handles(made.handles.values())),
        pool_key=pool_key_digest(directory.key),
        departments=tuple(made.department(part) for part in asked.parts),
        recused=made.keep(lists.write_recused(made.recused())),
        parties=tuple(sorted(asked.parties)),
        reveal_by=asked.reveal_by.replace(microsecond=0),
        mode=Mode(asked.mode),
        hash=asked.hash,
        stand_ins=asked.stand_ins,
        beacon=asked.beacon,
    )
    return plan, made.texts


class _Lists:
    """Lists written so far, by digest."""

    def __init__(
        self,
        asked: Asked,
        directory: Directory,
        grades: Mapping[EntityId, str],
        gone: AbstractSet[EntityId],
    ) -> None:
        self.texts: dict[Digest, str] = {}
        self.handles = target_handles(directory.key, [one.id for one in directory.targets])
        self._officers = inspector_handles(directory.key, [o.id for o in directory.inspectors])
        self._asked = asked
        self._directory = directory
        self._grades = grades
        self._gone = gone

    def keep(self, text: str) -> Digest:
        named = digest(text)
        self.texts[named] = text
        return named

    def department(self, part: Part) -> Department:
        initiates = part is self._asked.initiating
        strata, left_out = self._stratified() if initiates else ({}, {})
        return Department(
            department=part.department,
            seats=part.seats,
            qualification=part.qualification,
            left_out=self.keep(lists.write_left_out(left_out)),
            inspectors=self.keep(lists.write_inspectors(self._staff(part))),
            joins=None if initiates else self.keep(lists.write_handles(self._joined(part))),
            allocations=tuple(
                Allocation(
                    stratum.id,
                    stratum.n,
                    stratum.reserve,
                    self.keep(lists.write_weighted(strata[stratum.id])),
                )
                for stratum in sorted(self._asked.strata, key=lambda each: each.id)
                if initiates
            ),
        )

    def recused(self) -> Iterable[tuple[Handle, Handle]]:
        for one in self._directory.inspectors:
            if one.recusals:
                for target in self._directory.targets:
                    if one.recused(target.id, target.entity):
                        yield self.handles[target.id], self._officers[one.id]

    def _stratified(self) -> tuple[dict[str, dict[Handle, int]], dict[Handle, str]]:
        of_grade = {grade: s for s in self._asked.strata for grade in s.grades or ()}
        rest = next((each for each in self._asked.strata if each.grades is None), None)
        strata: dict[str, dict[Handle, int]] = {each.id: {} for each in self._asked.strata}
        left_out: dict[Handle, str] = {}
        for target in self._directory.targets:
            handle = self.handles[target.id]
            grade = "" if target.entity is None else self._grades.get(target.entity, "")
            stratum = of_grade.get(grade, rest)
            if target.entity in self._gone:
                left_out[handle] = LeftOutReason.ENTITY_GONE
            elif stratum is None:
                left_out[handle] = LeftOutReason.NO_STRATUM
            else:
                strata[stratum.id][handle] = stratum.weights.get(grade, 1)
        return strata, left_out

    def _joined(self, part: Part) -> Iterable[Handle]:
        for target in self._directory.targets:
            if part.items is None or set(part.items) & set(target.items):
                yield self.handles[target.id]

    def _staff(self, part: Part) -> Iterable[lists.Inspector]:
        """List those whose certificate outlasts the visits, each with the fitting qualification."""
        for one in self._directory.inspectors:
            if one.department == part.department and one.certified(self._asked.visits_to):
                fit = part.qualification if part.qualification in one.qualifications else None
                fit = fit or (one.qualifications[0] if one.qualifications else None)
                if fit is not None:
                    yield lists.Inspector(self._officers[one.id], part.limit, fit)
