"""What is supervised and by whom, as item-registry says: items with their duties, by region.

The rows are the responsibility matrix as others need it: national duties stand with the item, what
a region adds or overrides stands with `<item>_<region>`. Resolving is a rule (clue-dispatch's
routing, item-registry's own answer); this module only keeps and finds the rows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeAlias

from sqlalchemy import Column, Index, Integer, Table, Text, select
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.item_registry import Duty, ItemId, ItemPublished, RegionId, ResponsibilityChanged
from kit.db import OPEN, standing
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
    Column("run", Text),
    info=OPEN,
)
responsibility = Table(
    "known_responsibility",
    standing,
    Column("id", Text, primary_key=True),
    Column("item", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("duties", JSONB, nullable=False),
    Column("version", Integer, nullable=False),
    Column("run", Text),
    info=OPEN,
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


Ask: TypeAlias = tuple[ItemId, tuple[RegionId, ...]]


async def known(
    tx: AsyncConnection, item_id: ItemId, chain: Iterable[RegionId] = ()
) -> Item | None:
    """Give an item with its national duties and those of a chain of regions."""
    ask = (item_id, tuple(chain))
    return (await known_each(tx, [ask])).get(ask)


async def known_each(tx: AsyncConnection, asks: Iterable[Ask]) -> dict[Ask, Item]:
    """Give many items, each at its chain of regions, in two round trips; leaves out the unknown."""
    wanted = set(asks)
    ids = sorted({id_ for id_, _ in wanted})
    nodes = sorted({node for _, chain in wanted for node in chain})
    query = select(
        item.c.item,
        item.c.item_version,
        item.c.name,
        item.c.kind,
        item.c.codes14,
        item.c["from"],
        item.c.duties,
    ).where(item.c.item.in_(ids))
    found = {row[0]: row for row in await tx.execute(query)}
    local = await _local(tx, ids, nodes) if nodes else {}
    return {ask: _item_at(found[ask[0]], ask[1], local) for ask in wanted if ask[0] in found}


Local: TypeAlias = dict[tuple[str, str], tuple[Duty, ...]]


async def _local(tx: AsyncConnection, ids: Sequence[str], nodes: Sequence[str]) -> Local:
    query = select(responsibility.c.item, responsibility.c.region, responsibility.c.duties).where(
        responsibility.c.item.in_(ids), responsibility.c.region.in_(nodes)
    )
    return {(id_, node): _duties_of(rows) for id_, node, rows in await tx.execute(query)}


def _duties_of(rows: Iterable[object]) -> tuple[Duty, ...]:
    return tuple(Duty.model_validate(row) for row in rows)


def _item_at(row: Any, chain: Iterable[RegionId], local: Local) -> Item:  # noqa: ANN401 - a row
    id_, version, name, kind, codes14, since, duties = row
    below = (local.get((id_, node), ()) for node in sorted(set(chain)))
    return Item(
        id=ItemId(id_),
        version=version,
        name=name,
        kind=kind,
        codes14=tuple(codes14),
        from_=date.fromisoformat(since),
        duties=(*_duties_of(duties), *(duty for several in below for duty in several)),
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
