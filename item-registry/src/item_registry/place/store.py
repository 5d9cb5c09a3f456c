"""SQL of places: functions from a connection to values."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from sqlalchemy import Date, Text, column, exists, func, literal, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.errors import NotFound
from contracts.item_registry import ROOT, DepartmentId, DivisionSpan, Line, RegionId
from item_registry.place.domain import (
    Department,
    DepartmentExists,
    Region,
    RegionExists,
    RegionUnknown,
)
from item_registry.place.tables import department, region
from kit.lists import Paging, page

_REGION = (
    region.c.id,
    region.c.parent,
    region.c.name,
    region.c.divisions,
    region.c.version,
)
_DEPARTMENT = (
    department.c.id,
    department.c.name,
    department.c.line,
    department.c.level,
    department.c.vertical_parent,
    department.c.territorial_parent,
    department.c.territory,
    department.c.successor,
    department.c.version,
)
_NAMES = tuple(one.name for one in _DEPARTMENT)


def _region(row: Sequence[Any]) -> Region:
    id_, parent, name, divisions, version = row
    spans = tuple(DivisionSpan.model_validate(span) for span in divisions)
    return Region(id_, parent, name, spans, version)


def _department(row: Sequence[Any]) -> Department:
    values = dict(zip(_NAMES, row, strict=True))
    return Department(**values | {"territory": tuple(values["territory"])})


async def tree(tx: AsyncConnection) -> dict[RegionId, RegionId | None]:
    """Give each node's parent."""
    rows = await tx.execute(select(region.c.id, region.c.parent))
    return dict(rows.all())


async def chain(tx: AsyncConnection, place: RegionId) -> tuple[RegionId, ...]:
    """Give a place and every node above it, nearest first; an unknown place is alone."""
    start = select(region.c.id, region.c.parent, literal(0).label("depth")).where(
        region.c.id == place
    )
    walk = start.cte("walk", recursive=True)
    up = select(region.c.id, region.c.parent, walk.c.depth + 1).join(
        walk, region.c.id == walk.c.parent
    )
    whole = walk.union_all(up)
    rows = await tx.execute(select(whole.c.id).order_by(whole.c.depth))
    return tuple(rows.scalars()) or (place,)


async def known_chain(tx: AsyncConnection, place: RegionId) -> tuple[RegionId, ...]:
    """Give the chain of a node of the tree; refuses RegionUnknown."""
    await known(tx, [place])
    return await chain(tx, place)


async def known(tx: AsyncConnection, places: Iterable[RegionId]) -> set[RegionId]:
    """Check that all of some nodes are in the tree; refuses RegionUnknown."""
    wanted = set(places)
    found = await existing_regions(tx, wanted)
    if wanted - found:
        raise RegionUnknown(field="region", got=min(wanted - found), expected="GET /api/v1/regions")
    return found


async def existing_regions(tx: AsyncConnection, ids: Iterable[RegionId]) -> set[RegionId]:
    """Give those of some ids that are nodes of the tree; its root is one from the beginning."""
    wanted = set(ids)
    query = select(region.c.id).where(region.c.id.in_(sorted(wanted)))
    return set((await tx.execute(query)).scalars()) | (wanted & {ROOT})


async def existing_departments(
    tx: AsyncConnection, ids: Iterable[DepartmentId]
) -> set[DepartmentId]:
    """Give those of some ids that are registered agencies."""
    query = select(department.c.id).where(department.c.id.in_(sorted(set(ids))))
    return set((await tx.execute(query)).scalars())


async def regions(tx: AsyncConnection, ids: Iterable[RegionId]) -> dict[RegionId, Region]:
    """Hold the known ones of some nodes until the transaction ends."""
    query = select(*_REGION).where(region.c.id.in_(sorted(set(ids)))).order_by(region.c.id)
    rows = await tx.execute(query.with_for_update())
    return {row.id: _region(row) for row in rows}


async def departments(
    tx: AsyncConnection, ids: Iterable[DepartmentId]
) -> dict[DepartmentId, Department]:
    """Hold the known ones of some agencies until the transaction ends."""
    query = select(*_DEPARTMENT).where(department.c.id.in_(sorted(set(ids))))
    rows = await tx.execute(query.order_by(department.c.id).with_for_update())
    return {row.id: _department(row) for row in rows}


async def get_region(tx: AsyncConnection, id_: RegionId) -> Region:
    """Read one; raises NotFound."""
    row = (await tx.execute(select(*_REGION).where(region.c.id == id_))).one_or_none()
    if row is None:
        raise NotFound(region=id_)
    return _region(row)


async def get_department(tx: AsyncConnection, id_: DepartmentId) -> Department:
    """Read one; raises NotFound."""
    row = (await tx.execute(select(*_DEPARTMENT).where(department.c.id == id_))).one_or_none()
    if row is None:
        raise NotFound(department=id_)
    return _department(row)


async def page_of_regions(
    tx: AsyncConnection,
    asked: Paging,
    *,
    parent: RegionId | None,
    below: RegionId | None,
    division: str | None,
    on: date | None,
) -> tuple[list[Region], str | None]:
    """Give a page: right below a parent, at or below a node, covering a division (on a day)."""
    query = select(*_REGION)
    if parent is not None:
        query = query.where(region.c.parent == parent)
    if below is not None:
        branch = select(region.c.id).where(region.c.id == below).cte("branch", recursive=True)
        down = select(region.c.id).join(branch, region.c.parent == branch.c.id)
        query = query.where(region.c.id.in_(select(branch.union(down).c.id)))
    if division is not None or on is not None:
        query = query.where(_covering(division, on))
    rows, next_ = await page(tx, query, by=(region.c.id,), asked=asked)
    return [_region(row) for row in rows], next_


def _covering(division: str | None, on: date | None) -> Any:  # noqa: ANN401 - a clause
    span = (
        func.jsonb_to_recordset(region.c.divisions)
        .table_valued(column("code", Text), column("from", Date), column("to", Date))
        .render_derived(with_types=True)
    )
    wanted = select(literal(1)).select_from(span)
    if division is not None:
        wanted = wanted.where(span.c.code == division)
    if on is not None:
        since, until = span.c["from"], span.c["to"]
        wanted = wanted.where(or_(since.is_(None), since <= on), or_(until.is_(None), until > on))
    return exists(wanted.correlate(region))


async def page_of_departments(
    tx: AsyncConnection,
    asked: Paging,
    *,
    line: Line | None,
    place: RegionId | None,
    parent: DepartmentId | None,
) -> tuple[list[Department], str | None]:
    """Give a page: of a line, serving a place, below an agency in either of its two trees."""
    query = select(*_DEPARTMENT)
    if line is not None:
        query = query.where(department.c.line == line)
    if place is not None:
        query = query.where(department.c.territory.overlap(list(await chain(tx, place))))
    if parent is not None:
        query = query.where(
            or_(department.c.vertical_parent == parent, department.c.territorial_parent == parent)
        )
    rows, next_ = await page(tx, query, by=(department.c.id,), asked=asked)
    return [_department(row) for row in rows], next_


async def serving(
    tx: AsyncConnection, lines: Iterable[Line], nodes: Sequence[RegionId]
) -> list[Department]:
    """Give the agencies of some lines that serve one of the nodes, and who succeeded them."""
    here = select(department.c.id, department.c.successor).where(
        department.c.line.in_(sorted(set(lines))), department.c.territory.overlap(list(nodes))
    )
    walk = here.cte("walk", recursive=True)
    heirs = select(department.c.id, department.c.successor).join(
        walk, department.c.id == walk.c.successor
    )
    query = select(*_DEPARTMENT).where(department.c.id.in_(select(walk.union(heirs).c.id)))
    return [_department(row) for row in await tx.execute(query.order_by(department.c.id))]


async def add_region(tx: AsyncConnection, value: Region) -> None:
    """Write a new node; refuses RegionExists."""
    new = insert(region).values(_region_row(value)).on_conflict_do_nothing()
    if (await tx.execute(new.returning(region.c.id))).one_or_none() is None:
        raise RegionExists(region=value.id)


async def add_department(tx: AsyncConnection, value: Department) -> None:
    """Write a new agency; refuses DepartmentExists."""
    new = insert(department).values(asdict(value)).on_conflict_do_nothing()
    if (await tx.execute(new.returning(department.c.id))).one_or_none() is None:
        raise DepartmentExists(department=value.id)


async def put_regions(tx: AsyncConnection, values: Sequence[Region]) -> None:
    """Write nodes, new or changed, in one statement."""
    if values:
        row = insert(region)
        change = {name: row.excluded[name] for name in ("parent", "name", "divisions", "version")}
        put = row.on_conflict_do_update(index_elements=[region.c.id], set_=change)
        await tx.execute(put, [_region_row(value) for value in values])


async def put_departments(tx: AsyncConnection, values: Sequence[Department]) -> None:
    """Write agencies, new or changed, in one statement."""
    if values:
        row = insert(department)
        change = {one.name: row.excluded[one.name] for one in _DEPARTMENT if one.name != "id"}
        put = row.on_conflict_do_update(index_elements=[department.c.id], set_=change)
        await tx.execute(put, [asdict(value) for value in values])


def _region_row(value: Region) -> dict[str, object]:
    spans = [span.model_dump(mode="json") for span in value.divisions]
    return {
        "id": value.id,
        "parent": value.parent,
        "name": value.name,
        "divisions": spans,
        "version": value.version,
    }
