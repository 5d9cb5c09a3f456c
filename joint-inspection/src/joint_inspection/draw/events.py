"""Events in, for a draw: grades, and its own completion, from which the visits follow."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.credit_service import GradeChanged
from contracts.joint_inspection import DrawCompleted, VisitId, VisitKind
from joint_inspection.directory import store as targets
from joint_inspection.draw import store
from joint_inspection.draw.domain import outcome
from joint_inspection.draw.domain.rounds import DrawId
from joint_inspection.pool import store as pools
from joint_inspection.visit import store as visits
from joint_inspection.visit.domain import planning
from kit import outbox, policy
from kit.clock import new_id
from kit.deadlines import shanghai_day
from kit.inbox import on, sequence

PACKAGE = "joint_inspection"


async def _grade(tx: AsyncConnection, event: GradeChanged, _now: datetime) -> None:
    await store.keep_grade(tx, event, sequence(tx))


async def _visits(tx: AsyncConnection, event: DrawCompleted, now: datetime) -> None:
    """Plan a visit at each drawn target, or merge into the one that is open there.

    As the service's own work: the party who revealed last may not see all these targets.
    """
    id_ = DrawId(event.draw)
    asked = await store.asked_of(tx, id_)
    found = await store.result_of(tx, id_)
    if found is None:
        raise LookupError(event.draw)
    directory = await store.opened(tx, asked.pool)
    pool = await pools.get_pool(tx, asked.pool)
    drawn = outcome.drawn_targets(directory, found[1])
    known = await targets.get_targets(tx, drawn)
    needs = outcome.needs(asked, directory, found[1], draw=event.draw, item=pool.item, known=known)
    today = shanghai_day(now)
    kinds = policy.in_force(policy.load(PACKAGE), "visit.outside_cap", today).values["kinds"]
    outside = frozenset(VisitKind(kind) for kind in kinds)
    await visits.hold(tx, drawn, {need.subject for need in needs})
    near = await visits.open_at(tx, drawn)
    around = await visits.surroundings(
        tx,
        [(need.region, need.subject) for need in needs],
        departments=[part.department for part in asked.parts],
        today=today,
        outside=outside,
    )
    decided = planning.plan_all([(need, VisitId(new_id())) for need in needs], near, around)
    made = [one.value for one in decided]
    says = [fact for one in decided for fact in one.says]
    scopes = await visits.scopes(tx, made)
    await visits.add(tx, [(one, scopes[one.id]) for one in made])
    await outbox.add(tx, says, of=f"draw/{event.draw}")


SUBSCRIPTIONS = (on(GradeChanged, _grade), on(DrawCompleted, _visits))
