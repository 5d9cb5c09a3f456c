"""Events in, for a visit: requests of clues."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.clue_dispatch import VisitRequested
from contracts.errors import Refusal
from contracts.joint_inspection import TargetId, TargetKind, VisitId, VisitKind
from contracts.says import Decided
from joint_inspection.directory import domain as directory
from joint_inspection.directory import store as targets
from joint_inspection.directory.domain import Target
from joint_inspection.visit import store
from joint_inspection.visit.domain import planning, requests
from joint_inspection.visit.domain.visits import Visit
from kit import entities, places, policy
from kit.acts import by_event, conclude
from kit.clock import new_id
from kit.db import dealing
from kit.deadlines import shanghai_day
from kit.errors import Sentences
from kit.inbox import on

PACKAGE = "joint_inspection"
_LANGUAGE = "zh"


async def _answer(tx: AsyncConnection, event: VisitRequested, now: datetime) -> None:
    """Merge a request into an open visit, plan one, or refuse it with its reason."""
    caller = dealing(tx).actor
    target = await _target(tx, event)
    try:
        before, decided = await _plan(tx, event, target, now)
    except Refusal as no:
        reason = Sentences.load("kit", PACKAGE).say(no.code, _LANGUAGE, no.facts)
        refused = requests.refused(event, no.code, reason)
        await store.add_request(tx, refused.value, at=now)
        await conclude(tx, caller, by_event(now, reason), before=None, decided=refused)
        return
    visit = decided.value
    readers = await targets.scope(tx, target.region, event.item, (None, None))
    await targets.keep_targets(tx, [(target, readers)])
    await store.add(tx, [(visit, (await store.scopes(tx, [visit]))[visit.id])])
    await store.add_request(tx, requests.planned(event, visit.id), at=now)
    await conclude(tx, caller, by_event(now, event.reason), before=before, decided=decided)


async def _plan(
    tx: AsyncConnection, event: VisitRequested, target: Target, now: datetime
) -> tuple[Visit | None, Decided[Visit]]:
    today = shanghai_day(now)
    rows = policy.load(PACKAGE)
    need = requests.need(event, target)
    departments = {wanted.department for wanted in event.departments}
    bench = await targets.bench(tx, departments)
    ready = directory.able(bench, on=max(today, event.from_))
    least = policy.in_force(rows, "visit.inspectors_least", today).values["value"]
    need = planning.able(need, [one.department for one in ready], least=least)
    outside = policy.in_force(rows, "visit.outside_cap", today).values["kinds"]
    place = (target.region, event.subject)
    await store.hold(tx, [target.id], [event.subject])
    around = await store.surroundings(
        tx,
        [place],
        departments=departments,
        today=today,
        outside=frozenset(VisitKind(kind) for kind in outside),
    )
    near = (await store.open_at(tx, [target.id])).get(target.id, ())
    decided = planning.plan(need, near, id_=VisitId(new_id()), around=around[place])
    return next((one for one in near if one.id == decided.value.id), None), decided


async def _target(tx: AsyncConnection, event: VisitRequested) -> Target:
    """Find where the subject can be visited at or near the region, or make it of the entity."""
    ids = await entities.same(tx, event.subject)
    known = await targets.of_subject(tx, ids)
    chains = await places.chains(tx, [one.region for one in known])
    above = [(one, chains.get(one.region, (one.region,))) for one in known]
    chain = await places.chain(tx, event.region)
    found = directory.nearest(above, region=event.region, chain=chain, item=event.item)
    if found is not None:
        return found
    entity = (await entities.known(tx, [event.subject])).get(event.subject)
    return Target(
        id=TargetId(directory.target_id(event.subject, event.region, "")),
        name=(entity.name if entity else None) or event.subject,
        kind=TargetKind.PREMISES,
        region=event.region,
        entity=event.subject,
        address="",
        items=(event.item,),
        department=None,
    )


SUBSCRIPTIONS = (on(VisitRequested, _answer),)
