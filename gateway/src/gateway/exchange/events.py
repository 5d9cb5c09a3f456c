"""Events in, for the exchange: what must be reported to the national platform."""

from datetime import datetime
from typing import assert_never

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


async def _report(
    tx: AsyncConnection, event: ResultRecorded | PenaltyDecided, now: datetime
) -> None:
    """Report one fact: the content is read from its owner when the batch goes."""
    match event:
        case ResultRecorded():
            kind, fact, record = ReportKind.INSPECTION, event.result, event.visit
        case PenaltyDecided():
            kind, fact, record = ReportKind.PENALTY, event.penalty, event.case
        case _:
            assert_never(event)
    await _add(
        tx,
        Report(
            id=ReportId(new_id()),
            kind=kind,
            source=Source(service=event.service(), id=fact),
            record=record,
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


SUBSCRIPTIONS = (on(ResultRecorded, _report), on(PenaltyDecided, _report))
