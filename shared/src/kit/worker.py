"""The worker of bulk imports: takes uploads oldest first, batch by batch, and loses no row.

Effects, faults and cursor of a batch commit together, so that a killed process goes on where it
stopped. A batch that fails as a whole is taken row by row, so that one row harms no other; an
upload that cannot be worked through fails, so that it harms no other upload.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from sqlalchemy import select

from contracts.errors import Refusal
from kit import idempotency, jobs
from kit.auth import system
from kit.clock import elapsed_s
from kit.db import Database, dealing, storable
from kit.failures import is_outage
from kit.faults import note, parse
from kit.jobs import (
    Import,
    Row,
    RowFault,
    Taken,
    Upload,
    fault_of,
    job,
    job_chunk,
)
from kit.log import get
from kit.sheets import Raw
from kit.uploads import Reading, rows_of

_POLL_S = 1.0
_FORGET_S = 3600.0
# Rows of so many pieces wait for a whole batch: wide ones would fill the memory.
_PIECES = 8

# The collection and how the file is read, then an Upload's fields.
_NEXT = tuple(
    job.c[name]
    for name in ("collection", "media", "id", "client", "department", "line", "traceparent")
)

_log = get(__name__)


class JobBroken(Refusal):
    """An upload met a fault of ours; the log has it."""

    code = "internal"


async def run(database: Database, imports: Sequence[Import]) -> None:
    """Work through uploads, oldest first, for as long as the process lives."""
    specs = {spec.collection: spec for spec in imports}
    forget_at = 0.0
    while True:
        database.jobs_bell.clear()
        try:
            if elapsed_s() >= forget_at:
                await _forget(database)
                forget_at = elapsed_s() + _FORGET_S
            found = await _next(database, specs)
            if found is not None:
                await _work(database, specs[found[0]], found[1], found[2])
                continue
        except Exception as no:
            if not is_outage(no):
                raise
            _log.warning("job_pauses", error=repr(no))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_POLL_S):
                await database.jobs_bell.wait()


async def _forget(database: Database) -> None:
    async with database.begin(system(database.service), "jobs") as tx:
        await idempotency.forget(tx)
        await jobs.forget(tx)


async def _next(database: Database, specs: Iterable[str]) -> tuple[str, Upload, str] | None:
    async with database.begin(system(database.service), "jobs") as tx:
        query = (
            select(*_NEXT)
            .where(job.c.status.in_(["queued", "running"]), job.c.collection.in_(list(specs)))
            .order_by(job.c.created_at, job.c.id)
            .limit(1)
        )
        found = (await tx.execute(query)).one_or_none()
        if found is None:
            return None
        collection, media, *about = found
        upload = Upload(*about)
        await tx.execute(job.update().where(job.c.id == upload.job).values(status="running"))
        return collection, upload, media


async def _work(database: Database, spec: Import, upload: Upload, media: str) -> None:
    reading = spec.reading(media)
    fault: Refusal | None = None
    try:
        fault = await _read(database, spec, upload, reading)
    except Exception as no:
        if is_outage(no):
            raise
        _log.error("job_failed", job=upload.job, error=repr(no))
        fault = JobBroken()
    await _finish(database, upload.job, reading, fault)


async def _read(
    database: Database, spec: Import, upload: Upload, reading: Reading
) -> Refusal | None:
    """Take every row that can be read, batch by batch; gives why the file ends too early."""
    done = await _cursor(database, upload.job)
    waiting: list[Raw] = []
    pieces = 0
    fault: Refusal | None = None
    try:
        async with contextlib.aclosing(rows_of(_chunks(database, upload.job), reading)) as found:
            async for rows in found:
                waiting += [row for row in rows if row.number > done]
                pieces += 1
                over = len(waiting) % spec.batch if pieces < _PIECES else 0
                whole = len(waiting) - over
                for start in range(0, whole, spec.batch):
                    await _batch(database, spec, upload, waiting[start : start + spec.batch])
                del waiting[:whole]
                pieces = 0 if whole else pieces
    except Refusal as no:
        fault = no
    if waiting:
        await _batch(database, spec, upload, waiting)
    return fault


async def _batch(database: Database, spec: Import, upload: Upload, raws: list[Raw]) -> None:
    """Take a batch; when it fails as a whole, row by row, so that one row harms no other."""
    try:
        await _take(database, spec, upload, raws)
    except Exception as no:
        if is_outage(no):
            raise
        _log.warning("batch_failed", job=upload.job, rows=len(raws), error=repr(no))
        for raw in raws:
            await _alone(database, spec, upload, raw)


async def _alone(database: Database, spec: Import, upload: Upload, raw: Raw) -> None:
    try:
        await _take(database, spec, upload, [raw])
    except Exception as no:
        if is_outage(no):
            raise
        _log.error("row_failed", job=upload.job, row=raw.number, error=repr(no))
        # Nor are its cells kept: it may be they that cannot be.
        bare = raw._replace(fields=None, why=type(no).__name__, cells=None)
        await _take(database, spec, upload, [bare])


async def _cursor(database: Database, id_: str) -> int:
    async with database.begin(system(database.service), "jobs") as tx:
        return int((await tx.execute(select(job.c.read).where(job.c.id == id_))).scalar_one())


async def _chunks(database: Database, id_: str) -> AsyncIterator[bytes]:
    number = 0
    while True:
        async with database.begin(system(database.service), "jobs") as tx:
            query = select(job_chunk.c.data).filter_by(job=id_, number=number)
            data = (await tx.execute(query)).scalar_one_or_none()
        if data is None:
            return
        yield bytes(data)
        number += 1


async def _take(database: Database, spec: Import, upload: Upload, raws: list[Raw]) -> None:
    """Take rows in one transaction, less those that another process took.

    It may have taken some of them one by one, while this one did not know that it lost its lock.
    """
    rows: list[Row[Any]] = []
    faults: list[RowFault] = []
    for raw in raws:
        parsed = parse(spec.row, raw)
        if isinstance(parsed, Row):
            rows.append(parsed)
        else:
            faults += parsed
    operation = f"{spec.collection}:import"
    async with database.begin(
        system(database.service), operation, traceparent=upload.traceparent
    ) as tx:
        mine = select(job.c.read).where(job.c.id == upload.job, job.c.status == "running")
        read = (await tx.execute(mine.with_for_update())).scalar_one_or_none()
        if read is None or read >= raws[-1].number:
            return
        rows = [row for row in rows if row.number > read]
        faults = [fault for fault in faults if fault.row > read]
        taken = await spec.take(tx, rows, upload) if rows else Taken(0)
        faults += taken.faults
        await note(tx, upload.job, faults, raws)
        add = {
            "accepted": job.c.accepted + taken.accepted,
            "provisional": job.c.provisional + taken.provisional,
            "duplicate": job.c.duplicate + taken.duplicate,
            "revised": job.c.revised + taken.revised,
            "rejected": job.c.rejected + len({fault.row for fault in faults}),
            "read": raws[-1].number,
        }
        await tx.execute(job.update().where(job.c.id == upload.job).values(**add))


async def _finish(database: Database, id_: str, reading: Reading, no: Refusal | None) -> None:
    async with database.begin(system(database.service), "jobs") as tx:
        fault = None if no is None else {"code": no.code, **fault_of(0, no).facts}
        change = job.update().where(job.c.id == id_, job.c.status == "running")
        await tx.execute(
            change.values(
                status="done" if no is None else "failed",
                fault=storable(fault),
                ignored=storable(reading.sheet.ignored),
                skipped=reading.sheet.skipped,
                sheet=storable(reading.sheet.name),
                layout=storable(reading.sheet.layout()),
                finished_at=dealing(tx).now,
            )
        )
        await tx.execute(job_chunk.delete().where(job_chunk.c.job == id_))
