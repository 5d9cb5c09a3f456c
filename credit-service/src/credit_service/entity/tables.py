"""Tables of an entity: open to any authenticated caller, so without `readers`."""

from datetime import datetime

from sqlalchemy import Column, DateTime, Index, Named, Table, Text, TypedColumns

from contracts.credit_service import EntityId, EntityKind, EntityStatus
from contracts.item_registry import RegionId
from credit_service.schema import metadata
from kit.db import OPEN, Id, Names


class EntityColumns(TypedColumns):
    """One row an id, provisional ones and aliases too."""

    id: Named[EntityId] = Column(Id[EntityId](), primary_key=True)
    version: Named[int]
    name: Named[str | None] = Column(Text)
    kind: Named[EntityKind] = Column(Names(EntityKind))
    status: Named[EntityStatus] = Column(Names(EntityStatus))
    alias_of: Named[EntityId | None] = Column(Id[EntityId]())
    registration_office: Named[str | None] = Column(Text)
    jurisdiction_office: Named[str | None] = Column(Text)
    region: Named[RegionId | None] = Column(Id[RegionId]())
    address: Named[str | None] = Column(Text)
    changed_at: Named[datetime] = Column(DateTime(timezone=True))


entity = Table("entity", metadata, EntityColumns, info=OPEN)
# "Which ids are this one?": few rows have an alias.
Index("entity_alias", entity.c.alias_of, postgresql_where=entity.c.alias_of.is_not(None))
# "Whose name begins so?": the only search that needs no extension.
Index("entity_name", entity.c.name, postgresql_ops={"name": "text_pattern_ops"})
