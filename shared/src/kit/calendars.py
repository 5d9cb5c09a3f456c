"""Working calendars, as item-registry says: the days on which a region differs from the nation."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, TypeAlias

from sqlalchemy import Column, Integer, Table, Text, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.item_registry import CalendarChanged, RegionId
from kit.db import standing
from kit.inbox import on, sequence
from kit.replicas import Replica, upsert
from kit.workdays import Calendar

calendar = Table(
    "known_calendar",
    standing,
    Column("calendar", Text, primary_key=True),
    Column("region", Text, nullable=False),
    Column("parent", Text),
    Column("days", JSONB, nullable=False),
    Column("hours", Text),
    Column("version", Integer, nullable=False),
)


Chain: TypeAlias = tuple[RegionId, ...]


async def at(tx: AsyncConnection, chain: Sequence[RegionId]) -> Calendar:
    """Give the calendar in force at a place: overrides of every node above, the nearest wins."""
    return (await at_each(tx, [tuple(chain)]))[tuple(chain)]


async def at_each(tx: AsyncConnection, chains: Iterable[Chain]) -> dict[Chain, Calendar]:
    """Give the calendars of many places in one round trip."""
    wanted = set(chains)
    nodes = sorted({node for chain in wanted for node in chain})
    query = select(calendar.c.region, calendar.c.days).where(calendar.c.region.in_(nodes))
    of_region: dict[str, Any] = {where: days for where, days in await tx.execute(query)}  # noqa: C416 - rows are typed by unpacking
    return {chain: _calendar_of(chain, of_region) for chain in wanted}


def _calendar_of(chain: Chain, of_region: Mapping[str, Any]) -> Calendar:
    overrides: dict[date, bool] = {}
    for node in reversed(chain):
        for day in of_region.get(node, []):
            overrides[date.fromisoformat(day["date"])] = day["working"]
    return Calendar(overrides=overrides)


async def _calendar(tx: AsyncConnection, event: CalendarChanged, _now: datetime) -> None:
    await upsert(
        tx, calendar, "calendar", [event.model_dump(mode="json") | {"version": sequence(tx)}]
    )


REPLICAS = (Replica.of_table(CalendarChanged, calendar),)
SUBSCRIPTIONS = (on(CalendarChanged, _calendar),)
