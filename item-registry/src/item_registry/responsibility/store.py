"""SQL of responsibilities: functions from a connection to values."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.item_registry import Duty, ItemId, RegionId
from item_registry.responsibility.domain import Responsibility
from item_registry.responsibility.tables import responsibility
from kit.lists import Paging, page

_VALUE = (
    responsibility.c.id,
    responsibility.c.item,
    responsibility.c.region,
    responsibility.c.duties,
    responsibility.c.version,
)


def _responsibility(row: Sequence[Any]) -> Responsibility:
    id_, item, region, duties, version = row
    rows = tuple(Duty.model_validate(duty) for duty in duties)
    return Responsibility(id_, item, region, rows, version)


async def lock(tx: AsyncConnection, id_: str) -> Responsibility | None:
    """Read what stands for an item in a region, and hold it until the transaction ends."""
    query = select(*_VALUE).where(responsibility.c.id == id_).with_for_update()
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else _responsibility(row)


async def duties_at(tx: AsyncConnection, item: ItemId, nodes: Sequence[RegionId]) -> list[Duty]:
    """Give the rows of an item that some nodes add or override."""
    query = select(*_VALUE).where(
        responsibility.c.item == item, responsibility.c.region.in_(list(nodes))
    )
    rows = await tx.execute(query.order_by(responsibility.c.region))
    return [duty for row in rows for duty in _responsibility(row).duties]


async def page_of(
    tx: AsyncConnection, asked: Paging, *, item: ItemId | None, region: RegionId | None
) -> tuple[list[Responsibility], str | None]:
    """Give a page, of an item or in a region."""
    query = select(*_VALUE)
    if item is not None:
        query = query.where(responsibility.c.item == item)
    if region is not None:
        query = query.where(responsibility.c.region == region)
    rows, next_ = await page(tx, query, by=(responsibility.c.id,), asked=asked)
    return [_responsibility(row) for row in rows], next_


async def put(tx: AsyncConnection, value: Responsibility) -> None:
    """Write what stands for an item in a region."""
    duties = [duty.model_dump(mode="json") for duty in value.duties]
    row = insert(responsibility).values(
        id=value.id,
        item=value.item,
        region=value.region,
        duties=duties,
        version=value.version,
    )
    change = {"duties": row.excluded.duties, "version": row.excluded.version}
    await tx.execute(row.on_conflict_do_update(index_elements=[responsibility.c.id], set_=change))
