"""HTTP in, for a clue: load, decide, save and announce; no rule stands here."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Query
from pydantic import AwareDatetime
from sqlalchemy.ext.asyncio import AsyncConnection

from clue_dispatch.clue import store
from clue_dispatch.clue.domain import handling, registering
from clue_dispatch.clue.domain.handling import Window
from clue_dispatch.clue.domain.matter import Clue, Official
from clue_dispatch.clue.domain.registering import Brought, ItemUnknown, RegionUnknown
from clue_dispatch.routing import store as routing
from clue_dispatch.routing.domain import Route
from clue_dispatch.terms import store as terms
from contracts.acts import Act
from contracts.clue_dispatch import (
    ClueId,
    ClueState,
    ClueView,
    ConcludeClue,
    DispatchClue,
    DueView,
    FindingView,
    GiveFeedback,
    Move,
    Origin,
    OriginType,
    RegisterClue,
    RequestedVisitView,
    RequestId,
    RequestVisit,
    ReturnClue,
    RoutingView,
    SignClue,
    SubjectSighted,
    Timeline,
    TurnView,
)
from contracts.credit_service import EntityId
from contracts.item_registry import ROOT, DepartmentId, Line
from contracts.roles import Role
from contracts.says import Decided
from kit import calendars, codes
from kit.acts import conclude, moment
from kit.auth import Actor
from kit.clock import new_id
from kit.context import Caller, Now, Tx
from kit.context import router as made
from kit.db import dealing
from kit.deadlines import Due, overdue, shanghai_day
from kit.lists import Asked, Page

router = made("/clues", "clue")


@router.post("", status_code=201)
async def register(act: RegisterClue, tx: Tx, caller: Caller, now: Now) -> ClueView:
    """登记线索: register a clue; it is routed at once, and a wrong code stops nobody."""
    at = moment(act, now)
    day = shanghai_day(at)
    limits = terms.of_clues(day)
    route = await routing.route(tx, act.item, act.region, stage=limits.stage, on=day)
    _require_known(act, route)
    id_ = ClueId(new_id())
    source = caller.department or caller.id
    subject, sighted = await _subject(tx, act, source)
    brought = Brought(
        origin=Origin(type=act.source, id=_number(act, source) or id_, rule="hand"),
        subject=subject,
        item=act.item,
        region=act.region,
        summary=act.summary,
        department=_official(caller).department,
        source_due_at=act.source_due_at,
    )
    decided = registering.register(
        id_,
        brought,
        route=route,
        terms=limits,
        calendar=await calendars.at(tx, route.chain),
        at=at,
        sighted=sighted,
    )
    await store.add(tx, decided.value, act)
    await conclude(tx, caller, act, before=None, decided=decided)
    return await _shown(tx, decided.value, now)


@router.get("")
async def list_clues(
    tx: Tx,
    caller: Caller,
    now: Now,
    asked: Asked,
    state: ClueState | None = None,
    turn: Annotated[Literal["mine"] | None, Query(description="轮到本部门办理的")] = None,
    due_before: Annotated[AwareDatetime | None, Query(description="在此时刻前到期")] = None,
    subject: str | None = None,
    item: str | None = None,
    origin: OriginType | None = None,
) -> Page[ClueView]:
    """线索列表: newest first; with `turn` or `due_before` the most urgent first."""
    which = store.Filter(
        state=state,
        turn=(caller.department or "") if turn else None,
        due_before=due_before,
        subject=subject,
        item=item,
        origin=origin,
    )
    clues, next_ = await store.list_(tx, asked, which)
    found = await store.findings(tx, [clue.id for clue in clues])
    shown = [_view(clue, found.get(clue.id, ()), now) for clue in clues]
    return Page(items=shown, next=next_)


@router.get("/{clue_id}")
async def get_clue(clue_id: ClueId, tx: Tx, now: Now) -> ClueView:
    """One clue: where it is, whose turn it is, due when, and why it went there."""
    return await _shown(tx, await store.get(tx, clue_id), now)


@router.get("/{clue_id}/timeline")
async def timeline(clue_id: ClueId, tx: Tx) -> Timeline:
    """办理过程: who did what, when, why, and which due time that changed."""
    await store.get(tx, clue_id)
    return Timeline(items=await store.timeline(tx, clue_id))


@router.post("/{clue_id}:dispatch")
async def dispatch(
    clue_id: ClueId, act: DispatchClue, tx: Tx, caller: Caller, now: Now
) -> ClueView:
    """分办: to the lead and the cooperating departments of the responsibility matrix."""
    clue = await store.lock(tx, clue_id)
    at = moment(act, now)
    limits = terms.of_clues(shanghai_day(at))
    route = await routing.route(tx, clue.item, clue.region, stage=limits.stage, on=shanghai_day(at))
    decided = handling.dispatch(
        clue,
        route=route,
        by=_official(caller),
        terms=limits,
        calendar=await calendars.at(tx, route.chain),
        at=at,
    )
    return await _done(tx, caller, act, clue, decided, move=Move.DISPATCHED)


@router.post("/{clue_id}:sign")
async def sign(clue_id: ClueId, act: SignClue, tx: Tx, caller: Caller, now: Now) -> ClueView:
    """签收: by an officer or the lead of the lead department."""
    clue = await store.lock(tx, clue_id)
    decided = handling.sign(clue, by=_official(caller), at=moment(act, now))
    return await _done(tx, caller, act, clue, decided, move=Move.SIGNED)


@router.post("/{clue_id}:return")
async def return_(clue_id: ClueId, act: ReturnClue, tx: Tx, caller: Caller, now: Now) -> ClueView:
    """退回: with its legal basis, within the sign window."""
    clue = await store.lock(tx, clue_id)
    at = moment(act, now)
    decided = handling.send_back(
        clue,
        by=_official(caller),
        basis=act.basis,
        terms=terms.of_clues(shanghai_day(at)),
        calendar=await calendars.at(tx, clue.route.chain),
        at=at,
    )
    return await _done(tx, caller, act, clue, decided, move=Move.RETURNED)


@router.post("/{clue_id}:request-visit")
async def request_visit(
    clue_id: ClueId, act: RequestVisit, tx: Tx, caller: Caller, now: Now
) -> ClueView:
    """提请联合检查: one visit for all departments; joint-inspection plans or refuses it."""
    clue = await store.lock(tx, clue_id)
    at = moment(act, now)
    request = RequestId(new_id())
    decided = handling.request_visit(
        clue,
        request,
        Window(act.from_, act.to, act.departments),
        by=_official(caller),
        terms=terms.of_clues(shanghai_day(at)),
        at=at,
    )
    return await _done(tx, caller, act, clue, decided, move=Move.VISIT_REQUESTED, note=request)


@router.post("/{clue_id}:feedback")
async def feedback(
    clue_id: ClueId, act: GiveFeedback, tx: Tx, caller: Caller, now: Now
) -> ClueView:
    """反馈: what a department that takes part found out."""
    clue = await store.lock(tx, clue_id)
    decided = handling.give_feedback(clue, act.text, by=_official(caller), at=moment(act, now))
    return await _done(tx, caller, act, clue, decided, move=Move.FEEDBACK, note=act.text)


@router.post("/{clue_id}:conclude")
async def conclude_(
    clue_id: ClueId, act: ConcludeClue, tx: Tx, caller: Caller, now: Now
) -> ClueView:
    """办结: with a conclusion and its evidence, approved by the lead who calls."""
    clue = await store.lock(tx, clue_id)
    decided = handling.conclude(
        clue, act.conclusion, act.evidence, by=_official(caller), at=moment(act, now)
    )
    return await _done(tx, caller, act, clue, decided, move=Move.CONCLUDED, note=act.conclusion)


async def _done(
    tx: AsyncConnection,
    caller: Actor,
    act: Act,
    before: Clue,
    decided: Decided[Clue],
    *,
    move: Move,
    note: str | None = None,
) -> ClueView:
    """Save, announce and show: how every act of this noun ends."""
    await store.save(tx, before, decided.value, move_=move, act=act, note=note)
    of = f"clue/{before.id}"
    await conclude(tx, caller, act, before=before, decided=decided, of=of)
    return await _shown(tx, decided.value, dealing(tx).now)


def _official(caller: Actor) -> Official:
    return Official(
        id=caller.id,
        department=DepartmentId(caller.department) if caller.department else None,
        line=Line(caller.line) if caller.line else None,
        admin=Role.ADMIN in caller.roles,
    )


def _require_known(act: RegisterClue, route: Route) -> None:
    if route.item_version is None:
        raise ItemUnknown(field="item", got=act.item, expected="GET /items")
    if ROOT not in route.chain:
        raise RegionUnknown(field="region", got=act.region, expected="GET /regions")


def _number(act: RegisterClue, source: str) -> str | None:
    """Make a source's own number unique among all sources."""
    return f"{source}:{act.source_number}" if act.source_number else None


async def _subject(
    tx: AsyncConnection, act: RegisterClue, source: str
) -> tuple[EntityId, SubjectSighted | None]:
    """Find whom the clue is about; nobody certain is a provisional subject, announced once."""
    found, fault = codes.subject_of(source, act.code, act.name)
    subject = EntityId(found)
    if fault is None or not await store.first_sighting(tx, subject):
        return subject, None
    said = registering.sighting(
        subject, source=source, region=act.region, raw=act.code, fault=fault
    )
    return subject, said


async def _shown(tx: AsyncConnection, clue: Clue, now: datetime) -> ClueView:
    found = await store.findings(tx, [clue.id])
    return _view(clue, found.get(clue.id, ()), now)


def _view(clue: Clue, found: tuple[FindingView, ...], now: datetime) -> ClueView:
    return ClueView(
        id=clue.id,
        state=clue.state,
        origin=clue.origin,
        subject=clue.subject,
        item=clue.item,
        item_version=clue.route.item_version,
        region=clue.region,
        summary=clue.summary,
        brought_by=clue.brought_by,
        owner=clue.owner,
        lead=clue.lead,
        cooperators=clue.cooperators,
        routing=RoutingView.model_validate(clue.route),
        registered_on=clue.registered_on,
        turn=TurnView.model_validate(clue.turn) if clue.turn else None,
        due=_due(clue.due, now),
        dispatch_due=_certain(clue.dispatch_due, now),
        sign_due=_due(clue.sign_due, now),
        verify_due=_due(clue.verify_due, now),
        source_due_at=clue.source_due_at,
        assessment=clue.assessment,
        returns=clue.returns,
        visits=tuple(map(RequestedVisitView.model_validate, clue.visits)),
        findings=found,
        feedback=clue.feedback,
        conclusion=clue.conclusion,
        evidence=clue.evidence,
        approved_by=clue.approved_by,
        closed_on=clue.closed_on,
        version=clue.version,
    )


def _due(due: Due | None, now: datetime) -> DueView | None:
    return None if due is None else _certain(due, now)


def _certain(due: Due, now: datetime) -> DueView:
    return DueView(at=due.at, provisional=due.provisional, overdue=overdue(due.at, now))
