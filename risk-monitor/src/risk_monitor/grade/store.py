"""SQL of grades."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.credit_service import EntityId, GradeChanged
from kit.inbox import sequence
from kit.replicas import Replica, upsert
from risk_monitor.grade.tables import grade

REPLICA = Replica.of_table(GradeChanged, grade)


async def keep(tx: AsyncConnection, event: GradeChanged) -> None:
    """Keep a grade if it is newer than what stands."""
    await upsert(tx, grade, "id", [event.model_dump(mode="json") | {"version": sequence(tx)}])


async def current(tx: AsyncConnection, entities: Iterable[str]) -> dict[EntityId, str]:
    """Give the latest grade of some subjects."""
    query = (
        select(grade.c.entity, grade.c.grade)
        .where(grade.c.entity.in_(sorted(set(entities))))
        .order_by(grade.c.valid_from)
    )
    return {EntityId(entity): found for entity, found in await tx.execute(query)}
