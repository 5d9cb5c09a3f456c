"""SQL of caps: functions from a connection to values."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.item_registry import ItemId, Line, RegionId
from item_registry.cap.domain import Cap
from item_registry.cap.tables import cap
from kit.lists import Paging, page

_VALUE = (
    cap.c.id,
    cap.c.line,
    cap.c.region,
    cap.c.item,
    cap.c.per_year,
    cap.c.from_,
    cap.c.to,
    cap.c.basis,
    cap.c.version,
)


async def lock_of(
    tx: AsyncConnection, line: Line, region: RegionId, item: ItemId | None
) -> list[Cap]:
    """Give the caps of a line, region and item; nobody else publishes one until the end."""
    key = f"cap:{line}:{region}:{item or ''}"
    await tx.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(key, 0))))
    query = select(*_VALUE).where(
        cap.c.line == line, cap.c.region == region, cap.c.item.is_not_distinct_from(item)
    )
    return [Cap(*row) for row in await tx.execute(query.order_by(cap.c.from_))]


async def page_of(
    tx: AsyncConnection,
    asked: Paging,
    *,
    line: Line | None,
    region: RegionId | None,
    item: ItemId | None,
    on: date | None,
) -> tuple[list[Cap], str | None]:
    """Give a page of caps."""
    query = select(*_VALUE)
    if line is not None:
        query = query.where(cap.c.line == line)
    if region is not None:
        query = query.where(cap.c.region == region)
    if item is not None:
        query = query.where(cap.c.item == item)
    if on is not None:
        query = query.where(cap.c.from_ <= on, or_(cap.c.to.is_(None), cap.c.to > on))
    rows, next_ = await page(tx, query, by=(cap.c.id,), asked=asked)
    return [Cap(*row) for row in rows], next_


async def put(tx: AsyncConnection, values: Sequence[Cap]) -> None:
    """Write a new cap and what it closes."""
    row = insert(cap)
    change = {"to": row.excluded.to, "version": row.excluded.version}
    upsert = row.on_conflict_do_update(index_elements=[cap.c.id], set_=change)
    await tx.execute(upsert, [asdict(value) for value in values])
