"""HTTP in, for grades: as of a day, with every point explained."""

from datetime import date
from typing import Annotated

from fastapi import Query

from contracts.credit_service import GradeView
from credit_service.entity import store as entities
from credit_service.entity.domain import identified
from credit_service.grade import domain, store
from credit_service.indicator_system import store as systems
from credit_service.indicator_system.domain import id_of as system_id
from kit.context import Now, Tx
from kit.context import router as routes
from kit.deadlines import shanghai_day
from kit.lists import Page

router = routes("/entities")


@router.get("/{entity_id}/grades")
async def list_entity_grades(
    entity_id: str,
    tx: Tx,
    now: Now,
    on: Annotated[date | None, Query(description="截至哪一天 as of which day")] = None,
) -> Page[GradeView]:
    """Give an entity's grades as they were known on a day, one a system; internal, never public."""
    day = domain.known_by(on, shanghai_day(now))
    id_ = identified(entity_id)
    present = await entities.became(tx, [id_])
    grades = await store.as_of(tx, present[id_], day)
    under = await systems.versions(
        tx, (system_id(one.system, one.system_version) for one in grades)
    )
    meanings = store.meanings(day)
    return Page(
        items=[domain.explain(one, under[one.system], meanings) for one in grades], next=None
    )
