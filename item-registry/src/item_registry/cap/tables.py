"""Tables of caps: open to every authenticated caller."""

from datetime import date

from sqlalchemy import Column, Index, Named, Table, Text, TypedColumns

from contracts.item_registry import ItemId, Line, RegionId
from item_registry.schema import metadata
from kit.db import OPEN, Id


class CapColumns(TypedColumns):
    """One row a cap."""

    id: Named[str] = Column(Text, primary_key=True)
    line: Named[Line] = Column(Id[Line](), nullable=False)
    region: Named[RegionId] = Column(Id[RegionId](), nullable=False)
    item: Named[ItemId | None] = Column(Id[ItemId](), nullable=True)
    per_year: Named[int]
    from_: Named[date]
    to: Named[date | None]
    basis: Named[str] = Column(Text, nullable=False)
    version: Named[int]


cap = Table("cap", metadata, CapColumns, info=OPEN)
# "Which caps stand for this line here", when one is published.
Index("cap_line", cap.c.line, cap.c.region)
