"""Who inspects: inspectors are drawn, not chosen and not optimised (heli-draw-1, inspectors).

Two at least and with a certificate (penalty law, art. 42): seats and lists come from the policy
in force; those who must withdraw (art. 43) never sit.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from heapq import nsmallest

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

    target: Handle
    chosen: list[Handle]


@dataclass(slots=True)
class _Bench:
    """One department while seats are given: its visits still waiting, and who is free now."""

    staff: Staff
    waiting: list[_Visit]
    raw: dict[Handle, bytes]
    free: set[Handle]


class _Seating:
    """Seats given so far: how often each inspector goes, and who is in which visit."""

    def __init__(self, seed: bytes, recused: frozenset[tuple[Handle, Handle]]) -> None:
        self._start = seed + b"\x01"
        self._recused = recused
        self._load: Counter[Handle] = Counter()
        self._inside: defaultdict[Handle, set[Handle]] = defaultdict(set)

    def go_through(self, bench: _Bench, *, raised: int) -> None:
        """Give empty seats with every limit `raised`; those with somebody left wait on.

        Once nobody is free, no visit behind can get a seat in this round: they wait unseen.
        """
        staff = bench.staff
        limits = {each.handle: each.limit + raised for each in staff.qualified}
        bench.free = {handle for handle, limit in limits.items() if self._load[handle] < limit}
        still: list[_Visit] = []
        for at, visit in enumerate(bench.waiting):
            if not bench.free:
                still += bench.waiting[at:]
                break
            self._fill(bench, visit, limits)
            if len(visit.chosen) < staff.seats and self._somebody_left(staff, visit.target):
                still.append(visit)
        bench.waiting = still

    def _fill(self, bench: _Bench, visit: _Visit, limits: Mapping[Handle, int]) -> None:
        """Take the smallest keys of those free.

        Seat after seat the smallest would be the same, since a seat changes only its own
        inspector's load.
        """
        inside = self._inside[visit.target]
        able = [
            handle
            for handle in bench.free
            if handle not in inside and (visit.target, handle) not in self._recused
        ]
        start = self._start + visit.target.encode() + b"\0"
        keyed = [(sha256(start + bench.raw[handle]).digest(), handle) for handle in able]
        ranked = nsmallest(bench.staff.seats - len(visit.chosen), keyed)
        for _, handle in ranked:
            visit.chosen.append(handle)
            inside.add(handle)
            self._load[handle] += 1
            if self._load[handle] >= limits[handle]:
                bench.free.discard(handle)

    def _somebody_left(self, staff: Staff, target: Handle) -> bool:
        inside = self._inside[target]
        return any(
            each.handle not in inside and (target, each.handle) not in self._recused
            for each in staff.qualified
        )


def seat(
    staffs: Sequence[Staff], *, recused: frozenset[tuple[Handle, Handle]], seed: bytes
) -> tuple[tuple[Team, ...], tuple[EmptySeat, ...]]:
    """Draw inspectors for every visit, departments and visits in the order given.

    Seats left empty are gone through again in the same order with every limit one higher, until
    filled or nobody is left.
    """
    visits = [(staff, [_Visit(target, []) for target in staff.visits]) for staff in staffs]
    benches = [
        _Bench(
            staff,
            list(parts) if staff.qualified else [],
            {one.handle: one.handle.encode() for one in staff.qualified},
            set(),
        )
        for staff, parts in visits
    ]
    seating = _Seating(seed, recused)
    raised = 0
    while any(bench.waiting for bench in benches):
        for bench in benches:
            seating.go_through(bench, raised=raised)
        raised += 1
    each = [(staff, visit) for staff, parts in visits for visit in parts]
    teams = tuple(Team(s.department, v.target, tuple(v.chosen)) for s, v in each)
    empty = tuple(
        EmptySeat(s.department, v.target) for s, v in each for _ in range(s.seats - len(v.chosen))
    )
    return teams, empty


def qualified(inspectors: Sequence[Inspector], qualification: str) -> list[Inspector]:
    """Those who have the qualification that a department's visits ask for."""
    return [each for each in inspectors if each.qualification == qualification]
