"""SQL of reports and their batches."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.envelope import Envelope
from contracts.errors import NotFound
from contracts.gateway import ReportId, ReportKind, ReportState, Source
from contracts.item_registry import RegionId
from gateway.exchange.domain.report import Batch, BatchState, Report, batch_number
from gateway.exchange.domain.rows import Division
from gateway.exchange.tables import batch, report
from kit import places
from kit.lists import Paging, page

AT_ONCE: Final = 200

_VALUE = (
    report.c.id,
    report.c.kind,
    report.c.source_service,
    report.c.source_id,
    report.c.record,
    report.c.subject,
    report.c.department,
    report.c.region,
    report.c.code14,
    report.c.state,
    report.c.version,
    report.c.created_at,
    report.c.cd_batch,
    report.c.code,
    report.c.field,
    report.c.lacks,
    report.c.settled_at,
)
_NAMES = tuple(column.name for column in _VALUE)
_BATCH = (batch.c.cd_batch, batch.c.cd_source, batch.c.state, batch.c.looked)


def _value(row: Sequence[Any]) -> Report:
    values = dict(zip(_NAMES, row, strict=True))
    source = Source(service=values.pop("source_service"), id=values.pop("source_id"))
    kind, state = ReportKind(values.pop("kind")), ReportState(values.pop("state"))
    return Report(**values, source=source, kind=kind, state=state)


async def add(tx: AsyncConnection, value: Report, *, cause: Envelope, readers: list[str]) -> None:
    """Write a new one; a fact that was reported before changes nothing."""
    row = insert(report).values(
        **_changing(value),
        id=value.id,
        kind=value.kind,
        source_service=value.source.service,
        source_id=value.source.id,
        record=value.record,
        subject=value.subject,
        department=value.department,
        region=value.region,
        code14=value.code14,
        created_at=value.created_at,
        cause=cause.model_dump_json(),
        look_at=value.created_at,
        readers=readers,
    )
    unique = [report.c.source_service, report.c.source_id]
    await tx.execute(row.on_conflict_do_nothing(index_elements=unique))


def _changing(value: Report) -> dict[str, Any]:
    return {
        "state": value.state,
        "version": value.version,
        "cd_batch": value.cd_batch,
        "code": value.code,
        "field": value.field,
        "lacks": value.lacks,
        "settled_at": value.settled_at,
    }


async def get(tx: AsyncConnection, id_: ReportId) -> Report:
    """Read one; raises NotFound, also when out of scope."""
    row = (await tx.execute(select(*_VALUE).where(report.c.id == id_))).one_or_none()
    if row is None:
        raise NotFound(report=id_)
    return _value(row)


async def lock(tx: AsyncConnection, id_: ReportId) -> Report:
    """Read one and hold it until the transaction ends; raises NotFound, also when out of scope."""
    query = select(*_VALUE).where(report.c.id == id_).with_for_update()
    row = (await tx.execute(query)).one_or_none()
    if row is None:
        raise NotFound(report=id_)
    return _value(row)


async def cause_of(tx: AsyncConnection, id_: ReportId) -> Envelope:
    """Give the envelope of the fact that a report is about."""
    query = select(report.c.cause).where(report.c.id == id_)
    return Envelope.model_validate_json((await tx.execute(query)).scalar_one())


async def save(tx: AsyncConnection, value: Report, *, look_at: datetime | None = None) -> None:
    """Write back what a decision changed, and when to look at it again."""
    change = report.update().where(report.c.id == value.id).values(**_changing(value))
    await tx.execute(change if look_at is None else change.values(look_at=look_at))


async def listed(
    tx: AsyncConnection, state: ReportState | None, subject: str | None, asked: Paging
) -> tuple[list[Report], str | None]:
    """List reports by id, which is also by age."""
    query = select(*_VALUE)
    if state is not None:
        query = query.where(report.c.state == state)
    if subject is not None:
        query = query.where(report.c.subject == subject)
    rows, next_ = await page(tx, query, by=(report.c.id,), asked=asked)
    return [_value(row) for row in rows], next_


# Batches -------------------------------------------------------------------------------------


async def waiting(tx: AsyncConnection, now: datetime) -> list[Report]:
    """Hold the oldest that are to be sent and are in no batch yet."""
    query = (
        select(*_VALUE)
        .where(
            report.c.state == ReportState.PENDING,
            report.c.cd_batch.is_(None),
            report.c.look_at <= now,
        )
        .order_by(report.c.look_at)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    return [_value(row) for row in await tx.execute(query)]


async def make_batch(
    tx: AsyncConnection, cd_source: str, reports: Sequence[Report], *, day: date, now: datetime
) -> Batch:
    """Put reports of one sender into a new batch of the day."""
    before = select(func.max(batch.c.cd_batch)).where(batch.c.day == day)
    last = (await tx.execute(before)).scalar_one_or_none()
    number = int(str(last)[8:]) if last else 0
    made = Batch(batch_number(day, number), cd_source, BatchState.MADE)
    row = {"cd_batch": made.cd_batch, "cd_source": cd_source, "day": day, "look_at": now}
    await tx.execute(insert(batch).values(**row, state=made.state, looked=0))
    change = report.update().where(report.c.id.in_([one.id for one in reports]))
    await tx.execute(change.values(cd_batch=made.cd_batch))
    return made


async def open_batches(tx: AsyncConnection, now: datetime) -> list[Batch]:
    """Give the batches that are to be posted, or whose receipt is to be asked for."""
    query = select(*_BATCH).where(batch.c.state != BatchState.SETTLED, batch.c.look_at <= now)
    rows = (await tx.execute(query.order_by(batch.c.cd_batch))).all()
    return [Batch(id_, source, BatchState(state), looked) for id_, source, state, looked in rows]


async def save_batch(
    tx: AsyncConnection, value: Batch, *, now: datetime, wait: timedelta = timedelta()
) -> None:
    """Write back where a batch is, and when to look at it again."""
    change = batch.update().where(batch.c.cd_batch == value.cd_batch)
    await tx.execute(change.values(state=value.state, looked=value.looked, look_at=now + wait))


async def in_batch(tx: AsyncConnection, value: Batch) -> list[Report]:
    """Give a batch's reports."""
    query = select(*_VALUE).where(report.c.cd_batch == value.cd_batch).order_by(report.c.id)
    return [_value(row) for row in await tx.execute(query)]


# Places --------------------------------------------------------------------------------------


async def divisions(
    tx: AsyncConnection, nodes: Iterable[RegionId]
) -> dict[str, tuple[Division, ...]]:
    """Give the GB/T 2260 divisions that some nodes covered, with their days."""
    query = select(places.region.c.id, places.region.c.divisions)
    rows = await tx.execute(query.where(places.region.c.id.in_(sorted(set(nodes)))))
    return {
        node: tuple(
            Division(span["code"], _day(span.get("from")), _day(span.get("to"))) for span in spans
        )
        for node, spans in rows
    }


def _day(value: str | None) -> date | None:
    return date.fromisoformat(value) if value else None
