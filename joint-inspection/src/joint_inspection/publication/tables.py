"""Tables of publications: public to everybody."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, DateTime, Index, Named, Table, TypedColumns, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB

from contracts.item_registry import DepartmentId, RegionId
from contracts.joint_inspection import PublicationId, PublicationKind
from joint_inspection.schema import metadata
from kit.db import OPEN, Id, Names


class PublicationColumns(TypedColumns):
    """One row a publication; one thing is published once under a kind."""

    id: Named[PublicationId] = Column(Id[PublicationId](), primary_key=True)
    kind: Named[PublicationKind] = Column(Names(PublicationKind))
    of: Named[str]
    department: Named[DepartmentId] = Column(Id[DepartmentId]())
    region: Named[RegionId] = Column(Id[RegionId]())
    published_at: Named[datetime] = Column(DateTime(timezone=True))
    digest: Named[str]
    content: Named[Any] = Column(JSONB, nullable=False)


publication = Table(
    "publication", metadata, PublicationColumns, UniqueConstraint("kind", "of"), info=OPEN
)
# Readers ask for what is new since a day.
Index("publication_since", publication.c.published_at, publication.c.id)
