"""What moves grades without a record: a day that has come, and a version newly in force."""

from sqlalchemy.ext.asyncio import AsyncConnection

from credit_service.grade import store
from credit_service.indicator_system import store as systems
from kit.acts import by_event
from kit.auth import system
from kit.db import Database, dealing
from kit.deadlines import shanghai_day
from kit.ticker import Every

BATCH = 200
_POLL_S = 1.0


async def _keep_current(database: Database) -> bool:
    async with database.begin(system(database.service), "grades") as tx:
        return await days_come(tx) or await versions_new(tx)


async def days_come(tx: AsyncConnection) -> bool:
    """Grade again whose records began or ceased to count; gives whether there were any."""
    now = dealing(tx).now
    due = await store.due(tx, shanghai_day(now), BATCH)
    await store.follow(tx, due, by_event(now))
    return bool(due)


async def versions_new(tx: AsyncConnection) -> bool:
    """Grade the next subjects under a version newly in force; gives whether there was one."""
    # In the order of who puts a version in force, so that neither waits for the other.
    await systems.keep_active(tx)
    found = await systems.unfinished(tx)
    if found is None:
        return False
    id_, subject = found
    subjects = await store.subjects_after(tx, subject, BATCH)
    await store.follow(tx, subjects, by_event(dealing(tx).now))
    await systems.graded(tx, id_, subjects[-1] if len(subjects) == BATCH else None)
    return True


TIMERS = (Every("grades", _POLL_S, _keep_current),)
