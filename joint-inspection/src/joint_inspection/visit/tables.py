"""Tables of a visit, its results, and the requests it answers."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    Column,
    DateTime,
    Index,
    Named,
    Table,
    Text,
    TypedColumns,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from contracts.credit_service import EntityId
from contracts.item_registry import DepartmentId, ItemId, RegionId
from contracts.joint_inspection import Category, Disposal, ResultId, TargetId, VisitId, VisitKind
from joint_inspection.schema import metadata
from joint_inspection.visit.domain.visits import OPEN, State
from kit.db import INTERNAL, Id, Names


class VisitColumns(TypedColumns):
    """One row a visit with its duties and teams; `readers` is its scope."""

    id: Named[VisitId] = Column(Id[VisitId](), primary_key=True)
    target: Named[TargetId] = Column(Id[TargetId]())
    subject: Named[EntityId | None] = Column(Id[EntityId]())
    region: Named[RegionId] = Column(Id[RegionId]())
    item: Named[ItemId | None] = Column(Id[ItemId]())
    lead: Named[DepartmentId] = Column(Id[DepartmentId]())
    state: Named[State] = Column(Names(State))
    on: Named[date]
    first: Named[date]
    last: Named[date]
    name: Named[str]
    address: Named[str]
    duties: Named[Any] = Column(JSONB, nullable=False)
    teams: Named[Any] = Column(JSONB, nullable=False)
    left_out: Named[Any] = Column(JSONB, nullable=False)
    notified_on: Named[date | None]
    started_on: Named[date | None]
    finished_at: Named[datetime | None] = Column(DateTime(timezone=True))
    publish_due_at: Named[datetime | None] = Column(DateTime(timezone=True))
    publish_due_provisional: Named[bool]
    published_at: Named[datetime | None] = Column(DateTime(timezone=True))
    source: Named[str | None]
    version: Named[int]
    kind: Named[VisitKind] = Column(Names(VisitKind))
    separate_visits: Named[int]
    readers: Named[tuple[str, ...]] = Column(ARRAY(Text, as_tuple=True))


class ResultColumns(TypedColumns):
    """One row a result, with the inspectors as they stood."""

    id: Named[ResultId] = Column(Id[ResultId](), primary_key=True)
    visit: Named[VisitId] = Column(Id[VisitId]())
    requests: Named[tuple[str, ...]] = Column(ARRAY(Text, as_tuple=True))
    draw: Named[str | None]
    department: Named[DepartmentId] = Column(Id[DepartmentId]())
    code14: Named[str]
    item: Named[ItemId | None] = Column(Id[ItemId]())
    subject: Named[EntityId | None] = Column(Id[EntityId]())
    region: Named[RegionId] = Column(Id[RegionId]())
    categories: Named[tuple[Category, ...]] = Column(ARRAY(Text, as_tuple=True))
    disposal: Named[Disposal] = Column(Names(Disposal))
    findings: Named[str | None]
    inspected_on: Named[date]
    inspectors: Named[Any] = Column(JSONB, nullable=False)
    readers: Named[tuple[str, ...]] = Column(ARRAY(Text, as_tuple=True))


class RequestColumns(TypedColumns):
    """What became of each request of a clue: a visit, or a refusal's code."""

    request: Named[str] = Column(Text, primary_key=True)
    clue: Named[str]
    visit: Named[VisitId | None] = Column(Id[VisitId]())
    code: Named[str | None]
    at: Named[datetime] = Column(DateTime(timezone=True))


visit = Table("visit", metadata, VisitColumns)
result = Table(
    "visit_result", metadata, ResultColumns, UniqueConstraint("visit", "department", "code14")
)
request = Table("visit_request", metadata, RequestColumns, info=INTERNAL)
# "Is a visit open at this target": planning asks for it.
Index(
    "visit_open",
    visit.c.target,
    postgresql_where=visit.c.state.in_([s.value for s in sorted(OPEN)]),
)
# "Which visits has this entity had".
Index("visit_subject", visit.c.subject, visit.c.on, postgresql_where=visit.c.subject.is_not(None))
# The office's list is in the order of days.
Index("visit_day", visit.c.on, visit.c.id)
# "What must be published next".
Index(
    "visit_unpublished",
    visit.c.publish_due_at,
    postgresql_where=visit.c.publish_due_at.is_not(None) & visit.c.published_at.is_(None),
)
