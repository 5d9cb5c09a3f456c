"""The yearly cap 年度频次上限 of inspections, per agency and entity (国办发〔2024〕54号).

Checks that a clue began stand outside the cap; which kinds do is a row of the policy table.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date

from contracts.credit_service import EntityId
from contracts.errors import Conflict
from contracts.item_registry import DepartmentId, ItemId, Line, RegionId
from contracts.joint_inspection import VisitId, VisitKind


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
class Attended:
    """One department at one visit of an entity, for causes of one kind."""

    visit: VisitId
    department: DepartmentId
    purpose: VisitKind
    subject: EntityId
    region: RegionId
    item: ItemId | None
    year: int


@dataclass(frozen=True, slots=True)
class Caps:
    """All that decides about one entity: rows, lines, the place, and the visits that count."""

    rows: Sequence[Cap]
    lines: Mapping[DepartmentId, Line]
    chain: Sequence[RegionId]
    used: AbstractSet[Use]
    outside: AbstractSet[VisitKind]

    def full(
        self,
        department: DepartmentId,
        purpose: VisitKind,
        *,
        item: ItemId | None,
        on: date,
        into: VisitId | None,
    ) -> bool:
        """Say whether a department that would come for this purpose finds its cap used up.

        `into` is the visit that its work is merged into: entering it once more is no more visits.
        """
        if purpose in self.outside:
            return False
        cap = self.of(department, item=item, on=on)
        if cap is None:
            return False
        mine = {
            use.visit for use in self.used if (use.department, use.year) == (department, on.year)
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

    def after(self, uses: Iterable[Use]) -> "Caps":
        """Count further visits, planned meanwhile."""
        return replace(self, used=frozenset({*self.used, *uses}))


def day_of(year: int, today: date) -> date:
    """Give the day on which a year's caps are looked at: today, or the day nearest to it."""
    return min(max(today, date(year, 1, 1)), date(year, 12, 31))
