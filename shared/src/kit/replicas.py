"""Replicated state: how a reader keeps an R event, and how owner and reader are compared.

Both sides fold their rows into 64 buckets: the sum of SHA-256 over each row's canonical JSON. Equal
buckets mean equal rows; in an unequal one the ids whose digests differ are named.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, Table, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.says import Fact
from kit.db import canonical
from kit.outbox import outbox

BUCKETS = 64


@dataclass(frozen=True, slots=True)
class Replica:
    """A read model of one R event: `query` selects its id, its version, then `fields` in order."""

    event: type[Fact]
    fields: tuple[str, ...]
    query: Select[Any]

    @classmethod
    def of_table(cls, event: type[Fact], table: Table, key: str | None = None) -> "Replica":
        """Make the usual one: a table whose columns are the event's fields and `version`."""
        key = key or event.aggregate
        fields = tuple(column.name for column in table.columns if column.name != "version")
        return cls(
            event, fields, select(table.c[key], table.c.version, *(table.c[f] for f in fields))
        )


async def upsert(tx: AsyncConnection, table: Table, key: str, rows: list[dict[str, Any]]) -> None:
    """Write rows of an R event that are newer than what stands, in one statement."""
    if not rows:
        return
    row = insert(table)
    await tx.execute(
        row.on_conflict_do_update(
            index_elements=[table.c[key]],
            set_={name: row.excluded[name] for name in rows[0] if name != key},
            where=row.excluded.version > table.c.version,
        ),
        rows,
    )


@dataclass(slots=True)
class Fold:
    """A set of rows in 64 sums; `rows` keeps each digest of one bucket when that is asked."""

    only: int | None = None
    count: int = 0
    sums: list[int] | None = None
    rows: dict[str, str] | None = None

    def add(self, id_: str, version: int, data: Mapping[str, object]) -> None:
        """Fold in one row."""
        digest = hashlib.sha256(canonical([id_, version, _plain(data)])).digest()
        bucket = hashlib.sha256(id_.encode()).digest()[0] % BUCKETS
        self.count += 1
        if self.sums is None:
            self.sums = [0] * BUCKETS
        self.sums[bucket] = (self.sums[bucket] + int.from_bytes(digest)) % (1 << 256)
        if bucket == self.only:
            if self.rows is None:
                self.rows = {}
            self.rows[id_] = digest.hex()

    def view(self) -> dict[str, Any]:
        """Give count, the buckets as hex, and the rows of the bucket asked for."""
        sums = self.sums or [0] * BUCKETS
        return {"count": self.count, "buckets": [f"{n:x}" for n in sums], "rows": self.rows or {}}


def _plain(data: Mapping[str, object]) -> dict[str, object]:
    return {name: list(v) if isinstance(v, tuple) else v for name, v in data.items()}


async def kept(tx: AsyncConnection, replica: Replica, bucket: int | None = None) -> Fold:
    """Fold what a reader holds."""
    fold = Fold(only=bucket)
    result = await tx.stream(replica.query)
    async for id_, version, *values in result:
        fold.add(id_, version, _dated(dict(zip(replica.fields, values, strict=True))))
    return fold


async def published(
    tx: AsyncConnection, type_: str, fields: Iterable[str], bucket: int | None = None
) -> Fold:
    """Fold what an owner announced: the last state of each aggregate, or of each row of a batch."""
    wanted = tuple(fields)
    latest: dict[str, tuple[int, dict[str, object]]] = {}
    query = select(outbox.c.aggregate, outbox.c.sequence, outbox.c.envelope)
    result = await tx.stream(query.where(outbox.c.type == type_).order_by(outbox.c.id))
    async for aggregate, sequence, text in result:
        data = json.loads(text)["data"]
        rows = data.get("rows")
        if rows is None:
            latest[aggregate.split("/", 1)[1]] = (sequence, data)
            continue
        for row in rows:
            if row["version"] > latest.get(row["id"], (0, {}))[0]:
                latest[row["id"]] = (row["version"], row)
    fold = Fold(only=bucket)
    for id_, (version, data) in latest.items():
        fold.add(id_, version, {name: data.get(name) for name in wanted})
    return fold


def _dated(data: dict[str, object]) -> dict[str, object]:
    return {n: v.isoformat() if hasattr(v, "isoformat") else v for n, v in data.items()}
