"""Tables of a clue. `readers` is the scope of a row (design: identity and scope)."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Identity,
    Index,
    Integer,
    Named,
    Table,
    Text,
    TypedColumns,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from clue_dispatch.schema import metadata
from contracts.clue_dispatch import (
    ClueId,
    ClueState,
    Conclusion,
    Move,
    OriginType,
    RequestId,
    VisitState,
)
from contracts.credit_service import EntityId
from contracts.item_registry import DepartmentId, ItemId, RegionId
from contracts.joint_inspection import Disposal
from contracts.risk_monitor import Outcome
from kit.db import Id, Names


class ClueColumns(TypedColumns):
    """One row a clue; `turn`, `due_at` and `leading` follow from the others and serve the lists.

    `leading` is the lead, before the dispatch the one that the matrix names: null is a finding.
    """

    id: Named[ClueId] = Column(Id[ClueId](), primary_key=True)
    origin_type: Named[OriginType] = Column(Names(OriginType))
    origin_id: Named[str] = Column(Text)
    origin_rule: Named[str] = Column(Text)
    subject: Named[EntityId] = Column(Id[EntityId]())
    item: Named[ItemId] = Column(Id[ItemId]())
    region: Named[RegionId] = Column(Id[RegionId]())
    summary: Named[str] = Column(Text)
    name: Named[str | None] = Column(Text)
    place: Named[str | None] = Column(Text)
    complaint: Named[bool] = Column(Boolean)
    brought_by: Named[DepartmentId | None] = Column(Id[DepartmentId]())
    owner: Named[DepartmentId | None] = Column(Id[DepartmentId]())
    route: Named[dict[str, Any]] = Column(JSONB)
    registered_on: Named[datetime] = Column(DateTime(timezone=True))
    moved_on: Named[datetime] = Column(DateTime(timezone=True))
    source_due_at: Named[datetime | None] = Column(DateTime(timezone=True))
    state: Named[ClueState] = Column(Names(ClueState))
    assessment: Named[Outcome | None] = Column(Names(Outcome))
    dispatched_by: Named[DepartmentId | None] = Column(Id[DepartmentId]())
    lead: Named[DepartmentId | None] = Column(Id[DepartmentId]())
    cooperators: Named[list[str]] = Column(ARRAY(Text))
    dispatch_due: Named[datetime] = Column(DateTime(timezone=True))
    dispatch_provisional: Named[bool] = Column(Boolean)
    sign_due: Named[datetime | None] = Column(DateTime(timezone=True))
    sign_provisional: Named[bool | None] = Column(Boolean)
    verify_due: Named[datetime | None] = Column(DateTime(timezone=True))
    verify_provisional: Named[bool | None] = Column(Boolean)
    returns: Named[int] = Column(Integer)
    feedback: Named[str | None] = Column(Text)
    conclusion: Named[Conclusion | None] = Column(Names(Conclusion))
    evidence: Named[str | None] = Column(Text)
    approved_by: Named[str | None] = Column(Text)
    closed_on: Named[date | None] = Column(Date)
    version: Named[int] = Column(Integer)
    turn: Named[DepartmentId | None] = Column(Id[DepartmentId]())
    due_at: Named[datetime | None] = Column(DateTime(timezone=True))
    leading: Named[DepartmentId | None] = Column(Id[DepartmentId]())
    readers: Named[list[str]] = Column(ARRAY(Text))


# One cause makes one clue: this also ends the loop warning → clue → visit → result → clue.
clue = Table(
    "clue", metadata, ClueColumns, UniqueConstraint("origin_type", "origin_id", "origin_rule")
)
# "What is mine to do, the most urgent first", "what is due before", "how many are open": an open
# clue is always due, a closed one never.
Index("clue_turn", clue.c.turn, clue.c.due_at, clue.c.id)
Index("clue_due", clue.c.due_at, clue.c.id)
# "How many were closed since".
Index("clue_closed", clue.c.closed_on, postgresql_where=clue.c.closed_on.is_not(None))
# "What does this department lead", and "what has no lead".
Index("clue_leading", clue.c.leading, clue.c.id)
# "What else is known of this subject", "of this item".
Index("clue_subject", clue.c.subject, clue.c.id)
Index("clue_item", clue.c.item, clue.c.id)
# The rows that wait for an owner.
Index(
    "clue_without_owner",
    clue.c.id,
    postgresql_where=clue.c.owner.is_(None) & (clue.c.state != ClueState.CLOSED.value),
)


class RequestedVisitColumns(TypedColumns):
    """One row a visit asked for, with what joint-inspection answered."""

    request: Named[RequestId] = Column(Id[RequestId](), primary_key=True)
    clue: Named[ClueId] = Column(Id[ClueId]())
    state: Named[VisitState] = Column(Names(VisitState))
    departments: Named[list[Any]] = Column(JSONB)
    from_: Named[date] = Column("from", Date)
    to: Named[date] = Column(Date)
    visit: Named[str | None] = Column(Text)
    on: Named[date | None] = Column(Date)
    code: Named[str | None] = Column(Text)
    reason: Named[str | None] = Column(Text)
    results: Named[list[str]] = Column(ARRAY(Text))
    readers: Named[list[str]] = Column(ARRAY(Text))


requested_visit = Table("requested_visit", metadata, RequestedVisitColumns)
Index("requested_visit_clue", requested_visit.c.clue, requested_visit.c.request)


class FindingColumns(TypedColumns):
    """One row a result of a visit and a clue that it answers: a merged visit answers several."""

    clue: Named[ClueId] = Column(Id[ClueId](), primary_key=True)
    result: Named[str] = Column(Text, primary_key=True)
    request: Named[RequestId] = Column(Id[RequestId]())
    visit: Named[str] = Column(Text)
    department: Named[DepartmentId] = Column(Id[DepartmentId]())
    code14: Named[str] = Column(Text)
    categories: Named[list[str]] = Column(ARRAY(Text))
    disposal: Named[Disposal] = Column(Names(Disposal))
    inspected_on: Named[date] = Column(Date)
    readers: Named[list[str]] = Column(ARRAY(Text))


finding = Table("finding", metadata, FindingColumns)


class MoveColumns(TypedColumns):
    """One row a move of a clue: who, what, when, why, and the due time before and after."""

    seq: Named[int] = Column(BigInteger, Identity(), primary_key=True)
    clue: Named[ClueId] = Column(Id[ClueId]())
    move: Named[Move] = Column(Names(Move))
    actor: Named[str] = Column(Text)
    department: Named[DepartmentId | None] = Column(Id[DepartmentId]())
    acted_on: Named[datetime] = Column(DateTime(timezone=True))
    recorded_at: Named[datetime] = Column(DateTime(timezone=True))
    state_before: Named[str | None] = Column(Text)
    state_after: Named[str] = Column(Text)
    due_before: Named[datetime | None] = Column(DateTime(timezone=True))
    due_after: Named[datetime | None] = Column(DateTime(timezone=True))
    reason: Named[str | None] = Column(Text)
    basis: Named[str | None] = Column(Text)
    note: Named[str | None] = Column(Text)
    readers: Named[list[str]] = Column(ARRAY(Text))


move = Table("clue_move", metadata, MoveColumns)
Index("clue_move_clue", move.c.clue, move.c.seq)
