"""The yearly cap 年度频次上限 of inspections, per agency and entity (国办发〔2024〕54号).

Checks that a clue began stand outside the cap; which kinds do is a row of the policy table. A
department whose cap is used up loses its own seat; the others still come.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date

from contracts.errors import Conflict
from contracts.item_registry import DepartmentId, ItemId, Line, RegionId
from contracts.joint_inspection import VisitId, VisitKind
from joint_inspection.visit.domain.visits import Duty, LeftOut


class CapUsedUp(Conflict):
    """The agency has made all inspections of this entity that the year's cap allows."""

    code = "visit-cap-used-up"


@dataclass(frozen=True, slots=True)
class Cap:
    """How many inspections a year an agency of a line may make at one entity."""

    cap: str
    line: Line
    region: RegionId
    item: ItemId | None
    per_year: int
    from_: date
    to: date | None

    def holds(self, on: date) -> bool:
        """Say whether it is in force on a day."""
        return self.from_ <= on and (self.to is None or on < self.to)


@dataclass(frozen=True, slots=True)
class Use:
    """One visit that counts: which, by which department, in which year."""

    visit: VisitId
    department: DepartmentId
    year: int


@dataclass(frozen=True, slots=True)
class Caps:
    """All that decides about one entity: rows, lines, the place, and the visits that count."""

    rows: Sequence[Cap]
    lines: Mapping[DepartmentId, Line]
    chain: Sequence[RegionId]
    used: AbstractSet[Use]
    outside: AbstractSet[VisitKind]

    def full(self, duty: Duty, *, item: ItemId | None, on: date, into: VisitId | None) -> bool:
        """Say whether a duty finds its department's cap used up.

        `into` is the visit that the duty is merged into: entering it once more is no more visits.
        """
        if duty.purpose in self.outside:
            return False
        cap = self.of(duty.department, item=item, on=on)
        if cap is None:
            return False
        mine = {
            use.visit
            for use in self.used
            if (use.department, use.year) == (duty.department, on.year)
        }
        return into not in mine and len(mine) >= cap.per_year

    def of(self, department: DepartmentId, *, item: ItemId | None, on: date) -> Cap | None:
        """Find the cap of a department: the nearest region's, there the item's own before all."""
        line = self.lines.get(department)
        fitting = [
            cap
            for cap in self.rows
            if cap.line == line
            and cap.region in self.chain
            and cap.item in {None, item}
            and cap.holds(on)
        ]
        if not fitting:
            return None
        return min(fitting, key=lambda cap: (self.chain.index(cap.region), cap.item is None))


def seated(
    duties: Iterable[Duty], caps: Caps, *, item: ItemId | None, on: date, into: VisitId | None
) -> tuple[tuple[Duty, ...], tuple[LeftOut, ...]]:
    """Part duties into those that find a seat and the departments that lose theirs."""
    kept: list[Duty] = []
    out: list[LeftOut] = []
    for duty in duties:
        if caps.full(duty, item=item, on=on, into=into):
            out.append(LeftOut(duty.department, CapUsedUp.code, duty.origin))
        else:
            kept.append(duty)
    return tuple(kept), tuple(out)
