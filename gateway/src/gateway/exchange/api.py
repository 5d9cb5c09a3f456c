"""HTTP in, for reports to the national platform."""

from typing import Annotated

from fastapi import Query

from contracts.acts import Act
from contracts.gateway import ReportId, ReportPage, ReportState, ReportView
from contracts.roles import OVERSEERS
from gateway.exchange import store
from gateway.exchange.domain import report as domain
from gateway.exchange.domain.report import Report
from kit.acts import conclude
from kit.context import Caller, Ctx, Now, Tx
from kit.context import router as routes
from kit.lists import Asked

router = routes("/reports", "exchange")


def _shown(report: Report) -> ReportView:
    return ReportView.model_validate(report)


@router.get("")
async def list_reports(
    ctx: Ctx,
    tx: Tx,
    asked: Asked,
    state: Annotated[ReportState | None, Query(description="上报状态")] = None,
    subject: Annotated[str | None, Query(description="监管对象 id")] = None,
) -> ReportPage:
    """List what is, or was, to be reported; without a platform all of it stays pending."""
    found, next_ = await store.listed(tx, state, subject, asked)
    items = [_shown(report) for report in found]
    return ReportPage(items=items, next=next_, platform=ctx.extras.platform is not None)


@router.get("/{report_id}")
async def get_report(report_id: ReportId, tx: Tx) -> ReportView:
    """Give one report."""
    return _shown(await store.get(tx, report_id))


@router.post("/{report_id}:resend")
async def resend_report(
    report_id: ReportId, act: Act, tx: Tx, caller: Caller, now: Now
) -> ReportView:
    """Send a refused row again, as a change, after it was mended at its owner."""
    report = await store.lock(tx, report_id)
    overseer = bool(OVERSEERS & caller.roles)
    decided = domain.resend(report, by=caller.department, overseer=overseer)
    await store.save(tx, decided.value, look_at=now)
    await conclude(tx, caller, act, before=report, decided=decided)
    return _shown(decided.value)
