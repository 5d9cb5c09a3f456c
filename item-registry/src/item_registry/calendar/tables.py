"""Tables of calendars: open to every authenticated caller."""

from typing import Any

from sqlalchemy import Column, Named, Table, Text, TypedColumns
from sqlalchemy.dialects.postgresql import JSONB

from contracts.item_registry import RegionId
from item_registry.schema import metadata
from kit.db import OPEN, Id


class CalendarColumns(TypedColumns):
    """One row a region."""

    id: Named[str] = Column(Text, primary_key=True)
    region: Named[RegionId] = Column(Id[RegionId](), nullable=False, unique=True)
    days: Named[list[dict[str, Any]]] = Column(JSONB, nullable=False)
    hours: Named[str | None] = Column(Text)
    announced: Named[list[int]] = Column(JSONB, nullable=False)
    basis: Named[str] = Column(Text, nullable=False)
    version: Named[int]


calendar = Table("calendar", metadata, CalendarColumns, info=OPEN)
