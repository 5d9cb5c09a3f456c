"""HTTP in, for a clue: load, decide, save and announce; no rule stands here."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Query, Request
from pydantic import AwareDatetime
from sqlalchemy.ext.asyncio import AsyncConnection

from clue_dispatch.clue.domain import handling, registering
from clue_dispatch.clue.domain.handling import Window
from clue_dispatch.clue.domain.matter import Clue, Official
from clue_dispatch.clue.domain.registering import Brought
from clue_dispatch.clue.store import reading, writing
from clue_dispatch.clue.store.reading import Filter
from clue_dispatch.clue.store.writing import Step
from clue_dispatch.routing import store as routing
from clue_dispatch.routing.domain import Question
from clue_dispatch.subject import store as subjects
from clue_dispatch.terms import store as terms
from contracts.acts import Act
from contracts.clue_dispatch import (
    ClueId,
    ClueState,
    ClueView,
    ConcludeClue,
    DispatchAnswer,
    DispatchClue,
    DispatchClues,
    DispatchedClues,
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
from contracts.item_registry import DepartmentId, Line
from contracts.roles import Role
from contracts.says import Decided
from kit import calendars, codes
from kit.acts import Done, conclude, conclude_each, moment
from kit.auth import Actor
from kit.clock import new_id
from kit.context import Caller, Now, Tx
from kit.context import router as made
from kit.db import dealing
from kit.deadlines import Due, overdue, shanghai_day
from kit.errors import language_of, problem
from kit.lists import Asked, Page

router = made("/clues", "clue")


@router.post("", status_code=201)
async def register(act: RegisterClue, tx: Tx, caller: Caller, now: Now) -> ClueView:
    """登记线索: register a clue; it is routed at once, and a wrong code stops nobody."""
    at = moment(act, now)
    day = shanghai_day(at)
    limits = terms.of_clues(day)
    route = await routing.route(tx, act.item, act.region, stage=limits.stage, on=day)
    registering.require_known(act.item, act.region, route)
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
        name=act.name,
        place=act.place,
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
    await writing.add(tx, decided.value, act)
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
    origin: Annotated[OriginType | None, Query(description="来源渠道")] = None,
    source: Annotated[OriginType | None, Query(description="来源渠道, 同 origin")] = None,
    lead: Annotated[str | None, Query(description="牵头部门, 分办前为责任清单确定的")] = None,
    overdue: Annotated[Literal["true"] | None, Query(description="已逾期的")] = None,
    unrouted: Annotated[Literal["true"] | None, Query(description="责任清单未确定牵头的")] = None,
) -> Page[ClueView]:
    """线索列表: newest first; with `turn`, `due_before` or `overdue` the most urgent first."""
    which = Filter(
        state=state,
        turn=(caller.department or "") if turn else None,
        due_before=due_before,
        subject=subject,
        item=item,
        origin=origin or source,
        lead=lead,
        due_by=now if overdue else None,
        unrouted=unrouted is not None,
    )
    clues, next_ = await reading.list_(tx, asked, which)
    found = await reading.findings(tx, [clue.id for clue in clues])
    shown = [_view(clue, found.get(clue.id, ()), now) for clue in clues]
    return Page(items=shown, next=next_)


@router.post(":dispatch")
async def dispatch_clues(
    act: DispatchClues, request: Request, tx: Tx, caller: Caller, now: Now
) -> DispatchedClues:
    """批量分办: as each alone, with an audit row and an event each; one refused stops no other."""
    at = moment(act, now)
    limits = terms.of_clues(shanghai_day(at))
    held = await reading.lock_each(tx, act.clues)
    asked = {
        id_: Question(one.item, one.region, limits.stage, shanghai_day(at))
        for id_, one in held.items()
    }
    routes = await routing.routes(tx, asked.values())
    calendar = await calendars.at_each(tx, (route.chain for route in routes.values()))
    answers = handling.dispatch_each(
        act.clues,
        held,
        routes={id_: routes[one] for id_, one in asked.items()},
        by=_official(caller),
        terms=limits,
        calendars=calendar,
        at=at,
    )
    decided = {id_: one for id_, one in answers.items() if isinstance(one, Decided)}
    await writing.keep(
        tx, [Step(held[id_], one.value, Move.DISPATCHED, act) for id_, one in decided.items()]
    )
    await conclude_each(tx, caller, [Done(act, held[id_], one) for id_, one in decided.items()])
    language = language_of(request.headers.get("accept-language"))
    return DispatchedClues(
        done=len(decided),
        refused=len(answers) - len(decided),
        items=tuple(
            _dispatched(one.value, now)
            if isinstance(one, Decided)
            else DispatchAnswer(
                clue=id_, done=False, problem=problem(one, request.app.state.sentences, language)
            )
            for id_, one in answers.items()
        ),
    )


@router.get("/{clue_id}")
async def get_clue(clue_id: ClueId, tx: Tx, now: Now) -> ClueView:
    """One clue: where it is, whose turn it is, due when, and why it went there."""
    return await _shown(tx, await reading.get(tx, clue_id), now)


@router.get("/{clue_id}/timeline")
async def timeline(clue_id: ClueId, tx: Tx) -> Timeline:
    """办理过程: who did what, when, why, and which due time that changed."""
    await reading.get(tx, clue_id)
    return Timeline(items=await reading.timeline(tx, clue_id))


@router.post("/{clue_id}:dispatch")
async def dispatch(
    clue_id: ClueId, act: DispatchClue, tx: Tx, caller: Caller, now: Now
) -> ClueView:
    """分办: to the lead and the cooperating departments of the responsibility matrix."""
    clue = await reading.lock(tx, clue_id)
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
    clue = await reading.lock(tx, clue_id)
    decided = handling.sign(clue, by=_official(caller), at=moment(act, now))
    return await _done(tx, caller, act, clue, decided, move=Move.SIGNED)


@router.post("/{clue_id}:return")
async def return_(clue_id: ClueId, act: ReturnClue, tx: Tx, caller: Caller, now: Now) -> ClueView:
    """退回: with its legal basis, within the sign window."""
    clue = await reading.lock(tx, clue_id)
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
    clue = await reading.lock(tx, clue_id)
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
    clue = await reading.lock(tx, clue_id)
    decided = handling.give_feedback(clue, act.text, by=_official(caller), at=moment(act, now))
    return await _done(tx, caller, act, clue, decided, move=Move.FEEDBACK, note=act.text)


@router.post("/{clue_id}:conclude")
async def conclude_(
    clue_id: ClueId, act: ConcludeClue, tx: Tx, caller: Caller, now: Now
) -> ClueView:
    """办结: with a conclusion and its evidence, approved by the lead who calls."""
    clue = await reading.lock(tx, clue_id)
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
    await writing.save(tx, before, decided.value, move_=move, act=act, note=note)
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


def _number(act: RegisterClue, source: str) -> str | None:
    """Make a source's own number unique among all sources."""
    return f"{source}:{act.source_number}" if act.source_number else None


async def _subject(
    tx: AsyncConnection, act: RegisterClue, source: str
) -> tuple[EntityId, SubjectSighted | None]:
    """Find whom the clue is about; nobody certain is a provisional subject, announced once."""
    found, fault = codes.subject_of(source, act.code, act.name)
    subject = EntityId(found)
    if fault is None or not await subjects.first_sightings(tx, [subject]):
        return subject, None
    said = registering.sighting(
        subject, source=source, region=act.region, raw=act.code, fault=fault
    )
    return subject, said


async def _shown(tx: AsyncConnection, clue: Clue, now: datetime) -> ClueView:
    found = await reading.findings(tx, [clue.id])
    return _view(clue, found.get(clue.id, ()), now)


def _view(clue: Clue, found: tuple[FindingView, ...], now: datetime) -> ClueView:
    return ClueView(
        id=clue.id,
        state=clue.state,
        origin=clue.origin,
        subject=clue.about,
        registered_on_subject=clue.subject if clue.became else None,
        item=clue.item,
        item_version=clue.route.item_version,
        region=clue.region,
        summary=clue.summary,
        name=clue.name,
        place=clue.place,
        complaint=clue.complaint,
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


def _dispatched(clue: Clue, now: datetime) -> DispatchAnswer:
    return DispatchAnswer(
        clue=clue.id,
        done=True,
        lead=clue.lead,
        cooperators=clue.cooperators,
        sign_due=_due(clue.sign_due, now),
        verify_due=_due(clue.verify_due, now),
    )


def _due(due: Due | None, now: datetime) -> DueView | None:
    return None if due is None else _certain(due, now)


def _certain(due: Due, now: datetime) -> DueView:
    return DueView(at=due.at, provisional=due.provisional, overdue=overdue(due.at, now))
