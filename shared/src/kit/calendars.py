"""Working calendars, as item-registry says: where a region's days and hours differ.

A node inherits from those above it, day by day; the nearest wins. `kit.timers` counts open terms
anew when one changes.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, TypeAlias

from sqlalchemy import Column, Integer, Table, Text, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.item_registry import CalendarChanged, RegionId
from kit.db import OPEN, standing
from kit.inbox import on, sequence
from kit.replicas import Replica, upsert
from kit.workdays import USUAL, Calendar, hours_of

calendar = Table(
    "known_calendar",
    standing,
    Column("calendar", Text, primary_key=True),
    Column("region", Text, nullable=False),
    Column("parent", Text),
    Column("days", JSONB, nullable=False),
    Column("hours", Text),
    Column("announced", JSONB, nullable=False),
    Column("version", Integer, nullable=False),
    Column("run", Text),
    info=OPEN,
)


Chain: TypeAlias = tuple[RegionId, ...]


async def at(tx: AsyncConnection, chain: Sequence[RegionId]) -> Calendar:
    """Give the calendar in force at a place: overrides of every node above, the nearest wins."""
    return (await at_each(tx, [tuple(chain)]))[tuple(chain)]


async def at_each(tx: AsyncConnection, chains: Iterable[Chain]) -> dict[Chain, Calendar]:
    """Give the calendars of many places in one round trip."""
    wanted = set(chains)
    nodes = sorted({node for chain in wanted for node in chain})
    columns = (calendar.c[name] for name in ("region", "days", "hours", "announced"))
    rows = await tx.execute(select(*columns).where(calendar.c.region.in_(nodes)))
    of_region: dict[str, Any] = {row.region: row for row in rows}
    return {chain: _calendar_of(chain, of_region) for chain in wanted}


def _calendar_of(chain: Chain, of_region: Mapping[str, Any]) -> Calendar:
    overrides: dict[date, bool] = {}
    announced: set[int] = set()
    hours = USUAL
    for row in (of_region[node] for node in reversed(chain) if node in of_region):
        overrides |= {date.fromisoformat(day["date"]): day["working"] for day in row.days}
        announced |= set(row.announced)
        hours = hours if row.hours is None else hours_of(row.hours)
    return Calendar(overrides, frozenset(announced), hours)


async def _calendar(tx: AsyncConnection, event: CalendarChanged, _now: datetime) -> None:
    await upsert(
        tx, calendar, "calendar", [event.model_dump(mode="json") | {"version": sequence(tx)}]
    )


REPLICAS = (Replica.of_table(CalendarChanged, calendar),)
SUBSCRIPTIONS = (on(CalendarChanged, _calendar),)
