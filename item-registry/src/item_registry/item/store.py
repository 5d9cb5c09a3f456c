"""SQL of an item: functions from a connection to values."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, func, not_, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.errors import NotFound
from contracts.item_registry import Duty, ItemId, ItemKind, ItemState, Line, RegionId
from item_registry.item.domain.listing import BodyName, Listing
from item_registry.item.domain.versions import Item, ItemExists
from item_registry.item.tables import item
from kit import policy
from kit.lists import Paging, page

_VALUE = (
    item.c.id,
    item.c.version,
    item.c.revision,
    item.c.state,
    item.c.name,
    item.c.kind,
    item.c.region,
    item.c.codes14,
    item.c.basis,
    item.c.from_,
    item.c.to,
    item.c.duties,
    item.c.listing,
)
_LISTING = TypeAdapter(Listing)
_NAMES = tuple(one.name for one in _VALUE)


def _item(row: Sequence[Any]) -> Item:
    values = dict(zip(_NAMES, row, strict=True))
    duties = tuple(Duty.model_validate(duty) for duty in values["duties"])
    listing = _LISTING.validate_python(values["listing"])
    parts = {"duties": duties, "codes14": tuple(values["codes14"]), "listing": listing}
    return Item(**values | parts)


def _row(value: Item) -> dict[str, Any]:
    duties = [duty.model_dump(mode="json") for duty in value.duties]
    values = {column.name: getattr(value, column.name) for column in _VALUE}
    listing = _LISTING.dump_python(value.listing, mode="json")
    return values | {"duties": duties, "codes14": list(value.codes14), "listing": listing}


def body_names(on: date) -> tuple[BodyName, ...]:
    """Give the words by which lists name the agencies of lines, as they are on a day."""
    rows = policy.all_in_force(policy.load("item_registry"), "inspecting-body", on)
    return tuple(
        BodyName(tuple(row.values["words"]), tuple(map(Line, row.values["lines"]))) for row in rows
    )


async def newest(tx: AsyncConnection, id_: ItemId) -> Item:
    """Read the last version, a draft if there is one; raises NotFound."""
    found = await _one(tx, select(*_VALUE).where(item.c.id == id_))
    if found is None:
        raise NotFound(item=id_)
    return found


async def lock_newest(tx: AsyncConnection, id_: ItemId) -> Item:
    """Read the last version and hold it until the transaction ends; raises NotFound."""
    found = await _one(tx, select(*_VALUE).where(item.c.id == id_).with_for_update())
    if found is None:
        raise NotFound(item=id_)
    return found


async def lock_published(tx: AsyncConnection, id_: ItemId) -> Item | None:
    """Read the version in force and hold it, if one was ever published."""
    query = select(*_VALUE).where(item.c.id == id_, item.c.state == ItemState.PUBLISHED)
    return await _one(tx, query.with_for_update())


async def in_force(tx: AsyncConnection, id_: ItemId, on: date) -> Item | None:
    """Give the version that is in force on a day."""
    return await _one(tx, select(*_VALUE).where(item.c.id == id_, _on(on)))


async def _one(tx: AsyncConnection, query: Any) -> Item | None:  # noqa: ANN401 - a select
    row = (await tx.execute(query.order_by(item.c.version.desc()).limit(1))).one_or_none()
    return None if row is None else _item(row)


def _on(day: date) -> Any:  # noqa: ANN401 - a clause
    return (
        (item.c.state != ItemState.DRAFT)
        & (item.c.from_ <= day)
        & or_(item.c.to.is_(None), item.c.to > day)
    )


def _flagged() -> ColumnElement[bool]:
    """Ask whether something that a list says is left for a person to decide."""
    parts = (item.c.listing[part]["flag"] for part in ("ratio", "frequency", "inspecting_body"))
    return or_(*(func.coalesce(part.astext, "").like("_%") for part in parts))


async def lock_newest_of(tx: AsyncConnection, ids: Iterable[ItemId]) -> dict[ItemId, Item]:
    """Hold the last versions of the known ones of some items."""
    query = select(*_VALUE).where(item.c.id.in_(sorted(set(ids))))
    rows = await tx.execute(query.order_by(item.c.id, item.c.version).with_for_update())
    return {row.id: _item(row) for row in rows}


async def page_of(
    tx: AsyncConnection,
    asked: Paging,
    *,
    id_: ItemId | None = None,
    state: ItemState | None = None,
    kind: ItemKind | None = None,
    line: Line | None = None,
    region: RegionId | None = None,
    on: date | None = None,
    flagged: bool | None = None,
    past: bool = False,
) -> tuple[list[Item], str | None]:
    """Give a page of versions; closed ones only when `past`, a state or a day asks for them."""
    query = select(*_VALUE)
    if id_ is not None:
        query = query.where(item.c.id == id_)
    if state is not None:
        query = query.where(item.c.state == state)
    if kind is not None:
        query = query.where(item.c.kind == kind)
    if line is not None:
        query = query.where(item.c.duties.contains([{"line": line}]))
    if region is not None:
        query = query.where(item.c.region == region)
    if on is not None:
        query = query.where(_on(on))
    if flagged is not None:
        query = query.where(_flagged() if flagged else not_(_flagged()))
    if state is None and on is None and not past:
        query = query.where(item.c.state != ItemState.CLOSED)
    rows, next_ = await page(tx, query, by=(item.c.id, item.c.version), asked=asked)
    return [_item(row) for row in rows], next_


async def add(tx: AsyncConnection, value: Item) -> None:
    """Write a new version; refuses ItemExists."""
    new = insert(item).values(_row(value)).on_conflict_do_nothing()
    if (await tx.execute(new.returning(item.c.id))).one_or_none() is None:
        raise ItemExists(item=value.id)


async def put(tx: AsyncConnection, values: Sequence[Item]) -> None:
    """Write versions, new or changed, in the order given: what closes comes before what opens."""
    if values:
        row = insert(item)
        keys = ("id", "version")
        change = {one.name: row.excluded[one.name] for one in _VALUE if one.name not in keys}
        upsert = row.on_conflict_do_update(index_elements=[item.c.id, item.c.version], set_=change)
        await tx.execute(upsert, [_row(value) for value in values])
