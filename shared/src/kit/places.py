"""Where things are and who is there: the region tree and the agencies, as item-registry says.

From these a scoped row's `readers` follow: the lines and overseers of its place and of every
node above it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, ColumnElement, Index, Integer, Select, Table, Text, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.item_registry import (
    ROOT,
    DepartmentChanged,
    DepartmentId,
    Line,
    RegionChanged,
    RegionId,
)
from kit.db import OPEN, standing
from kit.inbox import on, sequence
from kit.replicas import Replica, upsert

region = Table(
    "known_region",
    standing,
    Column("id", Text, primary_key=True),
    Column("parent", Text),
    Column("name", Text, nullable=False),
    Column("divisions", JSONB, nullable=False),
    Column("version", Integer, nullable=False),
    Column("run", Text),
    info=OPEN,
)
# "What lies below this node".
Index("known_region_parent", region.c.parent)
agency = Table(
    "known_department",
    standing,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("line", Text, nullable=False),
    Column("level", Integer, nullable=False),
    Column("vertical_parent", Text),
    Column("territorial_parent", Text),
    Column("territory", ARRAY(Text), nullable=False),
    Column("successor", Text),
    Column("version", Integer, nullable=False),
    Column("run", Text),
    info=OPEN,
)


@dataclass(frozen=True, slots=True)
class Agency:
    """A department as others know it."""

    id: DepartmentId
    name: str
    line: Line
    territory: tuple[RegionId, ...]
    successor: DepartmentId | None


async def chain(tx: AsyncConnection, place: RegionId) -> tuple[RegionId, ...]:
    """Give a place and every node above it, nearest first; an unknown place is alone."""
    found = (await chains(tx, [place])).get(place)
    return found or (place,)


async def chains(
    tx: AsyncConnection, places: Iterable[RegionId]
) -> dict[RegionId, tuple[RegionId, ...]]:
    """Give the chains of several places in one round trip; unknown places are left out."""
    wanted = sorted(set(places))
    start = select(
        region.c.id.label("place"), region.c.id, region.c.parent, literal(0).label("depth")
    ).where(region.c.id.in_(wanted))
    walk = start.cte("walk", recursive=True)
    up = select(walk.c.place, region.c.id, region.c.parent, walk.c.depth + 1).join(
        region, region.c.id == walk.c.parent
    )
    whole = walk.union_all(up)
    rows = await tx.execute(
        select(whole.c.place, whole.c.id).order_by(whole.c.place, whole.c.depth)
    )
    found: dict[RegionId, list[RegionId]] = {}
    for place, node in rows:
        found.setdefault(RegionId(place), []).append(RegionId(node))
    return {place: tuple(nodes) for place, nodes in found.items()}


def below(node: RegionId) -> Select[tuple[str]]:
    """Select a node, known or not, and every node under it."""
    tree = select(literal(node, Text).label("id")).cte("below", recursive=True)
    tree = tree.union(select(region.c.id).join(tree, region.c.parent == tree.c.id))
    return select(tree.c.id)


async def agencies(tx: AsyncConnection, ids: Iterable[str]) -> dict[DepartmentId, Agency]:
    """Give the known ones of some departments."""
    return {found.id: found for found in await _agencies(tx, agency.c.id.in_(sorted(set(ids))))}


async def agencies_of(tx: AsyncConnection, lines: Iterable[str]) -> tuple[Agency, ...]:
    """Give all agencies of some lines."""
    return tuple(await _agencies(tx, agency.c.line.in_(sorted(set(lines)))))


async def _agencies(tx: AsyncConnection, which: ColumnElement[bool]) -> list[Agency]:
    query = select(
        agency.c.id, agency.c.name, agency.c.line, agency.c.territory, agency.c.successor
    ).where(which)
    rows = (await tx.execute(query.order_by(agency.c.id))).all()
    return [Agency(id_, name, line, tuple(where), heir) for id_, name, line, where, heir in rows]


def readers(
    nodes: Iterable[RegionId], lines: Iterable[str | None], departments: Iterable[str | None] = ()
) -> list[str]:
    """Say who may read a row: its lines and the overseers at each node, and departments by id.

    The root's overseers read every row, also one of a place that nobody knows.
    """
    nodes = list(dict.fromkeys([*nodes, ROOT]))
    keys = [f"{line}@{node}" for line in lines if line for node in nodes]
    keys += [f"*@{node}" for node in nodes]
    keys += [department for department in departments if department]
    return list(dict.fromkeys(keys))


async def _region(tx: AsyncConnection, event: RegionChanged, _now: datetime) -> None:
    await upsert(tx, region, "id", [event.model_dump(mode="json") | {"version": sequence(tx)}])


async def _department(tx: AsyncConnection, event: DepartmentChanged, _now: datetime) -> None:
    await upsert(tx, agency, "id", [event.model_dump(mode="json") | {"version": sequence(tx)}])


REPLICAS = (
    Replica.of_table(RegionChanged, region),
    Replica.of_table(DepartmentChanged, agency),
)
SUBSCRIPTIONS = (on(RegionChanged, _region), on(DepartmentChanged, _department))
