"""Who is supervised, as credit-service says: id, name, kind, status, and what an id became.

A merge is `alias_of`: a reader keeps the alias and follows it when it looks something up.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    CTE,
    Column,
    Index,
    Integer,
    Table,
    Text,
    func,
    literal,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.credit_service import EntityBatch, EntityId
from kit.db import OPEN, standing
from kit.inbox import on
from kit.replicas import Replica, upsert

entity = Table(
    "known_entity",
    standing,
    Column("id", Text, primary_key=True),
    Column("name", Text),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("alias_of", Text),
    Column("version", Integer, nullable=False),
    Column("run", Text),
    info=OPEN,
)
# "What became of this id, and which ids are it": few rows have an alias.
Index("known_entity_alias", entity.c.alias_of, postgresql_where=entity.c.alias_of.is_not(None))


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity as others know it."""

    id: EntityId
    name: str | None
    kind: str
    status: str
    alias_of: EntityId | None


async def known(tx: AsyncConnection, ids: Iterable[str]) -> dict[EntityId, Entity]:
    """Give the known ones of some entities."""
    query = select(
        entity.c.id, entity.c.name, entity.c.kind, entity.c.status, entity.c.alias_of
    ).where(entity.c.id.in_(sorted(set(ids))))
    return {row[0]: Entity(*row) for row in await tx.execute(query)}


def family(ids: Iterable[str]) -> CTE:
    """Give (asked, id) for every id of some subjects: itself, what it became, what became it.

    A merge may follow on a merge: both directions are walked to their ends.
    """
    given = func.unnest(literal(sorted(set(ids)), type_=ARRAY(Text))).column_valued("given")
    found = select(given.label("asked"), given.label("id")).cte("family", recursive=True)
    after = select(entity.c.alias_of).where(
        entity.c.id == found.c.id, entity.c.alias_of.is_not(None)
    )
    before = select(entity.c.id).where(entity.c.alias_of == found.c.id)
    next_ = union_all(after, before).lateral("next").c
    return found.union(select(found.c.asked, next_[0]))  # without doubles, so that a circle ends


async def families(
    tx: AsyncConnection, ids: Iterable[EntityId]
) -> dict[EntityId, frozenset[EntityId]]:
    """Give every id of each subject."""
    found = defaultdict[EntityId, set[EntityId]](set)
    pairs = family(ids)
    for asked, id_ in await tx.execute(select(pairs.c.asked, pairs.c.id)):
        found[EntityId(asked)].add(EntityId(id_))
    return {asked: frozenset(several) for asked, several in found.items()}


async def same(tx: AsyncConnection, id_: EntityId) -> frozenset[EntityId]:
    """Give every id of one subject."""
    return (await families(tx, [id_]))[id_]


async def became(tx: AsyncConnection, ids: Iterable[str]) -> dict[EntityId, EntityId]:
    """Say what some ids are by now, those that became another: a merge may follow on a merge."""
    now: dict[EntityId, EntityId] = {}
    asked = {EntityId(id_) for id_ in ids}
    while asked:
        query = select(entity.c.id, entity.c.alias_of).where(
            entity.c.id.in_(sorted(asked)), entity.c.alias_of.is_not(None)
        )
        steps = {EntityId(id_): EntityId(other) for id_, other in await tx.execute(query)}
        asked = set(steps.values()) - now.keys() - steps.keys()  # a circle ends where it began
        now |= steps
    return {id_: _end_of(id_, now) for id_ in now}


def _end_of(id_: EntityId, steps: Mapping[EntityId, EntityId]) -> EntityId:
    seen = {id_}
    while (after := steps.get(id_)) is not None and after not in seen:
        seen.add(after)
        id_ = after
    return id_


async def _batch(tx: AsyncConnection, event: EntityBatch, _now: datetime) -> None:
    await upsert(tx, entity, "id", [row.model_dump(mode="json") for row in event.rows])


REPLICAS = (Replica.of_table(EntityBatch, entity, key="id"),)
SUBSCRIPTIONS = (on(EntityBatch, _batch),)
