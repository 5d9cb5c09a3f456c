"""Bulk rows of items: each row makes or changes a draft; nothing is published by a file.

An official list too lands as drafts: publishing is an act with legal effect of a lead, with its day
and its audit line, and what a row still lacks for that stands in the item (`lacking`).
"""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.errors import Refusal
from contracts.item_registry import ItemId, ItemRow
from item_registry.item import store
from item_registry.item.domain import listing, versions
from item_registry.place import store as places
from item_registry.place.domain import RegionUnknown
from kit.db import dealing
from kit.deadlines import shanghai_day
from kit.jobs import Import, Row, RowFault, Taken, Upload, fault_of


async def _items(tx: AsyncConnection, rows: Sequence[Row[ItemRow]], _upload: Upload) -> Taken:
    names = store.body_names(shanghai_day(dealing(tx).now))
    known = await store.lock_newest_of(tx, [listing.id_of(row.value) for row in rows])
    regions = await places.existing_regions(tx, {row.value.region for row in rows})
    changed: dict[ItemId, versions.Item] = {}
    listed: set[ItemId] = set()
    faults: list[RowFault] = []
    same = revised = 0
    for row in rows:
        before = known.get(listing.id_of(row.value))
        try:
            if row.value.region not in regions:
                raise RegionUnknown(
                    field="region", got=row.value.region, expected="GET /api/v1/regions"
                )
            new = listing.item_of(row.value, names)
            wanted = versions.draft(new, names, number=row.value.number).value
            item = versions.take_in(wanted, before).value
            versions.once(item, before, listed)
        except Refusal as no:
            faults.append(fault_of(row.number, no))
            continue
        if row.value.id is None:
            listed.add(item.id)
        same += item == before
        revised += before is not None and item != before
        if item != before:
            known[item.id] = changed[item.id] = item
    await store.put(tx, list(changed.values()))
    return Taken(len(rows) - len(faults), duplicate=same, revised=revised, faults=tuple(faults))


ITEMS = Import("items", ItemRow, _items)
