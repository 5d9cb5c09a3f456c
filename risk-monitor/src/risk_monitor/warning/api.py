"""HTTP in, for a warning: internal, read by those concerned, never published (R8.8)."""

from typing import Annotated

from fastapi import Query

from contracts.item_registry import DepartmentId
from contracts.risk_monitor import Assess, Level, WarningId, WarningState, WarningView
from kit import entities, policy
from kit.acts import conclude, moment
from kit.context import Caller, Now, Tx, router
from kit.deadlines import shanghai_day
from kit.lists import Asked, Page, page
from risk_monitor.grade import store as grades
from risk_monitor.signal.domain import subject_id
from risk_monitor.warning import domain, store

warnings = router("/warnings")


@warnings.get("")
async def list_warnings(
    tx: Tx,
    asked: Asked,
    level: Level | None = None,
    state: WarningState | None = None,
    item: str | None = None,
    region: Annotated[str | None, Query(description="区域及其下级 and what lies below it")] = None,
    subject: str | None = None,
) -> Page[WarningView]:
    """List warnings, newest first; `subject` also finds those of its aliases."""
    subjects = await entities.same(tx, subject_id(subject)) if subject else ()
    query = store.listed(level=level, state=state, item=item, region=region, subjects=subjects)
    rows, next_ = await page(tx, query, by=store.LIST_ORDER, asked=asked, descending=True)
    found = [WarningView.model_validate(store.value(row)) for row in rows]
    return Page(items=await _told(tx, found), next=next_)


@warnings.get("/{warning_id}")
async def get_warning(warning_id: WarningId, tx: Tx) -> WarningView:
    """Give one warning with its evidence."""
    return await _view(tx, await store.get(tx, warning_id))


@warnings.post("/{warning_id}:assess")
async def assess_warning(
    warning_id: WarningId, act: Assess, tx: Tx, caller: Caller, now: Now
) -> WarningView:
    """Assess a warning 研判: valid, false, duplicate, or to be watched (R8.6)."""
    warning = await store.lock(tx, warning_id)
    at = moment(act, now)
    policy_row = policy.in_force(
        policy.load("risk_monitor"), "warning.clue_at_once", shanghai_day(at)
    )
    decided = domain.assess(
        warning,
        act.outcome,
        by=DepartmentId(caller.department) if caller.department else None,
        at=at,
        clue_at_once=[Level(level) for level in policy_row.values["levels"]],
    )
    await store.save(tx, decided.value)
    await conclude(tx, caller, act, before=warning, decided=decided)
    return await _view(tx, decided.value)


async def _view(tx: Tx, warning: domain.Warning) -> WarningView:
    return (await _told(tx, [WarningView.model_validate(warning)]))[0]


async def _told(tx: Tx, views: list[WarningView]) -> list[WarningView]:
    """Add what other services say of each subject: its name and its grade."""
    subjects = {view.subject for view in views}
    names = await entities.known(tx, subjects)
    graded = await grades.current(tx, subjects)
    return [
        view.model_copy(
            update={
                "subject_name": names[view.subject].name if view.subject in names else None,
                "grade": graded.get(view.subject),
            }
        )
        for view in views
    ]
