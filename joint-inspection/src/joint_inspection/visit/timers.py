"""What time does to a visit: the due time of its publication moves with a changed calendar."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.joint_inspection import VisitId
from joint_inspection.visit import store
from joint_inspection.visit.domain import steps
from kit.acts import by_event, conclude
from kit.db import dealing
from kit.timers import Kind, Moved


async def recount(tx: AsyncConnection, moved: Sequence[Moved]) -> None:
    """Give visits the due times that a changed calendar makes of their terms of publication."""
    about = dealing(tx)
    act = by_event(about.now, about.operation)
    for one in moved:
        visit = await store.lock(tx, VisitId(one.object.removeprefix("visit/")))
        decided = steps.recount(visit, one.due)
        if decided is not None:
            await store.save(tx, decided.value)
            await conclude(tx, about.actor, act, before=visit, decided=decided)


TIMERS = (Kind("visit.publish", follows=recount),)
