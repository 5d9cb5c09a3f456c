"""The audit row: who did what to which object, when, why and on which basis.

Columns are final from the first migration; sealing into a chain comes later and rewrites nothing.
The app role may insert and read, never change or delete (kit.migrations grants just that).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, Integer, Table, Text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.acts import Act
from contracts.classes import masked
from kit.db import INTERNAL, dealing, digest_of, standing

audit = Table(
    "audit",
    standing,
    Column("seq", BigInteger, Identity(), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("acted_on", DateTime(timezone=True), nullable=False),
    Column("actor", Text, nullable=False),
    Column("department", Text),
    Column("act", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("version", Integer),
    Column("digest_before", Text),
    Column("digest_after", Text),
    Column("reason", Text),
    Column("basis", Text),
    Column("correlation", Text),
    info=INTERNAL,
)
Index("audit_object", audit.c.object, audit.c.seq)


@dataclass(frozen=True, slots=True)
class Change:
    """What changed: the object's name, its value before and after; only digests are kept."""

    object: str
    before: Any
    after: Any
    version: int | None = None
    correlation: str | None = None


async def record(tx: AsyncConnection, act: Act, change: Change) -> None:
    """Write the audit row of one act, in its transaction."""
    await record_each(tx, [(act, change)])


async def record_each(tx: AsyncConnection, changes: Iterable[tuple[Act, Change]]) -> None:
    """Write the audit rows of many acts in one round trip."""
    about = dealing(tx)
    cause = about.cause.correlationid if about.cause else None
    rows = [
        {
            "at": about.now,
            "acted_on": act.acted_on or about.now,
            "actor": about.actor.id,
            "department": about.actor.department,
            "act": about.operation,
            "object": masked(change.object),
            "version": change.version,
            "digest_before": None if change.before is None else digest_of(change.before),
            "digest_after": None if change.after is None else digest_of(change.after),
            # No audit row is ever changed: what must be erasable one day is not written into it.
            "reason": act.reason and masked(act.reason),
            "basis": act.basis and masked(act.basis),
            "correlation": change.correlation or cause or about.traceparent,
        }
        for act, change in changes
    ]
    if rows:
        await tx.execute(insert(audit), rows)
