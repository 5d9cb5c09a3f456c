"""Events in, for the exchange: what must be reported to the national platform."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.clue_dispatch import PenaltyDecided
from contracts.gateway import ReportId, ReportKind, ReportState, Source
from contracts.item_registry import RegionId
from contracts.joint_inspection import ResultRecorded
from gateway.exchange import store
from gateway.exchange.domain.report import Report
from kit import places
from kit.clock import new_id
from kit.db import dealing
from kit.inbox import on


async def _result(tx: AsyncConnection, event: ResultRecorded, now: datetime) -> None:
    await _add(
        tx,
        Report(
            id=ReportId(new_id()),
            kind=ReportKind.INSPECTION,
            source=Source(service=event.service(), id=event.result),
            record=event.visit,
            subject=event.subject,
            department=event.department,
            region=event.region,
            code14=event.code14,
            state=ReportState.PENDING,
            version=1,
            created_at=now,
        ),
    )


async def _penalty(tx: AsyncConnection, event: PenaltyDecided, now: datetime) -> None:
    await _add(
        tx,
        Report(
            id=ReportId(new_id()),
            kind=ReportKind.PENALTY,
            source=Source(service=event.service(), id=event.penalty),
            record=event.case,
            subject=event.subject,
            department=event.department,
            region=event.region,
            code14=event.code14,
            state=ReportState.PENDING,
            version=1,
            created_at=now,
        ),
    )


async def _add(tx: AsyncConnection, report: Report) -> None:
    cause = dealing(tx).cause
    if cause is None:
        msg = "a report follows from an event"
        raise LookupError(msg)
    chain = await places.chain(tx, RegionId(report.region))
    agency = (await places.agencies(tx, [report.department])).get(report.department)
    lines = (agency.line,) if agency else ()
    readers = places.readers(chain, lines, (report.department,))
    await store.add(tx, report, cause=cause, readers=readers)


SUBSCRIPTIONS = (on(ResultRecorded, _result), on(PenaltyDecided, _penalty))
