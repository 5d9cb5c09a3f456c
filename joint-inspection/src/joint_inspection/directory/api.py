"""HTTP in, for the directories: targets, inspectors, pools."""

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
    NewTarget,
    RecuseInspector,
    TargetId,
    TargetsMade,
    TargetView,
)
from contracts.roles import Role
from contracts.says import Decided
from joint_inspection.directory import domain, store
from joint_inspection.directory.domain import Inspector, Target
from kit import audit, places
from kit.acts import conclude
from kit.auth import Actor
from kit.context import Caller, Tx, router
from kit.lists import Asked, Page, shown

targets = router("/targets")
inspectors = router("/inspectors")


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
    domain.check_region(new.region, await places.chains(tx, [new.region]))
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
    await store.hold_target(tx, given.id)
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
    domain.check_region(asked.region, await places.chains(tx, [asked.region]))
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
    domain.check_keeper(new.department, by=_department(caller), for_others=_for_others(caller))
    given = domain.inspector(new)
    known = (await store.lock_inspectors(tx, [given.id])).get(given.id)
    domain.check_same(known, given)
    value = domain.kept(known, given)
    await store.keep_inspectors(tx, [value])
    await conclude(tx, caller, Act(), before=known, decided=Decided(value))
    return _seen(value, caller)


@inspectors.get("/{inspector_id}")
async def get_inspector(inspector_id: InspectorId, tx: Tx, caller: Caller) -> InspectorView:
    """Give one inspector."""
    return _seen(await store.get_inspector(tx, inspector_id), caller)


@inspectors.post("/{inspector_id}:recuse")
async def recuse_inspector(
    inspector_id: InspectorId, act: RecuseInspector, tx: Tx, caller: Caller
) -> InspectorView:
    """Declare 回避: the officer never inspects this target or entity (行政处罚法 art. 43).

    Draws frozen from now on and teams named from now on leave the officer out there.
    """
    known = await store.lock_inspector(tx, inspector_id)
    value = domain.recuse(
        known, act.of, act.reason, by=_department(caller), for_others=_for_others(caller)
    )
    await store.keep_inspectors(tx, [value])
    await conclude(tx, caller, act, before=known, decided=Decided(value))
    return _seen(value, caller)


def _department(caller: Actor) -> DepartmentId | None:
    return None if caller.department is None else DepartmentId(caller.department)


def _for_others(caller: Actor) -> bool:
    return bool({Role.INTEGRATOR, Role.ADMIN} & caller.roles)


def _seen(one: Inspector, caller: Actor) -> InspectorView:
    own = one.department == caller.department or Role.ADMIN in caller.roles
    view = InspectorView.model_validate(one)
    return view if own else view.model_copy(update={"recusals": None})
