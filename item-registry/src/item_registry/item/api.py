"""HTTP in, for an item: draft, publish, versions."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response

from contracts.acts import Act
from contracts.item_registry import (
    ChangedItem,
    ItemId,
    ItemKind,
    ItemState,
    ItemView,
    Line,
    NewItem,
    NewItemVersion,
    PublishItem,
    RegionId,
)
from item_registry.item import store
from item_registry.item.domain import versions
from item_registry.item.domain.listing import Listing
from item_registry.item.domain.versions import Item
from item_registry.place import domain as places
from item_registry.place import store as place_store
from kit.acts import conclude, moment
from kit.context import Caller, Now, Tx, router
from kit.deadlines import shanghai_day
from kit.etags import mark_of
from kit.lists import Asked, Page, shown

items: APIRouter = router("/items")

_LISTED = tuple(name for name in ItemView.model_fields if name in Listing.__dataclass_fields__)
_OWN = tuple(name for name in ItemView.model_fields if name not in _LISTED)


@items.post("", status_code=201)
async def create_item(
    new: NewItem, tx: Tx, caller: Caller, now: Now, response: Response
) -> ItemView:
    """Draft an item (国办发〔2023〕1号, 四)."""
    places.allow(caller.regions, await place_store.known_chain(tx, new.region))
    decided = versions.draft(new, store.body_names(shanghai_day(now)))
    await store.add(tx, decided.value)
    await conclude(tx, caller, Act(basis=new.basis), before=None, decided=decided)
    return _tagged(decided.value, response)


@items.get("")
async def list_items(
    tx: Tx,
    asked: Asked,
    state: ItemState | None = None,
    kind: ItemKind | None = None,
    line: Annotated[Line | None, Query(description="有职责的条线 with a duty in it")] = None,
    region: RegionId | None = None,
    on: Annotated[date | None, Query(description="在该日生效 in force on that day")] = None,
    flagged: Annotated[
        bool | None,
        Query(description="比例、频次或抽查主体有待人工确定 something in words is left to decide"),
    ] = None,
) -> Page[ItemView]:
    """List versions of items: published ones and drafts unless a state or a day is asked for."""
    found, next_ = await store.page_of(
        tx, asked, state=state, kind=kind, line=line, region=region, on=on, flagged=flagged
    )
    return shown(found, _shown, next_)


@items.get("/{item_id}")
async def get_item(item_id: ItemId, tx: Tx, response: Response) -> ItemView:
    """Give the newest version: the draft, if there is one."""
    return _tagged(await store.newest(tx, item_id), response)


@items.patch("/{item_id}")
async def change_item(
    item_id: ItemId,
    change: ChangedItem,
    tx: Tx,
    caller: Caller,
    now: Now,
    response: Response,
    if_match: Annotated[str | None, Header(description="草稿的 ETag")] = None,
) -> ItemView:
    """Change a draft; `If-Match` is the ETag that was seen."""
    item = await store.lock_newest(tx, item_id)
    decided = versions.revise(
        item, change, seen=mark_of(if_match), names=store.body_names(shanghai_day(now))
    )
    places.allow(caller.regions, await place_store.chain(tx, item.region))
    places.allow(caller.regions, await place_store.known_chain(tx, decided.value.region))
    await store.put(tx, [decided.value])
    await conclude(tx, caller, Act(basis=change.basis), before=item, decided=decided)
    return _tagged(decided.value, response)


@items.post("/{item_id}:publish")
async def publish_item(
    item_id: ItemId, act: PublishItem, tx: Tx, caller: Caller, now: Now
) -> ItemView:
    """Put the draft in force; the version before is closed on the day this one takes effect."""
    item = await store.lock_newest(tx, item_id)
    before = await store.lock_published(tx, item_id)
    places.allow(caller.regions, await place_store.chain(tx, item.region))
    decided = versions.publish(item, before, on=shanghai_day(moment(act, now)))
    closed = [versions.close(before, decided.value)] if before else []
    await store.put(tx, [*closed, decided.value])
    await conclude(tx, caller, act, before=item, decided=decided)
    return _shown(decided.value)


@items.get("/{item_id}/versions")
async def list_item_versions(item_id: ItemId, tx: Tx, asked: Asked) -> Page[ItemView]:
    """List all versions of an item, closed ones too."""
    await store.newest(tx, item_id)
    found, next_ = await store.page_of(tx, asked, id_=item_id, past=True)
    return shown(found, _shown, next_)


@items.post("/{item_id}/versions", status_code=201)
async def create_item_version(
    item_id: ItemId, act: NewItemVersion, tx: Tx, caller: Caller, response: Response
) -> ItemView:
    """Begin the draft of the next version as a copy of the published one."""
    newest = await store.lock_newest(tx, item_id)
    places.allow(caller.regions, await place_store.chain(tx, newest.region))
    decided = versions.next_version(newest)
    await store.add(tx, decided.value)
    await conclude(tx, caller, act, before=None, decided=decided)
    return _tagged(decided.value, response)


def _shown(item: Item) -> ItemView:
    own = {name: getattr(item, name) for name in _OWN}
    listed = {name: getattr(item.listing, name) for name in _LISTED}
    return ItemView.model_validate(own | listed)


def _tagged(item: Item, response: Response) -> ItemView:
    response.headers["ETag"] = f'"{item.mark}"'
    return _shown(item)
