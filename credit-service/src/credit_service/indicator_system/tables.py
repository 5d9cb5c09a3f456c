"""Tables of an indicator system: open to any authenticated caller, so without `readers`."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, DateTime, Index, Named, Table, Text, TypedColumns, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB

from contracts.credit_service import SystemId, SystemState
from contracts.item_registry import ItemId
from credit_service.schema import metadata
from kit.db import OPEN, Id, Names


class IndicatorSystemColumns(TypedColumns):
    """One row a version.

    `graded_to` is the last subject that was graded under a newly active version, null when all are.
    """

    id: Named[SystemId] = Column(Id[SystemId](), primary_key=True)
    system: Named[str] = Column(Text)
    version: Named[int]
    state: Named[SystemState] = Column(Names(SystemState))
    item: Named[ItemId] = Column(Id[ItemId]())
    name: Named[str] = Column(Text)
    basis: Named[str] = Column(Text)
    base: Named[int]
    indicators: Named[list[Any]] = Column(JSONB)
    bands: Named[list[Any]] = Column(JSONB)
    overrides: Named[list[Any]] = Column(JSONB)
    drafted_by: Named[str] = Column(Text)
    drafted_at: Named[datetime] = Column(DateTime(timezone=True))
    activated_by: Named[str | None] = Column(Text)
    activated_at: Named[datetime | None] = Column(DateTime(timezone=True))
    graded_to: Named[str | None] = Column(Text)


indicator_system = Table(
    "indicator_system",
    metadata,
    IndicatorSystemColumns,
    UniqueConstraint("system", "version"),
    info=OPEN,
)
# One version of a system is in force at a time, also when two are activated at once.
Index(
    "indicator_system_active",
    indicator_system.c.system,
    unique=True,
    postgresql_where=indicator_system.c.state == SystemState.ACTIVE.value,
)
