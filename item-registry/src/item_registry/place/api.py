"""HTTP in, for places: regions and departments."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query

from contracts.acts import Act
from contracts.item_registry import (
    DepartmentId,
    DepartmentView,
    Line,
    NewDepartment,
    NewRegion,
    RegionId,
    RegionView,
)
from item_registry.place import domain, store
from kit.acts import conclude
from kit.context import Caller, Tx, router
from kit.lists import Asked, Page, shown

regions: APIRouter = router("/regions")
departments: APIRouter = router("/departments")


@regions.post("", status_code=201)
async def create_region(new: NewRegion, tx: Tx, caller: Caller) -> RegionView:
    """Add a node to the tree; a known one is changed by an import."""
    decided = domain.take_region(new, None, tree=await store.tree(tx), promised={})
    domain.allow(caller.regions, await store.chain(tx, new.parent or new.id))
    await store.add_region(tx, decided.value)
    await conclude(tx, caller, Act(), before=None, decided=decided)
    return RegionView.model_validate(decided.value)


@regions.get("")
async def list_regions(
    tx: Tx,
    asked: Asked,
    parent: RegionId | None = None,
    region: Annotated[RegionId | None, Query(description="该节点及其以下 at or below")] = None,
    division: Annotated[str | None, Query(description="覆盖该行政区划代码 covering it")] = None,
    on: Annotated[date | None, Query(description="区划在该日有效 the day of its division")] = None,
) -> Page[RegionView]:
    """List nodes of the tree."""
    found, next_ = await store.page_of_regions(
        tx, asked, parent=parent, below=region, division=division, on=on
    )
    return shown(found, RegionView.model_validate, next_)


@regions.get("/{region_id}")
async def get_region(region_id: RegionId, tx: Tx) -> RegionView:
    """Give one node."""
    return RegionView.model_validate(await store.get_region(tx, region_id))


@departments.post("", status_code=201)
async def create_department(new: NewDepartment, tx: Tx, caller: Caller) -> DepartmentView:
    """Register an agency; a known one is changed by an import."""
    decided = domain.take_department(
        new,
        None,
        regions=await store.existing_regions(tx, new.territory),
        agencies=await store.existing_departments(tx, [new.successor] if new.successor else []),
    )
    for node in new.territory:
        domain.allow(caller.regions, await store.chain(tx, node))
    await store.add_department(tx, decided.value)
    await conclude(tx, caller, Act(), before=None, decided=decided)
    return DepartmentView.model_validate(decided.value)


@departments.get("")
async def list_departments(
    tx: Tx,
    asked: Asked,
    line: Line | None = None,
    region: Annotated[RegionId | None, Query(description="管辖该地点 serving this place")] = None,
    parent: Annotated[DepartmentId | None, Query(description="垂直或属地上级")] = None,
) -> Page[DepartmentView]:
    """List agencies."""
    found, next_ = await store.page_of_departments(
        tx, asked, line=line, place=region, parent=parent
    )
    return shown(found, DepartmentView.model_validate, next_)


@departments.get("/{department_id}")
async def get_department(department_id: DepartmentId, tx: Tx) -> DepartmentView:
    """Give one agency."""
    return DepartmentView.model_validate(await store.get_department(tx, department_id))
