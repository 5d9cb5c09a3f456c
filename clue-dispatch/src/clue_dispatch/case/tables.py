"""Tables of a case. `readers` is the scope of a row (design: identity and scope)."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
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
from contracts.clue_dispatch import CaseId, CaseState, ClueId, ServiceMeans
from contracts.credit_service import EntityId
from contracts.item_registry import DepartmentId, ItemId, RegionId
from kit.db import INTERNAL, Id, Names


class CaseColumns(TypedColumns):
    """One row a case."""

    id: Named[CaseId] = Column(Id[CaseId](), primary_key=True)
    clue: Named[ClueId] = Column(Id[ClueId]())
    subject: Named[EntityId] = Column(Id[EntityId]())
    item: Named[ItemId] = Column(Id[ItemId]())
    region: Named[RegionId] = Column(Id[RegionId]())
    department: Named[DepartmentId] = Column(Id[DepartmentId]())
    code14: Named[str] = Column(Text)
    act: Named[str] = Column(Text)
    filed_on: Named[date] = Column(Date)
    decide_due: Named[datetime] = Column(DateTime(timezone=True))
    decide_provisional: Named[bool] = Column(Boolean)
    moved_on: Named[datetime] = Column(DateTime(timezone=True))
    state: Named[CaseState] = Column(Names(CaseState))
    investigators: Named[list[Any]] = Column(JSONB)
    investigated_by: Named[str | None] = Column(Text)
    findings: Named[str | None] = Column(Text)
    notice: Named[dict[str, Any] | None] = Column(JSONB(none_as_null=True))
    review: Named[dict[str, Any] | None] = Column(JSONB(none_as_null=True))
    penalty: Named[dict[str, Any] | None] = Column(JSONB(none_as_null=True))
    serve_due: Named[datetime | None] = Column(DateTime(timezone=True))
    serve_provisional: Named[bool | None] = Column(Boolean)
    served_on: Named[date | None] = Column(Date)
    means: Named[ServiceMeans | None] = Column(Names(ServiceMeans))
    version: Named[int] = Column(Integer)
    readers: Named[list[str]] = Column(ARRAY(Text))


# The first agency to file on a clue and type of act has jurisdiction (行政处罚法 art. 25).
case = Table("case_file", metadata, CaseColumns, UniqueConstraint("clue", "act"))
# "The cases of this clue", "of this subject".
Index("case_file_subject", case.c.subject, case.c.id)


class FineColumns(TypedColumns):
    """Decided fines of all departments: read by the rule of art. 29 alone, whoever asks."""

    case: Named[CaseId] = Column(Id[CaseId](), primary_key=True)
    subject: Named[EntityId] = Column(Id[EntityId]())
    act: Named[str] = Column(Text)
    department: Named[DepartmentId] = Column(Id[DepartmentId]())
    fine_fen: Named[int] = Column(BigInteger)


fine = Table("fine", metadata, FineColumns, info=INTERNAL)
Index("fine_subject", fine.c.subject, fine.c.act)
