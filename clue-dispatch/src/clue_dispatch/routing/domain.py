"""What the responsibility matrix answers for an item and a place, with its proof (R5.6)."""

from dataclasses import dataclass
from datetime import date

from contracts.item_registry import (
    DepartmentId,
    Duty,
    DutyRole,
    ItemId,
    Line,
    RegionId,
    Stage,
)


@dataclass(frozen=True, slots=True)
class Question:
    """What the matrix is asked: who is responsible for an item at a stage, where, and on a day."""

    item: ItemId
    region: RegionId
    stage: Stage
    on: date


@dataclass(frozen=True, slots=True)
class Route:
    """What the responsibility matrix says of a clue's item and place, with its proof."""

    stage: Stage | None
    lead: DepartmentId | None
    cooperators: tuple[DepartmentId, ...]
    chain: tuple[RegionId, ...]
    duties: tuple[Duty, ...]
    problems: tuple[str, ...]
    item_version: int | None
    codes14: tuple[str, ...]

    @property
    def line(self) -> Line | None:
        """Give the line that leads."""
        leading = (duty.line for duty in self.duties if duty.role is DutyRole.LEAD)
        return next(leading, None)
