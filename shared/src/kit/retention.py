"""What may go: events announced and handled long ago, where a deployment says after how many days.

An outbox keeps for ever the last R event of each type of each aggregate and what came after it:
that is the state which a replay announces. What goes is always the beginning of an aggregate, so
that what is left has no gap. Off unless `HELI_OUTBOX_DAYS` is set: the outbox is the record.
"""

import asyncio
from datetime import timedelta

from sqlalchemy import text

from kit.auth import system
from kit.db import Database, dealing
from kit.failures import is_outage
from kit.log import get

_EVERY_S = 3600.0
_AT_ONCE = 10_000

_OUTBOX = text(
    "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox AS one WHERE published_at < :before"
    " AND sequence < coalesce((SELECT min(last) FROM (SELECT max(sequence) AS last"
    " FROM outbox AS state WHERE state.aggregate = one.aggregate AND state.replicated"
    " GROUP BY type) AS states), 2147483647)"
    " ORDER BY id LIMIT :at_once)"
)
_INBOX = text(
    "DELETE FROM inbox WHERE event_id IN"
    " (SELECT event_id FROM inbox WHERE handled_at < :before LIMIT :at_once)"
)

_log = get(__name__)


async def sweep(database: Database, days: int) -> None:
    """Remove hourly what is older, for as long as the process lives."""
    while True:
        try:
            gone = await sweep_once(database, days)
            _log.info("swept", rows=gone)
        except Exception as no:
            if not is_outage(no):
                raise
            _log.warning("sweep_waits", error=repr(no))
        await asyncio.sleep(_EVERY_S)


async def sweep_once(database: Database, days: int) -> int:
    """Remove what is older than so many days, some thousand rows a transaction; gives how many."""
    gone = 0
    for statement in (_OUTBOX, _INBOX):
        while True:
            async with database.begin(system(database.service), "sweep") as tx:
                before = dealing(tx).now - timedelta(days=days)
                done = await tx.execute(statement, {"before": before, "at_once": _AT_ONCE})
            gone += done.rowcount
            if done.rowcount < _AT_ONCE:
                break
    return gone
