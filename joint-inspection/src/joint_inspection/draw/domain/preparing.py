"""From what the initiating department asks and a pool to the plan and its lists.

Grades decide only in which stratum a target stands and with which weight; strata have opaque ids,
so that lists do not tell which class a handle is in.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from itertools import chain
from typing import TypeAlias

from contracts.credit_service import EntityId
from contracts.errors import Forbidden, Invalid
from contracts.item_registry import DepartmentId, ItemId
from contracts.joint_inspection import PoolId, TargetId
from joint_inspection.directory.domain import Inspector
from joint_inspection.draw.domain import lists
from joint_inspection.draw.domain.handles import (
    Digest,
    Handle,
    digest,
    handles_in_order,
    inspector_handles,
    pool_key_digest,
    target_handles,
)
from joint_inspection.draw.domain.plan import Allocation, Beacon, Department, Mode, Plan
from joint_inspection.draw.domain.rounds import NotTheInitiator
from joint_inspection.pool.domain import Pool, PoolTarget
from kit.deadlines import shanghai_day

# What the lists could say of a target: its entity's grade, whether that is gone, its items.
_Group: TypeAlias = tuple[str, bool, tuple[ItemId, ...]]


class LeftOutReason(StrEnum):
    """Why a target of the pool stands in no stratum (policy `draw.left_out`)."""

    NO_STRATUM = "no-stratum"
    ENTITY_GONE = "entity-gone"


class StaffOut(StrEnum):
    """Why an inspector of a department is not drawn from (policy `draw.staff_out`)."""

    CERTIFICATE_LAPSED = "certificate-lapsed"
    NOT_QUALIFIED = "not-qualified"


class StrataOverlap(Invalid):
    """A grade belongs to one stratum, and one stratum at most takes all that no other names."""

    code = "draw-strata-overlap"


class ModeUnknown(Invalid):
    """The modes are joint, coordinated and external."""

    code = "draw-mode-unknown"


class PoolNotYours(Forbidden):
    """A pool holds the targets that its maker sees: only the maker sends visits to them."""

    code = "draw-pool-not-yours"


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


def staff_of(asked: Asked, directory: Directory) -> list[tuple[Inspector, StaffOut | None]]:
    """Say of each inspector of the departments that come whether they are drawn from, or why not.

    A certificate outlasts the last day on which a visit may be made (行政处罚法 art. 42, 55).
    """
    parts = {part.department: part for part in asked.parts}
    own = sorted((one.department, one.id, one) for one in directory.inspectors)
    return [
        (one, _out(one, parts[department], asked.visits_to))
        for department, _, one in own
        if department in parts
    ]


def _out(one: Inspector, part: Part, last: date) -> StaffOut | None:
    if not one.certified(last):
        return StaffOut.CERTIFICATE_LAPSED
    return None if part.qualification in one.qualifications else StaffOut.NOT_QUALIFIED


def recused_since(directory: Directory, now: Iterable[Inspector]) -> Directory:
    """Add recusals declared since the pool was made: who must withdraw never sits (art. 43)."""
    known = {one.id: one.recusals for one in now}
    officers = [
        replace(one, recusals=tuple(dict.fromkeys([*one.recusals, *known.get(one.id, ())])))
        for one in directory.inspectors
    ]
    return replace(directory, inspectors=officers)


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


def check_pool(pool: Pool, *, by: DepartmentId) -> None:
    """Let a department draw from its own pool; refuses PoolNotYours."""
    if by != pool.department:
        raise PoolNotYours(pool=pool.id, department=pool.department, yours=by)


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
        pool=made.pool,
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
    """Lists written so far, by digest, of targets in groups that stand in the same lists."""

    def __init__(
        self,
        asked: Asked,
        directory: Directory,
        grades: Mapping[EntityId, str],
        gone: AbstractSet[EntityId],
    ) -> None:
        self.texts: dict[Digest, str] = {}
        self._officers = inspector_handles(directory.key, [o.id for o in directory.inspectors])
        self._asked = asked
        self._directory = directory
        # Each group is hashed and sorted alone; lists are then merged from whole groups.
        self._groups = {
            about: sorted(handles_in_order(directory.key, ids))
            for about, ids in _grouped(asked, directory.targets, grades, gone).items()
        }
        self.pool = self.keep(lists.write_handles(chain.from_iterable(self._groups.values())))

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
            joins=None if initiates else self._joins(part),
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
        officers = [one for one in self._directory.inspectors if one.recusals]
        named = {name for one in officers for name in one.recusals}
        if not named:
            return
        targets = [t for t in self._directory.targets if t.id in named or t.entity in named]
        handles = target_handles(self._directory.key, [target.id for target in targets])
        for one in officers:
            for target in targets:
                if one.recused(target.id, target.entity):
                    yield handles[target.id], self._officers[one.id]

    def _stratified(
        self,
    ) -> tuple[dict[str, dict[int, list[Handle]]], dict[str, list[Handle]]]:
        """Give each stratum's handles by weight, and those left out by reason."""
        of_grade = {grade: s for s in self._asked.strata for grade in s.grades or ()}
        rest = next((each for each in self._asked.strata if each.grades is None), None)
        strata: dict[str, dict[int, list[Handle]]] = {each.id: {} for each in self._asked.strata}
        left_out: dict[str, list[Handle]] = {}
        for (grade, gone, _), handles in self._groups.items():
            stratum = of_grade.get(grade, rest)
            if gone:
                left_out.setdefault(LeftOutReason.ENTITY_GONE, []).extend(handles)
            elif stratum is None:
                left_out.setdefault(LeftOutReason.NO_STRATUM, []).extend(handles)
            else:
                weight = stratum.weights.get(grade, 1)
                strata[stratum.id].setdefault(weight, []).extend(handles)
        return strata, left_out

    def _joins(self, part: Part) -> Digest:
        """Give the list of targets that a department joins; who joins all has the pool's own."""
        if part.items is None:
            return self.pool
        wanted = frozenset(part.items)
        joined = (some for (_, _, items), some in self._groups.items() if wanted & set(items))
        return self.keep(lists.write_handles(chain.from_iterable(joined)))

    def _staff(self, part: Part) -> Iterable[lists.Inspector]:
        """List those whose certificate outlasts the visits, each with the fitting qualification."""
        for one in self._directory.inspectors:
            if one.department == part.department and one.certified(self._asked.visits_to):
                fit = part.qualification if part.qualification in one.qualifications else None
                fit = fit or (one.qualifications[0] if one.qualifications else None)
                if fit is not None:
                    yield lists.Inspector(self._officers[one.id], part.limit, fit)


def _grouped(
    asked: Asked,
    targets: Iterable[PoolTarget],
    grades: Mapping[EntityId, str],
    gone: AbstractSet[EntityId],
) -> Mapping[_Group, list[TargetId]]:
    """Put targets together that differ in nothing that a list could say of them.

    Items count only where some department joins by items.
    """
    by_items = any(part.items is not None for part in asked.cooperating)
    groups = defaultdict[_Group, list[TargetId]](list)
    for target in targets:
        entity = target.entity
        grade = "" if entity is None else grades.get(entity, "")
        items = target.items if by_items else ()
        groups[grade, entity in gone, items].append(target.id)
    return groups
