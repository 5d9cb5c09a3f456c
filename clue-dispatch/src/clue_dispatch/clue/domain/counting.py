"""What clues are counted by (R10.9)."""

from dataclasses import dataclass

from contracts.clue_dispatch import ClueState, OriginType
from contracts.item_registry import DepartmentId


@dataclass(frozen=True, slots=True)
class Count:
    """How many clues of one source and state one department leads or is to lead; None is nobody."""

    source: OriginType
    state: ClueState
    lead: DepartmentId | None
    clues: int
    overdue: int
