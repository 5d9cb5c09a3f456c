"""Events in, for a clue: warnings and results that become one, and answers to one."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from clue_dispatch.clue.domain import answering, registering
from clue_dispatch.clue.domain.matter import Clue
from clue_dispatch.clue.domain.registering import Brought
from clue_dispatch.clue.store import reading, writing
from clue_dispatch.routing import store as routing
from clue_dispatch.terms import store as terms
from clue_dispatch.terms.domain import When, rule_for_result, rule_for_warning
from clue_dispatch.warning import store as warnings
from contracts.clue_dispatch import ClueId, ClueState, Move, Origin, OriginType, RequestId
from contracts.item_registry import ItemId
from contracts.joint_inspection import ResultRecorded, VisitFinished, VisitPlanned, VisitRefused
from contracts.risk_monitor import Outcome, WarningAssessed, WarningRaised
from contracts.says import Decided
from kit import calendars
from kit.acts import by_event, conclude
from kit.clock import new_id
from kit.db import dealing
from kit.deadlines import shanghai_day
from kit.inbox import on


async def _raised(tx: AsyncConnection, event: WarningRaised, now: datetime) -> None:
    """Make a clue of a red or orange warning at once (which levels do is policy)."""
    await warnings.remember(tx, event)
    for clue in await reading.lock_of_warning(tx, event.warning):
        if clue.state is not ClueState.CLOSED:
            decided = answering.raised_again(clue)
            await _save(tx, clue, decided, move=Move.RAISED_AGAIN, note=event.level, now=now)
            return
    await _from_warning(tx, event.warning, When.RAISED, now)


async def _assessed(tx: AsyncConnection, event: WarningAssessed, now: datetime) -> None:
    """Take over an assessment; a valid one makes a clue where the level asked for it first."""
    clues = await reading.lock_of_warning(tx, event.warning)
    for clue in clues:
        if clue.state is not ClueState.CLOSED:
            decided = answering.assessed(clue, event.outcome, at=now)
            note = f"{event.outcome} ({event.department})"
            await _save(tx, clue, decided, move=Move.ASSESSED, note=note, now=now)
    if not clues and event.outcome is Outcome.VALID:
        await _from_warning(tx, event.warning, When.ASSESSED, now)


async def _planned(tx: AsyncConnection, event: VisitPlanned, now: datetime) -> None:
    for request in map(RequestId, event.requests):
        clue = await reading.lock_of_request(tx, request)
        decided = answering.visit_planned(clue, request, visit=event.visit, on=event.on)
        note = f"{event.visit} {event.on.isoformat()}"
        await _save(tx, clue, decided, move=Move.VISIT_PLANNED, note=note, now=now)


async def _refused(tx: AsyncConnection, event: VisitRefused, now: datetime) -> None:
    request = RequestId(event.request)
    clue = await reading.lock_of_request(tx, request)
    decided = answering.visit_refused(clue, request, code=event.code, reason=event.reason)
    await _save(tx, clue, decided, move=Move.VISIT_REFUSED, note=event.code, now=now)


async def _finished(tx: AsyncConnection, event: VisitFinished, now: datetime) -> None:
    for request in map(RequestId, event.requests):
        clue = await reading.lock_of_request(tx, request)
        decided = answering.visit_finished(clue, request, visit=event.visit)
        await _save(tx, clue, decided, move=Move.VISIT_FINISHED, note=event.visit, now=now)


async def _result(tx: AsyncConnection, event: ResultRecorded, now: datetime) -> None:
    """Take a result as feedback to its clues, or make one of a draw's result that asks for it."""
    requests = event.requests or ((event.request,) if event.request is not None else ())
    if not requests:
        await _from_result(tx, event, now)
        return
    note = f"{event.department} {event.code14}: {', '.join(event.categories)} → {event.disposal}"
    for request in map(RequestId, requests):
        clue = await reading.lock_of_request(tx, request)
        decided = answering.result_recorded(clue, request, result=event.result, visit=event.visit)
        await _save(tx, clue, decided, move=Move.RESULT_RECORDED, note=note, now=now)
        await writing.keep_finding(tx, clue.id, request, event)


async def _from_warning(tx: AsyncConnection, id_: str, when: When, now: datetime) -> None:
    warning = await warnings.last_raised(tx, id_)
    triggers = terms.warning_triggers(shanghai_day(now))
    rule = rule_for_warning(triggers, warning.level, when)
    if rule is None:
        return
    brought = Brought(
        origin=Origin(type=OriginType.WARNING, id=id_, rule=rule),
        subject=warning.subject,
        item=warning.item,
        region=warning.region,
        summary=f"{warning.model}: {warning.kind} ({warning.level})",
    )
    await _register(tx, brought, now)


async def _from_result(tx: AsyncConnection, event: ResultRecorded, now: datetime) -> None:
    triggers = terms.result_triggers(shanghai_day(now))
    rule = rule_for_result(triggers, event.categories, event.disposal)
    if rule is None or event.draw is None:
        return
    item = event.item or await routing.item_of_code(tx, event.code14) or ItemId(event.code14)
    brought = Brought(
        origin=Origin(type=OriginType.RESULT, id=event.result, rule=rule),
        subject=event.subject,
        item=item,
        region=event.region,
        summary=f"{event.code14}: {', '.join(event.categories)} → {event.disposal}",
        department=event.department,
    )
    await _register(tx, brought, now)


async def _register(tx: AsyncConnection, brought: Brought, now: datetime) -> None:
    """Go the ordinary road; an origin that has its clue makes no second one."""
    if await reading.is_registered(tx, brought.origin):
        return
    day = shanghai_day(now)
    limits = terms.of_clues(day)
    route = await routing.route(tx, brought.item, brought.region, stage=limits.stage, on=day)
    decided = registering.register(
        ClueId(new_id()),
        brought,
        route=route,
        terms=limits,
        calendar=await calendars.at(tx, route.chain),
        at=now,
    )
    act = by_event(now, brought.origin.rule)
    await writing.add(tx, decided.value, act)
    await conclude(tx, dealing(tx).actor, act, before=None, decided=decided)


async def _save(
    tx: AsyncConnection,
    before: Clue,
    decided: Decided[Clue],
    *,
    move: Move,
    note: str,
    now: datetime,
) -> None:
    act = by_event(now)
    await writing.save(tx, before, decided.value, move_=move, act=act, note=note)
    await conclude(tx, dealing(tx).actor, act, before=before, decided=decided)


SUBSCRIPTIONS = (
    on(WarningRaised, _raised),
    on(WarningAssessed, _assessed),
    on(VisitPlanned, _planned),
    on(VisitRefused, _refused),
    on(VisitFinished, _finished),
    on(ResultRecorded, _result),
)
