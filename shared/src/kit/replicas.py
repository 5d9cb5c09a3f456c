"""Replicated state: how a reader keeps an R event, and how owner and reader are compared.

A row is taken when its version is newer. What its owner says is gone leaves a tombstone, so that an
older state that comes late does not bring it back. While a replay's run announces states, they are
taken whatever stands, once a run; at its end the rows that it did not name go (`kit.replay`).

Both sides fold their rows into 64 buckets: the sum of SHA-256 over each row's canonical JSON. Equal
buckets mean equal rows; in an unequal one the ids whose digests differ are named.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    delete,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.says import Fact
from kit.db import INTERNAL, canonical, dealing, standing

BUCKETS = 64

# The run that last announced states on a stream; a row that it did not name has another `run`.
known_run = Table(
    "known_run",
    standing,
    Column("stream", Text, primary_key=True),
    Column("run", Text, nullable=False),
    info=INTERNAL,
)
tombstone = Table(
    "tombstone",
    standing,
    Column("kept_in", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    PrimaryKeyConstraint("kept_in", "id"),
    info=INTERNAL,
)
_OWN = ("version", "run")  # columns that every read model has


@dataclass(frozen=True, slots=True)
class Replica:
    """A read model of one R event: a table with its fields, `version`, and `run`."""

    event: type[Fact]
    table: Table
    key: str
    fields: tuple[str, ...]

    @classmethod
    def of_table(cls, event: type[Fact], table: Table, key: str | None = None) -> "Replica":
        """Make it of a table whose columns are the event's fields, `version` and `run`."""
        fields = tuple(column.name for column in table.columns if column.name not in _OWN)
        return cls(event, table, key or event.aggregate, fields)


async def upsert(
    tx: AsyncConnection, table: Table, key: str, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Write the rows of an R event that are newer than what stands; `gone` ones leave tombstones.

    Of rows with one key in one event the newest counts.
    """
    given = {row[key]: dict(row) for row in sorted(rows, key=lambda row: int(row["version"]))}
    if not given:
        return
    gone = [id_ for id_, row in given.items() if row.pop("gone", False)]
    run = dealing(tx).run
    if run is None:
        older = await _buried(tx, table, given)
        given = {id_: row for id_, row in given.items() if row["version"] > older.get(id_, 0)}
    else:
        await _dig_up(tx, table, given)
    dead = [given.pop(id_) for id_ in gone if id_ in given]
    if dead:
        await _bury(tx, table, key, dead)
    if given:
        await _write(tx, table, key, list(given.values()))


async def _write(tx: AsyncConnection, table: Table, key: str, rows: list[dict[str, Any]]) -> None:
    about = dealing(tx)
    owner = about.cause.source if about.cause else about.service
    current = select(known_run.c.run).where(known_run.c.stream == owner).scalar_subquery()
    row = insert(table).values(run=current)
    newer = row.excluded.version > table.c.version
    if about.run is not None:
        newer = or_(newer, table.c.run.is_distinct_from(row.excluded.run))
    await tx.execute(
        row.on_conflict_do_update(
            index_elements=[table.c[key]],
            set_={name: row.excluded[name] for name in (*rows[0], "run") if name != key},
            where=newer,
        ),
        rows,
    )


async def _buried(tx: AsyncConnection, table: Table, ids: Iterable[str]) -> dict[str, int]:
    query = select(tombstone.c.id, tombstone.c.version).where(
        tombstone.c.kept_in == table.name, tombstone.c.id.in_(sorted(ids))
    )
    return {id_: version for id_, version in await tx.execute(query)}  # noqa: C416 - rows are typed by unpacking


async def _dig_up(tx: AsyncConnection, table: Table, ids: Iterable[str]) -> None:
    mine = (tombstone.c.kept_in == table.name) & tombstone.c.id.in_(sorted(ids))
    await tx.execute(delete(tombstone).where(mine))


async def _bury(tx: AsyncConnection, table: Table, key: str, dead: list[dict[str, Any]]) -> None:
    row = insert(tombstone)
    newer = row.excluded.version > tombstone.c.version
    await tx.execute(
        row.on_conflict_do_update(
            index_elements=["kept_in", "id"], set_={"version": row.excluded.version}, where=newer
        ),
        [{"kept_in": table.name, "id": one[key], "version": one["version"]} for one in dead],
    )
    for one in dead:
        here = table.c[key] == one[key]
        older = here if dealing(tx).run else here & (table.c.version < one["version"])
        await tx.execute(delete(table).where(older))


def ended_type(service: str) -> str:
    """Name the message that ends a run; it is no event, and stands in no outbox."""
    return f"{service}.replay.ended.v1"


async def begin_runs(tx: AsyncConnection, stream: str, runs: Iterable[str]) -> dict[str, str]:
    """Note that runs announce states on a stream; gives the latest one, itself by itself.

    Ids of runs are ordered (UUIDv7): what an older run says is taken like any event.
    """
    latest = max(runs, default=None)
    if latest is None:
        return {}
    row = insert(known_run).values(stream=stream, run=latest)
    newer = known_run.c.run < row.excluded.run
    await tx.execute(
        row.on_conflict_do_update(
            index_elements=["stream"], set_={"run": row.excluded.run}, where=newer
        )
    )
    found = select(known_run.c.run).where(known_run.c.stream == stream)
    known = (await tx.execute(found)).scalar_one()
    return {known: known}


async def end_run(tx: AsyncConnection, run: str, tables: Iterable[Table]) -> None:
    """Drop the rows that the run did not name: their owner has them no more."""
    for table in tables:
        await tx.execute(delete(table).where(table.c.run.is_distinct_from(run)))


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
    c = replica.table.c
    query = select(c[replica.key], c.version, *(c[name] for name in replica.fields))
    async for id_, version, *values in await tx.stream(query):
        fold.add(id_, version, _dated(dict(zip(replica.fields, values, strict=True))))
    return fold


# The state of each aggregate, or of each row of the batches; of a tombstone nothing is kept.
_SAID = text(
    "SELECT * FROM ("
    " SELECT DISTINCT ON (id) id, version, data FROM ("
    "  SELECT split_part(aggregate, '/', 2) AS id, sequence AS version,"
    "   envelope::jsonb->'data' AS data FROM outbox"
    "   WHERE type = :type AND NOT envelope::jsonb->'data' ? 'rows'"
    "  UNION ALL SELECT one->>'id', (one->>'version')::int, one FROM outbox,"
    "   jsonb_array_elements(envelope::jsonb->'data'->'rows') AS one WHERE type = :type"
    " ) AS every ORDER BY id, version DESC"
    ") AS last WHERE NOT coalesce((data->>'gone')::bool, false)"
)


async def published(
    tx: AsyncConnection, type_: str, fields: Iterable[str], bucket: int | None = None
) -> Fold:
    """Fold what an owner announced: the last state of each aggregate, or of each row of a batch."""
    wanted = tuple(fields)
    fold = Fold(only=bucket)
    async for id_, version, data in await tx.stream(_SAID, {"type": type_}):
        fold.add(id_, version, {name: data.get(name) for name in wanted})
    return fold


def _dated(data: dict[str, object]) -> dict[str, object]:
    return {n: v.isoformat() if hasattr(v, "isoformat") else v for n, v in data.items()}
