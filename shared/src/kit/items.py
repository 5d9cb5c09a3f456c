"""What is supervised and by whom, as item-registry says: items with their duties, by region.

The rows are the responsibility matrix as others need it: national duties stand with the item, what
a region adds or overrides stands with `<item>_<region>`. Resolving is a rule (clue-dispatch's
routing, item-registry's own answer); this module only keeps and finds the rows.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Column, Index, Integer, Table, Text, select
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.item_registry import Duty, ItemId, ItemPublished, RegionId, ResponsibilityChanged
from kit.db import standing
from kit.inbox import on, sequence
from kit.replicas import Replica, upsert

item = Table(
    "known_item",
    standing,
    Column("item", Text, primary_key=True),
    Column("item_version", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("codes14", ARRAY(Text), nullable=False),
    Column("from", Text, nullable=False),
    Column("duties", JSONB, nullable=False),
    Column("version", Integer, nullable=False),
)
responsibility = Table(
    "known_responsibility",
    standing,
    Column("id", Text, primary_key=True),
    Column("item", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("duties", JSONB, nullable=False),
    Column("version", Integer, nullable=False),
)
Index("known_responsibility_item", responsibility.c.item, responsibility.c.region)


@dataclass(frozen=True, slots=True)
class Item:
    """An item in force, with all duties that can matter at a place: national first, then below."""

    id: ItemId
    version: int
    name: str
    kind: str
    codes14: tuple[str, ...]
    from_: date
    duties: tuple[Duty, ...]


async def known(
    tx: AsyncConnection, item_id: ItemId, chain: Iterable[RegionId] = ()
) -> Item | None:
    """Give an item with its national duties and those of a chain of regions."""
    query = select(
        item.c.item_version,
        item.c.name,
        item.c.kind,
        item.c.codes14,
        item.c["from"],
        item.c.duties,
    ).where(item.c.item == item_id)
    found = (await tx.execute(query)).one_or_none()
    if found is None:
        return None
    version, name, kind, codes14, since, duties = found
    local = select(responsibility.c.duties).where(
        responsibility.c.item == item_id, responsibility.c.region.in_(sorted(set(chain)))
    )
    rows = list(duties)
    for more in (await tx.execute(local.order_by(responsibility.c.region))).scalars():
        rows += more
    return Item(
        id=item_id,
        version=version,
        name=name,
        kind=kind,
        codes14=tuple(codes14),
        from_=date.fromisoformat(since),
        duties=tuple(Duty.model_validate(row) for row in rows),
    )


async def _item(tx: AsyncConnection, event: ItemPublished, _now: datetime) -> None:
    await upsert(tx, item, "item", [event.model_dump(mode="json") | {"version": sequence(tx)}])


async def _duties(tx: AsyncConnection, event: ResponsibilityChanged, _now: datetime) -> None:
    data = event.model_dump(mode="json") | {"version": sequence(tx)}
    await upsert(tx, responsibility, "id", [data])


REPLICAS = (
    Replica.of_table(ItemPublished, item),
    Replica.of_table(ResponsibilityChanged, responsibility),
)
SUBSCRIPTIONS = (on(ItemPublished, _item), on(ResponsibilityChanged, _duties))
