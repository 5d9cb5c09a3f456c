"""Who inspects: inspectors are drawn, not chosen and not optimised (heli-draw-1, inspectors).

Two at least and with a certificate (penalty law, art. 42): seats and lists come from the policy
in force; those who must withdraw (art. 43) never sit.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from contracts.item_registry import DepartmentId
from joint_inspection.draw.domain.handles import Handle
from joint_inspection.draw.domain.lists import Inspector


@dataclass(frozen=True, slots=True)
class Team:
    """Whom one department sends to one target, in the order of seats."""

    department: DepartmentId
    target: Handle
    inspectors: tuple[Handle, ...]


@dataclass(frozen=True, slots=True)
class EmptySeat:
    """A seat for which nobody is left; one entry a seat."""

    department: DepartmentId
    target: Handle


@dataclass(frozen=True, slots=True)
class Staff:
    """What one department draws from: who has its qualification, and its seats in a visit."""

    department: DepartmentId
    seats: int
    qualified: Sequence[Inspector]
    visits: Sequence[Handle]


@dataclass(slots=True)
class _Visit:
    """One department's part of one visit while seats are given."""

    staff: Staff
    target: Handle
    chosen: list[Handle]


class _Seating:
    """Seats given so far: how often each inspector goes, and who is in which visit."""

    def __init__(self, seed: bytes, recused: frozenset[tuple[Handle, Handle]]) -> None:
        self._start = seed + b"\x01"
        self._recused = recused
        self._load: Counter[Handle] = Counter()
        self._inside: dict[Handle, set[Handle]] = {}

    def fill(self, visit: _Visit, *, raised: int) -> bool:
        """Give this visit's empty seats; say whether somebody is left for one still empty.

        Seat after seat the smallest key of those below the limit: the same as the smallest keys
        at once, since a seat changes only its own inspector's load.
        """
        inside = self._inside.setdefault(visit.target, set())
        able = [
            inspector
            for inspector in visit.staff.qualified
            if inspector.handle not in inside
            and (visit.target, inspector.handle) not in self._recused
        ]
        free = [each.handle for each in able if self._load[each.handle] < each.limit + raised]
        for handle in self._ranked(visit.target, free)[: visit.staff.seats - len(visit.chosen)]:
            visit.chosen.append(handle)
            inside.add(handle)
            self._load[handle] += 1
        return len(visit.chosen) < visit.staff.seats and any(
            each.handle not in inside for each in able
        )

    def _ranked(self, target: Handle, free: Sequence[Handle]) -> list[Handle]:
        start = self._start + target.encode() + b"\0"
        return [
            handle
            for _, handle in sorted(
                (sha256(start + handle.encode()).digest(), handle) for handle in free
            )
        ]


def seat(
    staffs: Sequence[Staff], *, recused: frozenset[tuple[Handle, Handle]], seed: bytes
) -> tuple[tuple[Team, ...], tuple[EmptySeat, ...]]:
    """Draw inspectors for every visit, departments and visits in the order given.

    Seats left empty are gone through again in the same order with every limit one higher, until
    filled or nobody is left.
    """
    visits = [_Visit(staff, target, []) for staff in staffs for target in staff.visits]
    seating = _Seating(seed, recused)
    raised, waiting = 0, visits
    while waiting:
        waiting = [visit for visit in waiting if seating.fill(visit, raised=raised)]
        raised += 1
    teams = tuple(Team(v.staff.department, v.target, tuple(v.chosen)) for v in visits)
    empty = tuple(
        EmptySeat(v.staff.department, v.target)
        for v in visits
        for _ in range(v.staff.seats - len(v.chosen))
    )
    return teams, empty


def qualified(inspectors: Sequence[Inspector], qualification: str) -> list[Inspector]:
    """Those who have the qualification that a department's visits ask for."""
    return [each for each in inspectors if each.qualification == qualification]
