"""`/livez`, `/readyz`, `/status`, `/metrics`: for the supervisor and the operator, not for callers.

Live: the event loop runs. Ready: database, schema head or a later one, key set, and not draining;
NATS down only degrades (the outbox absorbs). What degrades stands in `/status`, from one small
query.
"""

import asyncio
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Final

from fastapi import FastAPI, Response
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from kit import meters, revisions
from kit.backlog import Backlog, backlog
from kit.clock import elapsed_s, real_seconds
from kit.context import Context

_LOOK_S: Final = 2.0
_OLD_S: Final = 30.0
# So long may all connections be in use before that says something about the database: longer than
# a silent one is waited for (kit.db).
_BUSY_S: Final = 15.0


def install(app: FastAPI, context: Context, head: str) -> None:
    """Give an app the four paths; `head` is the schema that its code was written for."""
    readiness = _Readiness(context, head)

    @app.get("/livez", include_in_schema=False)
    async def livez() -> dict[str, str]:
        """Answer while the event loop runs."""
        return {"status": "ok"}

    @app.get("/readyz", include_in_schema=False)
    async def readyz(response: Response) -> dict[str, object]:
        """Say whether requests should come here."""
        said = await readiness.say()
        response.status_code = 200 if said["ready"] else 503
        return said

    @app.get("/status", include_in_schema=False)
    async def status() -> dict[str, object]:
        """Say what is degraded, and how much waits."""
        return _status(context, await backlog(context.db))

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        """Give what is counted."""
        waits = await backlog(context.db)
        if waits is not None:
            meters.OUTBOX.set(waits.outbox)
            meters.DEAD_LETTERS.set(waits.dead_letters)
            meters.JOBS.set(waits.jobs)
        meters.POOL.set(context.db.engine.pool.checkedout())  # type: ignore[attr-defined]
        meters.LEADER.set(context.connection.leads)
        return Response(meters.written(), media_type=meters.MEDIA)


@dataclass(slots=True)
class _Readiness:
    context: Context
    head: str
    schema: str = "unreachable"
    started_at: str = ""
    looked_at: float = -math.inf

    def __post_init__(self) -> None:
        self.started_at = datetime.fromtimestamp(real_seconds(), UTC).isoformat()

    async def say(self) -> dict[str, object]:
        await self._look()
        connection = self.context.connection
        keys = bool(self.context.verifier.keys.keys)
        return {
            "service": self.context.service,
            "ready": revisions.stands(self.schema, self.head) and keys and not connection.draining,
            "schema": self.schema,
            "keys": keys,
            "draining": connection.draining,
            "started_at": self.started_at,
            "nats": connection.bus is not None and connection.bus.connected,
        }

    async def _look(self) -> None:
        """Read the schema's head; all connections being busy says nothing about the database."""
        try:
            async with asyncio.timeout(_LOOK_S), self.context.db.engine.connect() as connection:
                found = await connection.execute(text("SELECT version_num FROM alembic_version"))
                self.schema = str(found.scalar_one())
        except (SQLAlchemyError, OSError, TimeoutError):
            if not self._busy():
                self.schema = "unreachable"
        else:
            self.looked_at = elapsed_s()

    def _busy(self) -> bool:
        held: int = self.context.db.engine.pool.checkedout()  # type: ignore[attr-defined]
        lately = elapsed_s() < self.looked_at + _BUSY_S
        return lately and held >= 2 * self.context.settings.pool_size


def _status(context: Context, waits: Backlog | None) -> dict[str, object]:
    connection = context.connection
    connected = connection.bus is not None and connection.bus.connected
    degraded = list(connection.drift)
    if not connected:
        degraded.append("NATS is not connected: events wait in the outbox")
    if waits is None:
        degraded.append("the database does not answer")
    elif waits.oldest_s > _OLD_S:
        age = f"{waits.oldest_s:.0f} s"
        degraded.append(f"the first of {waits.outbox} unpublished events is {age} old")
    if waits is not None and waits.dead_letters:
        degraded.append(f"{waits.dead_letters} events are parked: heli dlq list")
    return {
        "service": context.service,
        "version": version("heli-shared"),
        "leads": connection.leads,
        "draining": connection.draining,
        "nats": connected,
        "outbox_waiting": waits.outbox if waits else None,
        "outbox_oldest_s": waits.oldest_s if waits else None,
        "dead_letters": waits.dead_letters if waits else None,
        "jobs_open": waits.jobs if waits else None,
        "degraded": degraded,
    }
