"""Bulk imports: a durable upload, then batches of rows, each with its cursor in one transaction.

`POST /things:import` writes the body in chunks to the service's own database in the transaction
that answers 202. A worker takes the rows in batches: effects, faults and cursor commit together,
so that a killed process goes on where it stopped and no row counts twice.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from pydantic import BaseModel
from sqlalchemy import (
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    func,
    null,
    select,
)
from sqlalchemy.dialects.postgresql import JSON, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.errors import Refusal
from kit.clock import new_id
from kit.db import INTERNAL, dealing, standing
from kit.sheets import Columns
from kit.uploads import Reading

M = TypeVar("M", bound=BaseModel)

BATCH = 500
KEPT = timedelta(days=30)  # rejected rows, from the end of their job on

job = Table(
    "job",
    standing,
    Column("id", Text, primary_key=True),
    Column("collection", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("department", Text),
    Column("line", Text),
    Column("media", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("read", Integer, nullable=False, server_default="0"),
    Column("accepted", Integer, nullable=False, server_default="0"),
    Column("provisional", Integer, nullable=False, server_default="0"),
    Column("duplicate", Integer, nullable=False, server_default="0"),
    Column("revised", Integer, nullable=False, server_default="0"),
    Column("rejected", Integer, nullable=False, server_default="0"),
    Column("skipped", Integer, nullable=False, server_default="0"),
    Column("sheet", Text),
    Column("layout", JSONB),
    Column("ignored", JSONB, nullable=False, server_default="[]"),
    Column("fault", JSONB),
    Column("bytes", Integer, nullable=False),
    Column("traceparent", Text),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("finished_at", DateTime(timezone=True)),
    info=INTERNAL,
)
# The worker asks for the oldest that is not done.
Index("job_open", job.c.created_at, postgresql_where=job.c.status.in_(["queued", "running"]))

job_chunk = Table(
    "job_chunk",
    standing,
    Column("job", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
    PrimaryKeyConstraint("job", "number"),
    info=INTERNAL,
)
job_error = Table(
    "job_error",
    standing,
    Column("job", Text, nullable=False),
    Column("row", Integer, nullable=False),
    Column("place", Integer, nullable=False),
    Column("column", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("facts", JSONB, nullable=False),
    PrimaryKeyConstraint("job", "row", "place"),
    info=INTERNAL,
)
# A rejected row as it stood in the file, for the error workbook; others are not kept.
job_row = Table(
    "job_row",
    standing,
    Column("job", Text, nullable=False),
    Column("row", Integer, nullable=False),
    Column("cells", JSON, nullable=False),  # not JSONB: names and numbers stay as they were
    PrimaryKeyConstraint("job", "row"),
    info=INTERNAL,
)


@dataclass(frozen=True, slots=True)
class Upload:
    """Whose rows these are: the job, the client, its department and line, and its request."""

    job: str
    client: str
    department: str | None
    line: str | None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Row(Generic[M]):
    """A row that could be read, with its number in the file."""

    number: int
    value: M


@dataclass(frozen=True, slots=True)
class RowFault:
    """What is wrong with one row: its column, a code of `problems.toml`, and that code's facts."""

    row: int
    column: str
    code: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Taken:
    """How a batch went: `provisional`, `duplicate` and `revised` are parts of `accepted`."""

    accepted: int
    provisional: int = 0
    duplicate: int = 0
    revised: int = 0
    faults: tuple[RowFault, ...] = ()


Take = Callable[[AsyncConnection, Sequence[Row[Any]], Upload], Awaitable[Taken]]


@dataclass(frozen=True, slots=True)
class Import:
    """One collection that can be loaded in bulk: the model of a row, and what takes a batch."""

    collection: str
    row: type[BaseModel]
    take: Take
    batch: int = BATCH

    def reading(self, media: str) -> Reading:
        """Prepare to read an upload of these rows."""
        return Reading.of(media, Columns.of(self.row))


async def forget(tx: AsyncConnection) -> None:
    """Delete the rejected rows, and what was wrong with them or the file, of jobs long ended.

    They may hold personal data, and serve only to be mended; the job and its counts stay.
    """
    over = select(job.c.id).where(job.c.finished_at < dealing(tx).now - KEPT)
    await tx.execute(job_row.delete().where(job_row.c.job.in_(over)))
    await tx.execute(job_error.delete().where(job_error.c.job.in_(over)))
    told = job.c.id.in_(over) & job.c.fault.is_not(None)
    await tx.execute(job.update().where(told).values(fault=null()))


def fault_of(number: int, refusal: Refusal) -> RowFault:
    """Make a row's fault of a refusal that names a field."""
    facts = {name: _plain(value) for name, value in refusal.facts.items()}
    return RowFault(number, str(facts.get("field", "")), refusal.code, facts)


def _plain(value: object) -> object:
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(each) for each in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def new_job_id(service: str) -> str:
    """Make a job's id; the gateway reads the service from it."""
    return f"{service}-{new_id()}"


@dataclass(frozen=True, slots=True)
class JobState:
    """A job as its client sees it."""

    id: str
    collection: str
    client: str
    status: str
    accepted: int
    provisional: int
    duplicate: int
    revised: int
    rejected: int
    skipped: int
    sheet: str | None
    ignored: list[str]
    fault: dict[str, Any] | None
    created_at: datetime
    finished_at: datetime | None


async def state(tx: AsyncConnection, id_: str) -> JobState | None:
    """Give a job's state."""
    query = select(*(job.c[name] for name in JobState.__dataclass_fields__)).where(job.c.id == id_)
    found = (await tx.execute(query)).one_or_none()
    return JobState(*found) if found else None


async def open_jobs(tx: AsyncConnection) -> int:
    """Count the jobs that are not finished."""
    query = select(func.count()).where(job.c.status.in_(["queued", "running"]))
    return int((await tx.execute(query)).scalar_one())
