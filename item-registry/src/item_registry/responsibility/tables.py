"""Tables of responsibilities: open to every authenticated caller."""

from typing import Any

from sqlalchemy import Column, Index, Named, Table, Text, TypedColumns
from sqlalchemy.dialects.postgresql import JSONB

from contracts.item_registry import ItemId, RegionId
from item_registry.schema import metadata
from kit.db import OPEN, Id


class ResponsibilityColumns(TypedColumns):
    """One row an item and region."""

    id: Named[str] = Column(Text, primary_key=True)
    item: Named[ItemId] = Column(Id[ItemId](), nullable=False)
    region: Named[RegionId] = Column(Id[RegionId](), nullable=False)
    duties: Named[list[dict[str, Any]]] = Column(JSONB, nullable=False)
    version: Named[int]


responsibility = Table("responsibility", metadata, ResponsibilityColumns, info=OPEN)
# "What do the nodes above a place say of an item", for resolving.
Index("responsibility_item", responsibility.c.item, responsibility.c.region, unique=True)
