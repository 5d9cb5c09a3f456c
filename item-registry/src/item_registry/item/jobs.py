"""Bulk rows of items: each row makes or changes a draft; nothing is published by a file."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.errors import Refusal
from contracts.item_registry import ItemId, ItemRow
from item_registry.item import domain, store
from item_registry.place import store as places
from item_registry.place.domain import RegionUnknown
from kit.jobs import Import, Row, RowFault, Taken, Upload, fault_of


async def _items(tx: AsyncConnection, rows: Sequence[Row[ItemRow]], _upload: Upload) -> Taken:
    known = await store.lock_newest_of(tx, [row.value.id for row in rows])
    regions = await places.existing_regions(tx, {row.value.region for row in rows})
    changed: dict[ItemId, domain.Item] = {}
    faults: list[RowFault] = []
    same = revised = 0
    for row in rows:
        before = known.get(row.value.id)
        try:
            if row.value.region not in regions:
                raise RegionUnknown(field="region", got=row.value.region, expected="GET /regions")
            item = domain.take_in(domain.draft_of(row.value), before).value
        except Refusal as no:
            faults.append(fault_of(row.number, no))
            continue
        same += item == before
        revised += before is not None and item != before
        if item != before:
            known[item.id] = changed[item.id] = item
    await store.put(tx, list(changed.values()))
    return Taken(len(rows) - len(faults), duplicate=same, revised=revised, faults=tuple(faults))


ITEMS = Import("items", ItemRow, _items)
