"""The table of warnings."""

from sqlalchemy import Column, Integer, Named, Table, Text, TypedColumns

from clue_dispatch.schema import metadata
from contracts.credit_service import EntityId
from contracts.item_registry import ItemId, RegionId
from contracts.risk_monitor import Level
from kit.db import INTERNAL, Id, Names


class RaisedWarningColumns(TypedColumns):
    """A warning as it was last raised: an assessment says only its id. Read by handlers alone."""

    warning: Named[str] = Column(Text, primary_key=True)
    item: Named[ItemId] = Column(Id[ItemId]())
    subject: Named[EntityId] = Column(Id[EntityId]())
    region: Named[RegionId] = Column(Id[RegionId]())
    level: Named[Level] = Column(Names(Level))
    kind: Named[str] = Column(Text)
    model: Named[str] = Column(Text)
    version: Named[int] = Column(Integer)


raised_warning = Table("raised_warning", metadata, RaisedWarningColumns, info=INTERNAL)
