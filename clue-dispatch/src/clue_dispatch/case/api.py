"""HTTP in, for a case: load, decide, save and announce; no rule stands here."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from clue_dispatch.case import store
from clue_dispatch.case.domain import steps
from clue_dispatch.case.domain.proceeding import Case, Measure, Notice, Penalty, Review
from clue_dispatch.clue.domain.matter import Official
from clue_dispatch.clue.store import reading as clues
from contracts.acts import Act
from contracts.clue_dispatch import (
    CaseId,
    CaseState,
    CaseView,
    DecideCase,
    DueView,
    FileCase,
    InvestigateCase,
    NoticeView,
    NotifyCase,
    PenaltyId,
    PenaltyView,
    ReviewCase,
    ReviewView,
    ServeCase,
)
from contracts.item_registry import DepartmentId, Line
from contracts.says import Decided
from kit import calendars, places
from kit.acts import conclude, moment
from kit.auth import Actor
from kit.clock import new_id
from kit.context import Caller, Now, Tx
from kit.context import router as made
from kit.db import dealing
from kit.deadlines import Due, overdue, shanghai_day
from kit.lists import Asked, Page

router = made("/cases", "case")


@router.post("", status_code=201)
async def file(act: FileCase, tx: Tx, caller: Caller, now: Now) -> CaseView:
    """立案: file a case on a clue."""
    clue = await clues.lock(tx, act.clue)
    at = moment(act, now)
    decided = steps.file(
        CaseId(new_id()),
        clue,
        code14=act.code14,
        act=act.act,
        by=_official(caller),
        terms=store.terms(shanghai_day(at)),
        calendar=await calendars.at(tx, clue.route.chain),
        at=at,
    )
    await store.add(tx, decided.value, clue.lead)
    await conclude(tx, caller, act, before=None, decided=decided)
    return _view(decided.value, now)


@router.get("")
async def list_cases(
    tx: Tx,
    now: Now,
    asked: Asked,
    clue: str | None = None,
    state: CaseState | None = None,
    subject: str | None = None,
    department: str | None = None,
) -> Page[CaseView]:
    """案件列表: newest first."""
    which = store.Filter(clue=clue, state=state, subject=subject, department=department)
    cases, next_ = await store.list_(tx, asked, which)
    return Page(items=[_view(case, now) for case in cases], next=next_)


@router.get("/{case_id}")
async def get_case(case_id: CaseId, tx: Tx, now: Now) -> CaseView:
    """One case, from filing to service."""
    return _view(await store.get(tx, case_id), now)


@router.post("/{case_id}:investigate")
async def investigate(
    case_id: CaseId, act: InvestigateCase, tx: Tx, caller: Caller, now: Now
) -> CaseView:
    """调查: by two officers or more, with the numbers of their certificates."""
    case = await store.lock(tx, case_id)
    at = moment(act, now)
    decided = steps.investigate(
        case,
        act.officers,
        act.findings,
        by=_official(caller),
        terms=store.terms(shanghai_day(at)),
        at=at,
    )
    return await _done(tx, caller, act, case, decided)


@router.post("/{case_id}:notify")
async def notify(case_id: CaseId, act: NotifyCase, tx: Tx, caller: Caller, now: Now) -> CaseView:
    """处罚告知: facts, basis and content, and the party's statement."""
    case = await store.lock(tx, case_id)
    at = moment(act, now)
    notice = Notice(
        facts=act.facts,
        law=act.law,
        measure=Measure(act.kinds, act.fine_fen, act.confiscated_fen),
        statement=act.statement,
        statement_text=act.statement_text,
        on=shanghai_day(at),
    )
    decided = steps.notify(
        case,
        notice,
        party=await store.party(tx, case.subject),
        by=_official(caller),
        terms=store.terms(shanghai_day(at)),
        at=at,
    )
    return await _done(tx, caller, act, case, decided)


@router.post("/{case_id}:review")
async def review(case_id: CaseId, act: ReviewCase, tx: Tx, caller: Caller, now: Now) -> CaseView:
    """法制审核: by a legal reviewer who did not investigate."""
    case = await store.lock(tx, case_id)
    at = moment(act, now)
    found = Review(caller.id, act.opinion, act.other_act_than, shanghai_day(at))
    decided = steps.review(case, found, by=_official(caller), at=at)
    return await _done(tx, caller, act, case, decided)


@router.post("/{case_id}:decide")
async def decide(case_id: CaseId, act: DecideCase, tx: Tx, caller: Caller, now: Now) -> CaseView:
    """处罚决定: never heavier than noticed, never a second fine for one act."""
    case = await store.lock(tx, case_id)
    at = moment(act, now)
    penalty = Penalty(
        penalty=PenaltyId(new_id()),
        measure=Measure(act.kinds, act.fine_fen, act.confiscated_fen),
        tier=act.tier,
        document=act.document,
        decided_by=caller.id,
        on=shanghai_day(at),
    )
    decided = steps.decide(
        case,
        penalty,
        party=await store.party(tx, case.subject),
        earlier=await store.earlier_fines(tx, case.subject, case.act),
        by=_official(caller),
        terms=store.terms(shanghai_day(at)),
        calendar=await calendars.at(tx, await places.chain(tx, case.region)),
        at=at,
    )
    return await _done(tx, caller, act, case, decided)


@router.post("/{case_id}:serve")
async def serve(case_id: CaseId, act: ServeCase, tx: Tx, caller: Caller, now: Now) -> CaseView:
    """送达: the decision takes effect."""
    case = await store.lock(tx, case_id)
    decided = steps.serve(case, act.means, by=_official(caller), at=moment(act, now))
    return await _done(tx, caller, act, case, decided)


async def _done(
    tx: AsyncConnection, caller: Actor, act: Act, before: Case, decided: Decided[Case]
) -> CaseView:
    """Save, announce and show: how every act of this noun ends; the cause is the clue's last."""
    await store.save(tx, before, decided.value)
    of = f"clue/{before.clue}"
    await conclude(tx, caller, act, before=before, decided=decided, of=of)
    return _view(decided.value, dealing(tx).now)


def _official(caller: Actor) -> Official:
    return Official(
        id=caller.id,
        department=DepartmentId(caller.department) if caller.department else None,
        line=Line(caller.line) if caller.line else None,
    )


def _view(case: Case, now: datetime) -> CaseView:
    notice, review_, penalty = case.notice, case.review, case.penalty
    return CaseView(
        id=case.id,
        clue=case.clue,
        state=case.state,
        subject=case.subject,
        item=case.item,
        region=case.region,
        department=case.department,
        code14=case.code14,
        act=case.act,
        filed_on=case.filed_on,
        decide_due=_due(case.decide_due, now),
        serve_due=_due(case.serve_due, now) if case.serve_due else None,
        investigators=case.investigators,
        findings=case.findings,
        notice=_notice(notice) if notice else None,
        review=ReviewView.model_validate(review_) if review_ else None,
        penalty=_penalty(penalty) if penalty else None,
        served_on=case.served_on,
        means=case.means,
        version=case.version,
    )


def _notice(notice: Notice) -> NoticeView:
    return NoticeView(
        facts=notice.facts,
        law=notice.law,
        kinds=notice.measure.kinds,
        fine_fen=notice.measure.fine_fen,
        confiscated_fen=notice.measure.confiscated_fen,
        statement=notice.statement,
        statement_text=notice.statement_text,
        on=notice.on,
    )


def _penalty(penalty: Penalty) -> PenaltyView:
    return PenaltyView(
        penalty=penalty.penalty,
        kinds=penalty.measure.kinds,
        fine_fen=penalty.measure.fine_fen,
        confiscated_fen=penalty.measure.confiscated_fen,
        tier=penalty.tier,
        document=penalty.document,
        decided_by=penalty.decided_by,
        on=penalty.on,
    )


def _due(due: Due, now: datetime) -> DueView:
    return DueView(at=due.at, provisional=due.provisional, overdue=overdue(due.at, now))
