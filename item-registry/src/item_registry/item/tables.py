"""Tables of an item: open to every authenticated caller."""

from datetime import date
from typing import Any

from sqlalchemy import Column, Index, Named, Table, Text, TypedColumns
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from contracts.item_registry import ItemId, ItemKind, ItemState, RegionId
from item_registry.schema import metadata
from kit.db import OPEN, Id, Names


class ItemColumns(TypedColumns):
    """One row a version; its duties and what its list says stand with it."""

    id: Named[ItemId] = Column(Id[ItemId](), primary_key=True)
    version: Named[int] = Column(primary_key=True)
    revision: Named[int]
    state: Named[ItemState] = Column(Names(ItemState), nullable=False)
    name: Named[str] = Column(Text, nullable=False)
    kind: Named[ItemKind] = Column(Names(ItemKind), nullable=False)
    region: Named[RegionId] = Column(Id[RegionId](), nullable=False)
    codes14: Named[list[str]] = Column(ARRAY(Text), nullable=False)
    basis: Named[str | None] = Column(Text)
    from_: Named[date | None]
    to: Named[date | None]
    duties: Named[list[dict[str, Any]]] = Column(JSONB, nullable=False)
    listing: Named[dict[str, Any]] = Column(JSONB, nullable=False)


item = Table("item", metadata, ItemColumns, info=OPEN)
# An item has one draft and one version in force: the database holds to it too.
_DRAFT, _PUBLISHED = ItemState.DRAFT.value, ItemState.PUBLISHED.value
Index("item_one_draft", item.c.id, unique=True, postgresql_where=item.c.state == _DRAFT)
Index("item_one_published", item.c.id, unique=True, postgresql_where=item.c.state == _PUBLISHED)
