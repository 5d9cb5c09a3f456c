"""Tables of a provisional subject: scoped, for a raw code may say more than its id does."""

from datetime import datetime

from sqlalchemy import Column, DateTime, Named, Table, Text, TypedColumns
from sqlalchemy.dialects.postgresql import ARRAY

from contracts.credit_service import EntityId
from contracts.item_registry import DepartmentId, RegionId
from credit_service.schema import metadata
from kit.crypto import Sealed
from kit.db import Id


class ProvisionalSubjectColumns(TypedColumns):
    """One row a subject, as it was met first; the raw code is sealed, it may be anybody's."""

    id: Named[EntityId] = Column(Id[EntityId](), primary_key=True)
    source: Named[DepartmentId] = Column(Id[DepartmentId]())
    fault: Named[str] = Column(Text)
    raw: Named[str | None] = Column(Sealed())
    region: Named[RegionId | None] = Column(Id[RegionId]())
    sighted_by: Named[str] = Column(Text)
    sighted_at: Named[datetime] = Column(DateTime(timezone=True))
    batch: Named[str] = Column(Text)
    entity: Named[EntityId | None] = Column(Id[EntityId]())
    version: Named[int]
    readers: Named[list[str]] = Column(ARRAY(Text))


provisional_subject = Table("provisional_subject", metadata, ProvisionalSubjectColumns)
