"""What waits in a service: events to publish, parked events, imports; one small query."""

import asyncio
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from kit.auth import system
from kit.db import Database
from kit.inbox import dead_letter
from kit.jobs import job
from kit.outbox import outbox

# Beyond so many rows "many" is said, so that a look costs the same on a bad day.
_MANY: Final = 100_000
_LOOK_S: Final = 2.0
_LOOK_MS: Final = 1_000
_UNSENT: Final = outbox.c.published_at.is_(None)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits: events not published and how old the first is, parked events, open imports."""

    outbox: int
    oldest_s: float
    dead_letters: int
    jobs: int


async def waiting(tx: AsyncConnection, most: int) -> int:
    """Count the events that are not published yet, up to `most`."""
    unsent = select(outbox.c.id).where(_UNSENT).limit(most).subquery()
    query = select(func.count()).select_from(unsent)
    return int((await tx.execute(query)).scalar_one())


async def backlog(database: Database) -> Backlog | None:
    """Count what waits, at most up to `_MANY`; None where the database does not say it quickly."""
    first = select(outbox.c.at).where(_UNSENT).order_by(outbox.c.id).limit(1).scalar_subquery()
    parked = select(dead_letter.c.event_id).limit(_MANY).subquery()
    waiting = select(outbox.c.id).where(_UNSENT).limit(_MANY).subquery()
    open_ = select(func.count()).where(job.c.status.in_(["queued", "running"])).scalar_subquery()
    query = select(
        select(func.count()).select_from(waiting).scalar_subquery(),
        first,
        select(func.count()).select_from(parked).scalar_subquery(),
        open_,
    )
    actor = system(database.service)
    try:
        async with (
            asyncio.timeout(_LOOK_S),
            database.begin(actor, "status", within_ms=_LOOK_MS) as tx,
        ):
            unsent_, at, parked_, jobs = (await tx.execute(query)).one()
    except (SQLAlchemyError, OSError, TimeoutError):
        return None
    age = (database.clock.now() - at).total_seconds() if at else 0.0
    return Backlog(unsent_, max(0.0, age), parked_, jobs)
