"""HTTP in, for frequencies: who has used up which cap, and by which visits."""

from typing import Annotated

from fastapi import Query

from contracts.credit_service import EntityId
from contracts.item_registry import DepartmentId, Line, RegionId
from contracts.joint_inspection import CapUse, VisitKind
from joint_inspection.directory.domain import coded
from joint_inspection.frequency import store
from joint_inspection.frequency.domain import day_of
from joint_inspection.frequency.store import Usage, Which
from kit import entities, places, policy
from kit.context import Now, Tx, router
from kit.deadlines import shanghai_day
from kit.lists import Asked, Page, shown

PACKAGE = "joint_inspection"

usage = router("/visits")


@usage.get(":usage")
async def list_usage(
    tx: Tx,
    asked: Asked,
    now: Now,
    year: Annotated[int | None, Query(ge=1996, le=2200, description="left out: this year")] = None,
    line: Line | None = None,
    department: DepartmentId | None = None,
    region: RegionId | None = None,
    entity: Annotated[str | None, Query(max_length=64)] = None,
    used_up: bool | None = None,  # noqa: FBT001 - a filter of the query
    over: bool | None = None,  # noqa: FBT001 - a filter of the query
) -> Page[CapUse]:
    """List how often agencies visit entities in a year, against the cap (国办发〔2024〕54号).

    Visits planned count as well, those that a clue began do not. `used_up`: nothing is left;
    `over`: more than allowed. `region` includes what is below it.
    """
    today = shanghai_day(now)
    year = year or today.year
    on = day_of(year, today)
    kinds = policy.in_force(policy.load(PACKAGE), "visit.outside_cap", on).values["kinds"]
    subject = None if entity is None else EntityId(coded(entity))
    which = Which(
        year=year,
        outside=frozenset(VisitKind(kind) for kind in kinds),
        departments=await _departments(tx, line, department),
        subjects=None if subject is None else sorted(await entities.same(tx, subject)),
        region=region,
    )
    found, next_ = await store.page_usage(tx, asked, which, today=today, used_up=used_up, over=over)
    return shown(found, lambda one: _view(one, year), next_)


async def _departments(
    tx: Tx, line: Line | None, department: DepartmentId | None
) -> list[DepartmentId] | None:
    if line is None:
        return None if department is None else [department]
    of_line = [one.id for one in await places.agencies_of(tx, [line])]
    return [one for one in of_line if department in {None, one}]


def _view(one: Usage, year: int) -> CapUse:
    return CapUse(
        entity=one.entity,
        name=one.name,
        department=one.department,
        department_name=one.department_name,
        line=one.line,
        year=year,
        visits=one.visits,
        cap=one.cap,
        used_up=one.cap is not None and one.visits >= one.cap,
        over=one.cap is not None and one.visits > one.cap,
        visit_ids=one.visit_ids,
    )
