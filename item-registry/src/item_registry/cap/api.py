"""HTTP in, for caps."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query

from contracts.acts import Act
from contracts.item_registry import CapView, ItemId, Line, NewCap, RegionId
from item_registry.cap import domain, store
from item_registry.place import domain as places
from item_registry.place import store as place_store
from kit.acts import conclude
from kit.clock import new_id
from kit.context import Caller, Tx, router
from kit.lists import Asked, Page, shown

caps: APIRouter = router("/caps")


@caps.post("", status_code=201)
async def publish_cap(new: NewCap, tx: Tx, caller: Caller) -> CapView:
    """Publish a cap (国办发〔2024〕54号); the one in force ends on the day this one begins."""
    places.allow(caller.regions, await place_store.known_chain(tx, new.region))
    others = await store.lock_of(tx, new.line, new.region, new.item)
    decided, closed = domain.publish(new_id(), new, others)
    await store.put(tx, [*closed, decided.value])
    await conclude(tx, caller, Act(basis=new.basis), before=None, decided=decided)
    return CapView.model_validate(decided.value)


@caps.get("")
async def list_caps(
    tx: Tx,
    asked: Asked,
    line: Line | None = None,
    region: RegionId | None = None,
    item: ItemId | None = None,
    on: Annotated[date | None, Query(description="在该日有效 in force on that day")] = None,
) -> Page[CapView]:
    """List caps."""
    found, next_ = await store.page_of(tx, asked, line=line, region=region, item=item, on=on)
    return shown(found, CapView.model_validate, next_)
