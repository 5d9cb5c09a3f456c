"""Who is supervised, as credit-service says: id, name, kind, status, and what an id became.

A merge is `alias_of`: a reader keeps the alias and follows it when it looks something up.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Index, Integer, Table, Text, select
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


async def same(tx: AsyncConnection, id_: EntityId) -> tuple[EntityId, ...]:
    """Give every id of one subject: itself, what it became, and what became it."""
    became = select(entity.c.alias_of).where(entity.c.id == id_, entity.c.alias_of.is_not(None))
    target = EntityId((await tx.execute(became)).scalar_one_or_none() or id_)
    others = (await tx.execute(select(entity.c.id).where(entity.c.alias_of == target))).scalars()
    return tuple(dict.fromkeys([target, id_, *(EntityId(other) for other in others)]))


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
