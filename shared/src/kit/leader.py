"""One active process a service: readers, relay and jobs run in one, whose lock PostgreSQL holds.

A second process of the same service serves HTTP and waits; when the first one's connection ends
the lock is free. Losing the connection ends the process at its next look, or when the network has
been silent too long (`kit.db`); what two active ones do meanwhile has one effect: the inbox knows
the event, and a job's cursor is locked.
"""

import asyncio
from dataclasses import dataclass, field

from sqlalchemy import text

from kit.db import Database
from kit.failures import is_outage
from kit.log import get

_KEY = 4_711_002
_LOOK_S = 1.0

_log = get(__name__)


@dataclass(frozen=True, slots=True)
class Leader:
    """Waits for the lock, then holds it for as long as the process lives."""

    database: Database
    elected: asyncio.Event = field(default_factory=asyncio.Event)

    async def keep(self) -> None:
        """Take the lock and keep asking whether the connection stands; raises when it does not."""
        while not self.elected.is_set():
            try:
                await self._hold()
            except Exception as no:
                if self.elected.is_set() or not is_outage(no):
                    raise
                _log.warning("leader_waits", error=repr(no))
                await asyncio.sleep(_LOOK_S)

    async def _hold(self) -> None:
        async with self.database.engine.connect() as opened:
            connection = await opened.execution_options(isolation_level="AUTOCOMMIT")
            ask = text(f"SELECT pg_try_advisory_lock({_KEY})")
            while not (await connection.execute(ask)).scalar_one():  # noqa: ASYNC110 - another has it
                await asyncio.sleep(_LOOK_S)
            self.elected.set()
            while True:
                await asyncio.sleep(_LOOK_S)
                await connection.execute(text("SELECT 1"))
