"""Tables of a credit record: scoped by its lines, its place and the department that said it."""

from datetime import date, datetime

from sqlalchemy import Column, DateTime, Index, Named, Table, Text, TypedColumns, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY

from contracts.credit_service import EntityId, RecordId, RecordKind, RecordStage
from contracts.item_registry import DepartmentId, ItemId, RegionId
from credit_service.record.domain import OriginType
from credit_service.schema import metadata
from kit.db import Id, Names


class CreditRecordColumns(TypedColumns):
    """One row a record; never changed."""

    id: Named[RecordId] = Column(Id[RecordId](), primary_key=True)
    subject: Named[EntityId] = Column(Id[EntityId]())
    stage: Named[RecordStage] = Column(Names(RecordStage))
    kind: Named[RecordKind] = Column(Names(RecordKind))
    detail: Named[str] = Column(Text)
    item: Named[ItemId | None] = Column(Id[ItemId]())
    code14: Named[str | None] = Column(Text)
    department: Named[DepartmentId] = Column(Id[DepartmentId]())
    region: Named[RegionId] = Column(Id[RegionId]())
    effective_on: Named[date]
    expires_on: Named[date | None]
    repairable_from: Named[date | None]
    term_basis: Named[str] = Column(Text)
    basis: Named[str | None] = Column(Text)
    evidence: Named[str | None] = Column(Text)
    origin_type: Named[OriginType] = Column(Names(OriginType))
    origin_id: Named[str] = Column(Text)
    origin_rule: Named[str] = Column(Text)
    recorded_at: Named[datetime] = Column(DateTime(timezone=True))
    version: Named[int]
    readers: Named[list[str]] = Column(ARRAY(Text))


credit_record = Table(
    "credit_record",
    metadata,
    CreditRecordColumns,
    UniqueConstraint("origin_type", "origin_id", "origin_rule"),
)
# "What is said of this entity?", in order of recording (ids are UUIDv7).
Index("credit_record_subject", credit_record.c.subject, credit_record.c.id)
