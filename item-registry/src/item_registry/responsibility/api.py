"""HTTP in, for responsibilities: what a region adds or overrides, and who is responsible."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Request

from contracts.acts import Act
from contracts.item_registry import (
    ItemId,
    NewResponsibility,
    RegionId,
    ResolutionProblem,
    ResolutionView,
    ResponsibilityView,
    Stage,
)
from item_registry.item import store as items
from item_registry.item.domain.versions import duties_of
from item_registry.place import domain as places
from item_registry.place import store as place_store
from item_registry.responsibility import domain, store
from kit.acts import conclude
from kit.context import Caller, Now, Tx, router
from kit.deadlines import shanghai_day
from kit.errors import language_of
from kit.lists import Asked, Page, shown
from kit.responsibility import Problem, lines_of, resolve

responsibilities: APIRouter = router("/responsibilities")


@responsibilities.post("", status_code=201)
async def declare_responsibility(
    new: NewResponsibility, tx: Tx, caller: Caller
) -> ResponsibilityView:
    """Say what a region adds to or overrides in an item's duties (国办发〔2023〕1号, 五)."""
    item = await items.newest(tx, new.item)
    chain = await place_store.known_chain(tx, new.region)
    places.allow(caller.regions, chain)
    id_ = domain.id_of(new.item, new.region)
    before = await store.lock(tx, id_)
    owned = [row.model_copy(update={"basis": row.basis or new.basis}) for row in new.duties]
    duties = duties_of(owned, owner=id_, region=new.region)
    decided = domain.declare(before, duties, item=new.item, held_in=item.region, chain=chain)
    await store.put(tx, decided.value)
    await conclude(tx, caller, Act(basis=new.basis), before=before, decided=decided)
    return ResponsibilityView.model_validate(decided.value)


@responsibilities.get("")
async def list_responsibilities(
    tx: Tx, asked: Asked, item: ItemId | None = None, region: RegionId | None = None
) -> Page[ResponsibilityView]:
    """List what regions add or override."""
    found, next_ = await store.page_of(tx, asked, item=item, region=region)
    return shown(found, ResponsibilityView.model_validate, next_)


# A verb of a collection is no path below it: its own router keeps the colon at the right place.
resolving: APIRouter = router(tag="responsibilities")


@resolving.get("/responsibilities:resolve")
async def resolve_responsibility(
    request: Request,
    tx: Tx,
    now: Now,
    item: ItemId,
    stage: Stage,
    region: RegionId,
    on: Annotated[date | None, Query(description="依该日 as of that day; left out: today")] = None,
) -> ResolutionView:
    """Say who leads and who cooperates at a stage and place on a day, and why."""
    day = on or shanghai_day(now)
    await items.newest(tx, item)
    version = await items.in_force(tx, item, day)
    chain = await place_store.chain(tx, region)
    duties = [*version.duties, *await store.duties_at(tx, item, chain)] if version else []
    agencies = await place_store.serving(tx, lines_of(duties, stage), chain)
    found = resolve(duties, stage=stage, chain=chain, on=day, agencies=agencies)
    return ResolutionView(
        item=item,
        item_version=version.version if version else None,
        stage=stage,
        region=region,
        on=day,
        lead=found.lead,
        cooperators=found.cooperators,
        chain=found.chain,
        duties=found.duties,
        problems=tuple(_said(problem, request) for problem in found.problems),
    )


def _said(problem: Problem, request: Request) -> ResolutionProblem:
    language = language_of(request.headers.get("accept-language"))
    facts = {"lines": ", ".join(problem.lines), "departments": ", ".join(problem.departments)}
    return ResolutionProblem(
        code=problem.code,
        message=request.app.state.sentences.say(problem.code, language, facts),
        lines=problem.lines,
        departments=problem.departments,
        duties=problem.duties,
    )
