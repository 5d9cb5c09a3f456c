"""SQL of a subject: which provisional ones were announced."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from clue_dispatch.subject.tables import sighted
from contracts.credit_service import EntityId


async def unsighted(tx: AsyncConnection, subjects: Iterable[EntityId]) -> set[EntityId]:
    """Give those provisional subjects that were not announced yet."""
    asked = set(subjects)
    query = select(sighted.c.subject).where(sighted.c.subject.in_(sorted(asked)))
    return asked - set((await tx.execute(query)).scalars())


async def first_sightings(tx: AsyncConnection, subjects: Iterable[EntityId]) -> set[EntityId]:
    """Remember provisional subjects; gives those that are met for the first time here."""
    rows = [{"subject": subject} for subject in sorted(set(subjects))]
    if not rows:
        return set()
    query = insert(sighted).values(rows).on_conflict_do_nothing().returning(sighted.c.subject)
    return set((await tx.execute(query)).scalars())
