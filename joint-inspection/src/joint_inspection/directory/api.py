"""HTTP in, for the directories: targets, inspectors, pools."""

import secrets
from typing import Annotated

from fastapi import Query

from contracts.acts import Act
from contracts.credit_service import EntityId
from contracts.item_registry import DepartmentId, ItemId, RegionId
from contracts.joint_inspection import (
    FromEntities,
    InspectorId,
    InspectorView,
    NewInspector,
    NewPool,
    NewTarget,
    PoolId,
    PoolView,
    TargetId,
    TargetsMade,
    TargetView,
)
from contracts.roles import Role
from contracts.says import Decided
from joint_inspection.directory import domain, store
from joint_inspection.directory.domain import Inspector, Pool, PoolEmpty, PoolMade, Target
from kit import audit, places
from kit.acts import conclude
from kit.auth import Actor
from kit.clock import new_id
from kit.context import Caller, Now, Tx, router
from kit.lists import Asked, Page, shown

POOL_KEY_BYTES = 32

targets = router("/targets")
inspectors = router("/inspectors")
pools = router("/pools")


@targets.get("")
async def list_targets(
    tx: Tx,
    asked: Asked,
    region: RegionId | None = None,
    item: ItemId | None = None,
    entity: str | None = None,
) -> Page[TargetView]:
    """List targets; `region` includes what is below it."""
    subject = None if entity is None else EntityId(domain.coded(entity))
    found, next_ = await store.page_targets(tx, asked, region=region, item=item, subject=subject)
    return shown(found, TargetView.model_validate, next_)


@targets.post("", status_code=201)
async def create_target(new: NewTarget, tx: Tx, caller: Caller) -> TargetView:
    """Add a target, or what is new about it; a wrong code becomes a provisional subject."""
    source = caller.department or caller.id
    entity, sighting = domain.responsible(source, new.entity, new.name)
    given = Target(
        id=TargetId(new.id or domain.target_id(entity, new.region, new.address)),
        name=new.name,
        kind=new.kind,
        region=new.region,
        entity=entity,
        address=new.address,
        items=() if new.item is None else (new.item,),
        department=caller.department,
    )
    readers = await store.scope(tx, new.region, new.item, (caller.line, caller.department))
    known = (await store.get_targets(tx, [given.id])).get(given.id)
    if known is None:
        value = given
        await store.add_target(tx, value, readers)
    else:
        value = domain.merged(known, given)
        await store.save_target(tx, value, readers)
    await store.sight(tx, {new.region: [sighting] if sighting else []})
    await conclude(tx, caller, Act(), before=known, decided=Decided(value))
    return TargetView.model_validate(value)


@targets.get("/{target_id}")
async def get_target(target_id: TargetId, tx: Tx) -> TargetView:
    """Give one target."""
    return TargetView.model_validate(await store.get_target(tx, target_id))


@targets.post(":from-entities")
async def targets_from_entities(asked: FromEntities, tx: Tx, caller: Caller) -> TargetsMade:
    """Make a target of each active entity that a filter finds."""
    readers = await store.scope(tx, asked.region, asked.item, (caller.line, caller.department))
    made, known = await store.from_entities(
        tx,
        asked.filter.model_copy(
            update={"ids": tuple(domain.coded(one) for one in asked.filter.ids)}
        ),
        item=asked.item,
        region=asked.region,
        department=caller.department,
        readers=readers,
    )
    answer = TargetsMade(made=made, known=known)
    what = audit.Change(object=f"targets/{asked.item}", before=None, after=asked.model_dump())
    await audit.record(tx, Act(), what)
    return answer


@inspectors.get("")
async def list_inspectors(
    tx: Tx,
    asked: Asked,
    caller: Caller,
    department: DepartmentId | None = None,
    qualification: Annotated[str | None, Query(max_length=64)] = None,
) -> Page[InspectorView]:
    """List inspectors; recusals are shown to their own department."""
    found, next_ = await store.page_inspectors(
        tx, asked, department=department, qualification=qualification
    )
    return shown(found, lambda one: _seen(one, caller), next_)


@inspectors.post("", status_code=201)
async def create_inspector(new: NewInspector, tx: Tx, caller: Caller) -> InspectorView:
    """Add an inspector, or what is new about one."""
    by = None if caller.department is None else DepartmentId(caller.department)
    for_others = bool({Role.INTEGRATOR, Role.ADMIN} & caller.roles)
    domain.check_keeper(new.department, by=by, for_others=for_others)
    value = domain.inspector(new)
    known = (await store.get_inspectors(tx, [value.id])).get(value.id)
    domain.check_same(known, value)
    await store.keep_inspectors(tx, [value])
    await conclude(tx, caller, Act(), before=known, decided=Decided(value))
    return _seen(value, caller)


@inspectors.get("/{inspector_id}")
async def get_inspector(inspector_id: InspectorId, tx: Tx, caller: Caller) -> InspectorView:
    """Give one inspector."""
    return _seen(await store.get_inspector(tx, inspector_id), caller)


@pools.get("")
async def list_pools(tx: Tx, asked: Asked) -> Page[PoolView]:
    """List pools."""
    found, next_ = await store.page_pools(tx, asked)
    return shown(found, _pool, next_)


@pools.post("", status_code=201)
async def create_pool(new: NewPool, tx: Tx, caller: Caller, now: Now) -> PoolView:
    """Freeze a dated version of the directory: the targets that the caller sees, and inspectors."""
    department = DepartmentId(caller.department or caller.id)
    value = Pool(
        id=PoolId(new_id()),
        item=new.item,
        region=new.region,
        department=department,
        made_at=now,
        targets=0,
        inspectors=0,
        key=secrets.token_bytes(POOL_KEY_BYTES),
    )
    chain = await places.chain(tx, new.region)
    lines = [*await store.lines_of(tx, new.item, chain), *([caller.line] if caller.line else [])]
    agencies = await places.agencies_of(tx, lines)
    above = await places.chains(tx, [node for one in agencies for node in one.territory])
    serving = domain.serving(agencies, region=new.region, chain=chain, above=above)
    made = await store.add_pool(tx, value, [*serving, department])
    if not made.targets:
        raise PoolEmpty(item=new.item, region=new.region)
    view = _pool(made)
    said = PoolMade(made.id, made.item, made.region, made.targets, made.inspectors, view.key_digest)
    await conclude(tx, caller, Act(), before=None, decided=Decided(said))
    return view


def _seen(one: Inspector, caller: Actor) -> InspectorView:
    own = one.department == caller.department or Role.ADMIN in caller.roles
    view = InspectorView.model_validate(one)
    return view if own else view.model_copy(update={"recusals": None})


def _pool(one: Pool) -> PoolView:
    return PoolView(
        id=one.id,
        item=one.item,
        region=one.region,
        department=one.department,
        made_at=one.made_at,
        targets=one.targets,
        inspectors=one.inspectors,
        key_digest=domain.key_digest(one.key),
    )
