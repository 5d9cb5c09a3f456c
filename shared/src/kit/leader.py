"""One active process a service: readers, relay and jobs run in one, whose lock PostgreSQL holds.

A second process of the same service serves HTTP and waits; when the first one's connection ends
the lock is free. Who loses the connection ends its loops, goes on answering, and stands again:
PostgreSQL may have been away for all. What two active ones do until both have noticed has one
effect: the inbox knows the event, and a job's cursor is locked.
"""

import asyncio
from collections.abc import Awaitable, Callable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from kit.db import Database
from kit.failures import is_outage
from kit.log import get

_KEY = 4_711_002
_LOOK_S = 1.0

_log = get(__name__)


async def lead(database: Database, work: Callable[[], Awaitable[None]]) -> None:
    """Run `work` whenever this process holds the lock, for ever; raises what `work` raises."""
    while True:
        term: asyncio.Future[None] | None = None
        try:
            async with database.engine.connect() as opened:
                connection = await opened.execution_options(isolation_level="AUTOCOMMIT")
                await _elected(connection)
                term = asyncio.ensure_future(work())
                while not term.done():
                    await asyncio.wait([term], timeout=_LOOK_S)
                    await connection.execute(text("SELECT 1"))
        except Exception as no:
            if not is_outage(no):
                raise
            _log.warning("leader_waits", error=repr(no))
        finally:
            await _end(term)
        await asyncio.sleep(_LOOK_S)


async def _elected(connection: AsyncConnection) -> None:
    ask = text(f"SELECT pg_try_advisory_lock({_KEY})")
    while not (await connection.execute(ask)).scalar_one():  # noqa: ASYNC110 - another has it
        await asyncio.sleep(_LOOK_S)


async def _end(term: "asyncio.Future[None] | None") -> None:
    """Cancel the loops and wait until they are gone; raises what ended them before."""
    if term is None:
        return
    term.cancel()
    await asyncio.wait([term])
    if not term.cancelled():
        term.result()
