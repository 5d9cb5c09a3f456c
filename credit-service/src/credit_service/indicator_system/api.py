"""HTTP in, for an indicator system: load, decide, save; no rule stands here."""

from typing import Annotated

from fastapi import Query

from contracts.acts import Act
from contracts.credit_service import (
    ActivateSystem,
    IndicatorSystemNew,
    IndicatorSystemView,
    SystemId,
    SystemState,
)
from contracts.item_registry import ItemId
from credit_service.indicator_system import domain, store
from kit import policy
from kit.acts import conclude, moment
from kit.context import Caller, Now, Tx
from kit.context import router as routes
from kit.deadlines import shanghai_day
from kit.lists import Asked, Page, shown

router = routes("/indicator-systems")


@router.post("", status_code=201)
async def draft_indicator_system(
    new: IndicatorSystemNew, tx: Tx, caller: Caller, now: Now
) -> IndicatorSystemView:
    """Draft the next version of a system; the grades must stand in the dictionary in force."""
    known = policy.all_in_force(policy.load("credit_service"), "grade", shanghai_day(now))
    decided = domain.draft(
        new,
        version=await store.next_version(tx, new.system),
        by=caller.id,
        at=now,
        grades=[row.key.removeprefix("grade.") for row in known],
    )
    await store.add(tx, decided.value)
    await conclude(tx, caller, Act(), before=None, decided=decided)
    return IndicatorSystemView.model_validate(decided.value)


@router.get("")
async def list_indicator_systems(
    tx: Tx,
    asked: Asked,
    item: Annotated[str | None, Query(description="事项")] = None,
    state: Annotated[SystemState | None, Query(description="状态")] = None,
) -> Page[IndicatorSystemView]:
    """List versions by id."""
    rows, next_ = await store.listed(tx, ItemId(item) if item else None, state, asked)
    return shown(rows, IndicatorSystemView.model_validate, next_)


@router.get("/{system_id}")
async def get_indicator_system(system_id: SystemId, tx: Tx) -> IndicatorSystemView:
    """Give one version with its indicators, bands and overrides."""
    return IndicatorSystemView.model_validate(await store.get(tx, system_id))


@router.post("/{system_id}:activate")
async def activate_indicator_system(
    system_id: SystemId, act: ActivateSystem, tx: Tx, caller: Caller, now: Now
) -> IndicatorSystemView:
    """Put a version in force; the one before it ends, and grades follow in the background."""
    system = await store.lock(tx, system_id)
    decided = domain.activate(system, by=caller.id, at=moment(act, now))
    for before in await store.in_force(tx, system.system):
        ended = domain.retire(before)
        await store.save(tx, ended.value)
        await conclude(tx, caller, act, before=before, decided=ended)
    await store.save(tx, decided.value)
    await conclude(tx, caller, act, before=system, decided=decided)
    return IndicatorSystemView.model_validate(decided.value)
