"""A report: one fact of ours that the national platform must learn of (归集上报)."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final, assert_never

from contracts.errors import Conflict, Forbidden
from contracts.gateway import (
    Operation,
    ReportDelivered,
    ReportId,
    ReportKind,
    ReportRejected,
    ReportState,
    Source,
)
from contracts.item_registry import DepartmentId, RegionId
from contracts.says import Decided

_SEQUENCE: Final = 99_999
_LOOKS: Final = (0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0)


@dataclass(frozen=True, slots=True)
class Report:
    """One row to report, without its content: pending → sent → delivered | rejected.

    A rejected one is mended at its owner and goes again: rejected → pending. `version` counts the
    times it is sent; `record` is where its owner keeps the whole; `lacks` names what keeps a
    pending one from being sent.
    """

    id: ReportId
    kind: ReportKind
    source: Source
    record: str
    subject: str
    department: DepartmentId
    region: RegionId
    code14: str
    state: ReportState
    version: int
    created_at: datetime
    cd_batch: str | None = None
    code: str | None = None
    field: str | None = None
    lacks: str | None = None
    settled_at: datetime | None = None

    @property
    def cd_id(self) -> str:
        """Give its identity at the platform, the same for ever."""
        return self.id

    @property
    def cd_operation(self) -> Operation:
        """Say what it is to the platform: new the first time, changed afterwards."""
        return Operation.INSERT if self.version == 1 else Operation.UPDATE


class BatchState(StrEnum):
    """Where a batch is: made → posted → settled."""

    MADE = "made"
    POSTED = "posted"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one sender on one day; `looked` counts how often its receipt was asked for."""

    cd_batch: str
    cd_source: str
    state: BatchState
    looked: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the platform said about one row; a refusal names field and code."""

    cd_id: str
    delivered: bool
    field: str = ""
    code: str = ""


class NotRejected(Conflict):
    """Only what the platform refused, or what lacked something, is sent again."""

    code = "report-not-rejected"


class OthersReport(Forbidden):
    """A report is sent again by the department whose fact it is."""

    code = "report-of-another-department"


class BatchesUsedUp(Conflict):
    """A day has at most 99,999 batches (five digits)."""

    code = "batches-used-up"


def sent(report: Report, batch: Batch) -> Report:
    """Note that the platform has the row; its receipt is still to come."""
    return replace(report, state=ReportState.SENT, cd_batch=batch.cd_batch, lacks=None)


def lacking(report: Report, field: str) -> Report:
    """Note what its owner's record lacks; it waits outside any batch until that is mended."""
    return replace(report, cd_batch=None, lacks=field)


def settled(report: Report, verdict: Verdict, at: datetime) -> Decided[Report]:
    """Take the platform's receipt, and announce it."""
    if report.cd_batch is None:
        raise NotRejected(report=report.id, state=report.state)
    if verdict.delivered:
        after = replace(report, state=ReportState.DELIVERED, settled_at=at)
        delivered = ReportDelivered(
            report=report.id,
            source=report.source,
            cd_id=report.cd_id,
            cd_batch=report.cd_batch,
            region=report.region,
        )
        return Decided(after, says=(delivered,))
    after = replace(
        report,
        state=ReportState.REJECTED,
        settled_at=at,
        code=verdict.code,
        field=verdict.field,
    )
    rejected = ReportRejected(
        report=report.id,
        source=report.source,
        cd_id=report.cd_id,
        cd_batch=report.cd_batch,
        code=verdict.code,
        field=verdict.field,
        region=report.region,
    )
    return Decided(after, says=(rejected,))


def resend(report: Report, *, by: str | None, overseer: bool) -> Decided[Report]:
    """Send a refused row again as a change, or look again at what lacked something.

    Refuses: OthersReport, NotRejected.
    """
    if by != report.department and not overseer:
        raise OthersReport(report=report.id, department=report.department)
    match report.state:
        case ReportState.REJECTED:
            again = replace(
                report,
                state=ReportState.PENDING,
                version=report.version + 1,
                cd_batch=None,
                code=None,
                field=None,
                settled_at=None,
            )
            return Decided(again)
        case ReportState.PENDING if report.lacks is not None:
            return Decided(replace(report, lacks=None))
        case ReportState.PENDING | ReportState.SENT | ReportState.DELIVERED:
            raise NotRejected(report=report.id, state=report.state)
        case _:
            assert_never(report.state)


def batch_number(day: date, before: int) -> str:
    """Give the next `cd_batch`: yyyymmdd and a five-digit sequence. Refuses: BatchesUsedUp."""
    if before >= _SEQUENCE:
        raise BatchesUsedUp(day=day.isoformat())
    return f"{day:%Y%m%d}{before + 1:05d}"


def look_again(looked: int) -> timedelta:
    """Say how long to wait before a receipt is asked for again: the platform answers late."""
    return timedelta(seconds=_LOOKS[min(looked, len(_LOOKS) - 1)])
