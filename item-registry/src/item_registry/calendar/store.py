"""SQL of calendars: functions from a connection to values."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.item_registry import CalendarDay, RegionId
from item_registry.calendar.domain import Calendar
from item_registry.calendar.tables import calendar
from kit.lists import Paging, page

_VALUE = (
    calendar.c.id,
    calendar.c.region,
    calendar.c.days,
    calendar.c.hours,
    calendar.c.announced,
    calendar.c.basis,
    calendar.c.version,
)


def _calendar(row: Sequence[Any]) -> Calendar:
    id_, region, days, hours, announced, basis, version = row
    differing = tuple(CalendarDay.model_validate(day) for day in days)
    return Calendar(id_, region, differing, hours, tuple(announced), basis, version)


async def lock_of(tx: AsyncConnection, region: RegionId) -> Calendar | None:
    """Read a region's calendar and hold it until the transaction ends."""
    query = select(*_VALUE).where(calendar.c.region == region).with_for_update()
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else _calendar(row)


async def page_of(
    tx: AsyncConnection, asked: Paging, *, region: RegionId | None
) -> tuple[list[Calendar], str | None]:
    """Give a page of calendars."""
    query = select(*_VALUE)
    if region is not None:
        query = query.where(calendar.c.region == region)
    rows, next_ = await page(tx, query, by=(calendar.c.id,), asked=asked)
    return [_calendar(row) for row in rows], next_


async def put(tx: AsyncConnection, value: Calendar) -> None:
    """Write a region's calendar."""
    row = insert(calendar).values(
        id=value.id,
        region=value.region,
        days=[day.model_dump(mode="json") for day in value.days],
        hours=value.hours,
        announced=list(value.announced),
        basis=value.basis,
        version=value.version,
    )
    names = ("days", "hours", "announced", "basis", "version")
    change = {name: row.excluded[name] for name in names}
    await tx.execute(row.on_conflict_do_update(index_elements=[calendar.c.id], set_=change))
