"""What moves grades without a record: a day that has come, and a version newly in force."""

import asyncio

from sqlalchemy.ext.asyncio import AsyncConnection

from credit_service.grade import store
from credit_service.indicator_system import store as systems
from kit import log
from kit.acts import by_event
from kit.auth import system
from kit.context import Context
from kit.db import dealing
from kit.deadlines import shanghai_day
from kit.failures import is_outage

BATCH = 200
_POLL_S = 1.0

_log = log.get(__name__)


async def keep_current(context: Context) -> None:
    """Look for grades to bring up to date, for as long as the process lives."""
    while True:
        try:
            async with context.db.begin(system(context.service), "grades") as tx:
                busy = await days_come(tx) or await versions_new(tx)
        except Exception as no:
            if not is_outage(no):
                raise
            _log.warning("grades_pause", error=repr(no))
            busy = False
        if not busy:
            await asyncio.sleep(_POLL_S)


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
