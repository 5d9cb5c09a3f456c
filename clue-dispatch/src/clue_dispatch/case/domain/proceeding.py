"""A case of penalty in its thin but lawful form (行政处罚法, 2021).

filed ──investigate──► investigated ──notify──► noticed ──review──► reviewed ──decide──► decided
立案 (art. 54)          调查 (42, 55)             告知 (44, 45)        法制审核 (58)   决定 (57) │
serve
No step is skipped and none goes back. What needs a hearing (art. 63) or a collective        ▼
decision (art. 57) is refused by name until those steps exist.                           served
送达 (61)
"""

from dataclasses import dataclass
from datetime import date, datetime

from contracts.clue_dispatch import (
    CaseId,
    CaseState,
    ClueId,
    Investigator,
    PenaltyId,
    PenaltyKind,
    ServiceMeans,
    Statement,
    Tier,
)
from contracts.credit_service import EntityId, EntityKind
from contracts.item_registry import DepartmentId, ItemId, RegionId
from kit.deadlines import Due, Term


@dataclass(frozen=True, slots=True)
class Threshold:
    """From which amount, and for which kinds, a party of some kind of entity has a right."""

    parties: frozenset[EntityKind]
    amount_fen: int
    kinds: frozenset[PenaltyKind]
    basis: str


@dataclass(frozen=True, slots=True)
class PenaltyTerms:
    """Policy in force on a day: terms, number of investigators, and the two thresholds."""

    decide: Term
    serve: Term
    investigators: int
    hearing: tuple[Threshold, ...]
    collective: tuple[Threshold, ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """What a penalty consists of: kinds and amounts in fen."""

    kinds: tuple[PenaltyKind, ...]
    fine_fen: int = 0
    confiscated_fen: int = 0


@dataclass(frozen=True, slots=True)
class Notice:
    """What the party was told of, and its statement (art. 44, 45)."""

    facts: str
    law: str
    measure: Measure
    statement: Statement
    statement_text: str | None
    on: date


@dataclass(frozen=True, slots=True)
class Review:
    """法制审核 (art. 58); `other_act_than` frees a fine that art. 29 would bar."""

    reviewer: str
    opinion: str
    other_act_than: tuple[CaseId, ...]
    on: date


@dataclass(frozen=True, slots=True)
class Penalty:
    """The decision (art. 57, 59); it takes effect when it is served."""

    penalty: PenaltyId
    measure: Measure
    tier: Tier
    document: str
    decided_by: str
    on: date


@dataclass(frozen=True, slots=True)
class EarlierFine:
    """A fine that was decided before on the same subject for the same type of act."""

    case: CaseId
    department: DepartmentId
    fine_fen: int


@dataclass(frozen=True, slots=True)
class Case:
    """One case; `act` is the type of the unlawful act, `moved_on` when the last step was done."""

    id: CaseId
    clue: ClueId
    subject: EntityId
    item: ItemId
    region: RegionId
    department: DepartmentId
    code14: str
    act: str
    filed_on: date
    decide_due: Due
    moved_on: datetime
    state: CaseState = CaseState.FILED
    investigators: tuple[Investigator, ...] = ()
    investigated_by: str | None = None
    findings: str | None = None
    notice: Notice | None = None
    review: Review | None = None
    penalty: Penalty | None = None
    serve_due: Due | None = None
    served_on: date | None = None
    means: ServiceMeans | None = None
    version: int = 1

    @property
    def open_terms(self) -> dict[str, Due]:
        """Give the terms that run, by step: what a changed calendar counts anew."""
        if self.state is CaseState.SERVED:
            return {}
        if self.state is CaseState.DECIDED:
            return {"serve": self.serve_due} if self.serve_due else {}
        return {"decide": self.decide_due}
