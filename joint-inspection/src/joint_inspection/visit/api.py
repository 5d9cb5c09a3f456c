"""HTTP in, for a visit: load, decide, save and announce; no rule stands here."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Query

from contracts.acts import Act
from contracts.credit_service import EntityId
from contracts.item_registry import DepartmentId, RegionId
from contracts.joint_inspection import (
    ApproveVisit,
    DutyView,
    FinishVisit,
    InspectorId,
    KindSummary,
    LeftOutView,
    NewVisit,
    NotifyVisit,
    RecordResult,
    ResultId,
    ResultView,
    StartVisit,
    TargetId,
    TeamView,
    VisitId,
    VisitKind,
    VisitSummary,
    VisitView,
)
from joint_inspection.directory import store as directory
from joint_inspection.directory.domain import coded
from joint_inspection.visit import store
from joint_inspection.visit.domain import planning, results, steps
from joint_inspection.visit.domain.planning import Need
from joint_inspection.visit.domain.results import Finding, Result
from joint_inspection.visit.domain.steps import Officer
from joint_inspection.visit.domain.summary import summed
from joint_inspection.visit.domain.visits import Duty, Member, State, Visit, Window
from kit import calendars, entities, places, policy
from kit.acts import conclude, moment
from kit.auth import Actor
from kit.clock import new_id
from kit.context import Caller, Now, Tx, router
from kit.deadlines import due, overdue, shanghai_day
from kit.lists import Asked, Page, shown

PACKAGE = "joint_inspection"

visits = router("/visits")


@visits.get("")
async def list_visits(
    tx: Tx,
    asked: Asked,
    now: Now,
    kind: VisitKind | None = None,
    state: State | None = None,
    on: date | None = None,
    department: DepartmentId | None = None,
    target: TargetId | None = None,
    subject: str | None = None,
    clue: str | None = None,
    draw: str | None = None,
    overdue: bool | None = None,  # noqa: FBT001 - a filter of the query
) -> Page[VisitView]:
    """List visits by day; `overdue` asks for results that should have been published."""
    named = None if subject is None else EntityId(coded(subject))
    where = {
        "kind": kind,
        "state": state,
        "on": on,
        "department": department,
        "target": target,
        "subjects": None if named is None else await entities.same(tx, named),
        "clue": clue,
        "origin": draw,
        "overdue": overdue,
    }
    found, next_ = await store.page_visits(tx, asked, where, now=now)
    return shown(found, lambda one: _view(one, None, now), next_)


@visits.post("", status_code=201)
async def create_visit(new: NewVisit, tx: Tx, caller: Caller, now: Now) -> VisitView:
    """Plan a department's own check, or merge it into an open visit (国办发〔2024〕54号)."""
    today = shanghai_day(now)
    target = await directory.get_target(tx, new.target)
    id_ = VisitId(new_id())
    duties = tuple(
        Duty(one.department, tuple(sorted(one.codes14)), VisitKind.DAILY, id_, item=new.item)
        for one in new.duties
    )
    need = Need(
        target=target.id,
        subject=target.entity,
        region=target.region,
        item=new.item,
        lead=_department(caller),
        window=Window(new.from_, new.to),
        name=target.name,
        address=target.address,
        duties=duties,
    )
    outside = policy.in_force(policy.load(PACKAGE), "visit.outside_cap", today).values["kinds"]
    place = (target.region, target.entity)
    await store.hold(tx, [target.id], [target.entity])
    around = await store.surroundings(
        tx,
        [place],
        departments=[duty.department for duty in duties],
        today=today,
        outside=frozenset(VisitKind(kind) for kind in outside),
    )
    near = (await store.open_at(tx, [target.id])).get(target.id, ())
    decided = planning.plan(need, near, id_=id_, around=around[place])
    value = decided.value
    before = next((one for one in near if one.id == value.id), None)
    await store.add(tx, [(value, (await store.scopes(tx, [value]))[value.id])])
    await conclude(tx, caller, Act(), before=before, decided=decided)
    return _view(value, (), now)


@visits.get(":summary")
async def summarise_visits(
    tx: Tx,
    from_: Annotated[date, Query(alias="from")],
    to: date,
    region: RegionId | None = None,
) -> VisitSummary:
    """Count the visits of some days, planned and made, against separate inspections.

    `region` includes what is below it; only visits that the caller sees are counted.
    """
    found = summed(await store.summary(tx, from_, to, region=region))
    return VisitSummary(
        from_=from_,
        to=to,
        visits=found.visits,
        made=found.made,
        separate_visits=found.separate_visits,
        saved=found.saved,
        drawn_and_clue=found.drawn_and_clue,
        dropped=found.dropped,
        kinds=tuple(KindSummary.model_validate(one) for one in found.kinds),
    )


@visits.get("/{visit_id}")
async def get_visit(visit_id: VisitId, tx: Tx, now: Now) -> VisitView:
    """Give one visit with its results, and all that the national platform asks of a check."""
    visit = await store.get(tx, visit_id)
    return _view(visit, await store.results_of(tx, visit_id), now)


@visits.post("/{visit_id}:approve")
async def approve(
    visit_id: VisitId, act: ApproveVisit, tx: Tx, caller: Caller, now: Now
) -> VisitView:
    """Name teams, and as the visit's lead approve it."""
    visit = await store.lock(tx, visit_id)
    teams = {one.department: one.inspectors for one in act.teams}
    decided = steps.approve(
        visit,
        by=_department(caller),
        teams=teams,
        officers=await _officers(tx, visit, [id_ for ids in teams.values() for id_ in ids]),
        least=_least(visit.on),
    )
    await store.save(tx, decided.value)
    await conclude(tx, caller, act, before=visit, decided=decided)
    return _view(decided.value, (), now)


@visits.post("/{visit_id}:notify")
async def notify(
    visit_id: VisitId, act: NotifyVisit, tx: Tx, caller: Caller, now: Now
) -> VisitView:
    """Serve the notice 检查通知书."""
    visit = await store.lock(tx, visit_id)
    decided = steps.notify(visit, by=_department(caller), on=shanghai_day(moment(act, now)))
    await store.save(tx, decided.value)
    await conclude(tx, caller, act, before=visit, decided=decided)
    return _view(decided.value, (), now)


@visits.post("/{visit_id}:start")
async def start(visit_id: VisitId, act: StartVisit, tx: Tx, caller: Caller, now: Now) -> VisitView:
    """Enter: two inspectors of each department show their certificates."""
    visit = await store.lock(tx, visit_id)
    on = shanghai_day(moment(act, now))
    decided = steps.start(
        visit, by=_department(caller), shown=frozenset(act.shown), on=on, least=_least(on)
    )
    await store.save(tx, decided.value)
    await conclude(tx, caller, act, before=visit, decided=decided)
    return _view(decided.value, (), now)


@visits.post("/{visit_id}/results", status_code=201)
async def record_result(
    visit_id: VisitId, act: RecordResult, tx: Tx, caller: Caller, now: Now
) -> ResultView:
    """Record the result of the caller's department for one item code."""
    visit = await store.lock(tx, visit_id)
    finding = Finding(
        department=_department(caller),
        code14=act.code14,
        categories=act.categories,
        disposal=act.disposal,
        findings=act.findings,
        inspectors=act.inspectors,
        inspected_on=act.inspected_on,
    )
    known = await store.results_of(tx, visit_id)
    decided = results.record(
        visit,
        finding,
        id_=ResultId(new_id()),
        known=_given(known),
        today=shanghai_day(now),
        least=_least(act.inspected_on),
    )
    await store.add_result(tx, decided.value)
    await conclude(tx, caller, act, before=None, decided=decided, of=f"visit/{visit_id}")
    return _result(decided.value, visit)


@visits.post("/{visit_id}:finish")
async def finish(
    visit_id: VisitId, act: FinishVisit, tx: Tx, caller: Caller, now: Now
) -> VisitView:
    """End the visit: all results are in, and the clock of publication starts."""
    visit = await store.lock(tx, visit_id)
    known = await store.results_of(tx, visit_id)
    at = moment(act, now)
    row = policy.in_force(policy.load(PACKAGE), "publication.result", shanghai_day(at))
    calendar = await calendars.at(tx, await places.chain(tx, visit.region))
    decided = steps.finish(
        visit,
        by=_department(caller),
        given=_given(known),
        at=at,
        publish_due=due(at, policy.term_of(row), calendar),
    )
    await store.save(tx, decided.value)
    await conclude(tx, caller, act, before=visit, decided=decided)
    return _view(decided.value, known, now)


async def _officers(tx: Tx, visit: Visit, ids: Iterable[InspectorId]) -> dict[InspectorId, Officer]:
    found = await directory.get_inspectors(tx, ids)
    return {
        one.id: Officer(
            Member(one.id, one.name, one.certificate, one.valid_until),
            one.department,
            one.recused(visit.target, visit.subject),
        )
        for one in found.values()
    }


def _department(caller: Actor) -> DepartmentId:
    return DepartmentId(caller.department or caller.id)


def _least(on: date) -> int:
    least: int = policy.in_force(policy.load(PACKAGE), "visit.inspectors_least", on).values["value"]
    return least


def _given(known: Iterable[Result]) -> frozenset[tuple[DepartmentId, str]]:
    return frozenset((one.department, one.code14) for one in known)


def _view(visit: Visit, known: Iterable[Result] | None, now: datetime) -> VisitView:
    same: dict[str, Any] = {
        name: getattr(visit, name)
        for name in VisitView.model_fields
        if hasattr(visit, name) and name not in {"duties", "teams", "left_out"}
    }
    late = visit.published_at is None and visit.publish_due_at is not None
    return VisitView(
        **same,
        target_name=visit.name,
        from_=visit.window.first,
        to=visit.window.last,
        duties=tuple(DutyView.model_validate(duty) for duty in visit.duties),
        teams=tuple(TeamView.model_validate(team) for team in visit.teams),
        left_out=tuple(LeftOutView.model_validate(one) for one in visit.left_out),
        publish_overdue=late and overdue(visit.publish_due_at or now, now),
        results=None if known is None else tuple(_result(one, visit) for one in known),
    )


def _result(result: Result, visit: Visit) -> ResultView:
    forms = policy.in_force(policy.load(PACKAGE), "visit.form", result.inspected_on).values
    same: dict[str, Any] = {
        name: getattr(result, name) for name in ResultView.model_fields if hasattr(result, name)
    }
    return ResultView.model_validate(same | {"form": forms[visit.kind]})
