"""Rules of places: the tree hangs together, an agency serves known nodes, who may change where."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from contracts.errors import Conflict, Forbidden, Invalid
from contracts.item_registry import (
    ROOT,
    DepartmentChanged,
    DepartmentId,
    DivisionSpan,
    Line,
    NewDepartment,
    NewRegion,
    RegionChanged,
    RegionId,
)
from contracts.says import Decided

Tree = Mapping[RegionId, RegionId | None]


@dataclass(frozen=True, slots=True)
class Region:
    """A node of the managed tree; `version` counts its announced changes."""

    id: RegionId
    parent: RegionId | None
    name: str
    divisions: tuple[DivisionSpan, ...] = ()
    version: int = 0


@dataclass(frozen=True, slots=True)
class Department:
    """One agency at one place; `version` counts its announced changes."""

    id: DepartmentId
    name: str
    line: Line
    level: int
    vertical_parent: DepartmentId | None
    territorial_parent: DepartmentId | None
    territory: tuple[RegionId, ...]
    successor: DepartmentId | None
    version: int = 0


class RootMisplaced(Invalid):
    """The root has no parent, and every other node has one."""

    code = "region-root-misplaced"


class ParentUnknown(Invalid):
    """The node above is neither registered nor in the same file."""

    code = "region-parent-unknown"


class ParentCircular(Invalid):
    """A node would stand below itself."""

    code = "region-parent-circular"


class RegionUnknown(Invalid):
    """There is no such node in the tree."""

    code = "region-unknown"


class RegionExists(Conflict):
    """The id is taken: a known node is changed by an import."""

    code = "region-exists"


class SuccessorUnknown(Invalid):
    """Who takes over must be another agency, registered or in the same file."""

    code = "department-successor-unknown"


class DepartmentExists(Conflict):
    """The id is taken: a known agency is changed by an import."""

    code = "department-exists"


class OutsideYourRegions(Forbidden):
    """A caller changes things at its own regions and below (国办发〔2023〕1号, 属地)."""

    code = "outside-your-regions"


def region_of(new: NewRegion) -> Region:
    """Make a node of what was sent."""
    spans = (DivisionSpan.model_validate(one.model_dump()) for one in new.divisions)
    return Region(new.id, new.parent, new.name, tuple(spans))


def department_of(new: NewDepartment) -> Department:
    """Make an agency of what was sent."""
    return Department(**dict(new))


def hang(region: Region, *, tree: Tree, promised: Tree) -> None:
    """Check that a node hangs in the tree; `promised` are the rows of the same file.

    Refuses: RootMisplaced, ParentUnknown, ParentCircular.
    """
    if (region.parent is None) != (region.id == ROOT):
        raise RootMisplaced(field="parent", got=region.parent, expected=f"null ⇔ id = {ROOT}")
    seen = {region.id}
    node = region.parent
    while node is not None:
        if node in seen:
            raise ParentCircular(field="parent", got=region.parent, expected="≠ id, ↑ 000000")
        if node not in tree and node not in promised:
            raise ParentUnknown(field="parent", got=node, expected="GET /api/v1/regions")
        seen.add(node)
        node = tree[node] if node in tree else promised[node]


def staff(
    department: Department, *, regions: Collection[RegionId], agencies: Collection[DepartmentId]
) -> None:
    """Check that an agency serves known nodes and passes its work on to a known one.

    Offices above it may stand outside this registry; routing does not need them.
    Refuses: RegionUnknown, SuccessorUnknown.
    """
    for node in department.territory:
        if node not in regions:
            raise RegionUnknown(field="territory", got=node, expected="GET /api/v1/regions")
    heir = department.successor
    if heir is not None and (heir == department.id or heir not in agencies):
        raise SuccessorUnknown(field="successor", got=heir, expected="GET /api/v1/departments")


def allow(own: Iterable[str], chain: Sequence[RegionId]) -> None:
    """Let a caller act at a place within its regions; refuses OutsideYourRegions.

    The root's callers act everywhere, also where the tree does not reach.
    """
    if not {*chain, ROOT} & set(own):
        raise OutsideYourRegions(region=chain[0], yours=sorted(own))


def take_region(
    new: NewRegion, before: Region | None, *, tree: Tree, promised: Tree
) -> Decided[Region]:
    """Add or change the node that was sent where it hangs in the tree; refuses as `hang` does."""
    region = region_of(new)
    hang(region, tree=tree, promised=promised)
    return register_region(region, before)


def take_department(
    new: NewDepartment,
    before: Department | None,
    *,
    regions: Collection[RegionId],
    agencies: Collection[DepartmentId],
) -> Decided[Department]:
    """Add or change the agency that was sent; refuses as `staff` does."""
    department = department_of(new)
    staff(department, regions=regions, agencies=agencies)
    return register_department(department, before)


def register_region(region: Region, before: Region | None) -> Decided[Region]:
    """Add or change a node; what is the same as before says nothing."""
    if before is not None and replace(region, version=before.version) == before:
        return Decided(before)
    version = 1 if before is None else before.version + 1
    said = RegionChanged(
        id=region.id, parent=region.parent, name=region.name, divisions=region.divisions
    )
    return Decided(replace(region, version=version), says=(said,))


def register_department(department: Department, before: Department | None) -> Decided[Department]:
    """Add or change an agency; what is the same as before says nothing."""
    if before is not None and replace(department, version=before.version) == before:
        return Decided(before)
    version = 1 if before is None else before.version + 1
    said = DepartmentChanged(
        id=department.id,
        name=department.name,
        line=department.line,
        level=department.level,
        vertical_parent=department.vertical_parent,
        territorial_parent=department.territorial_parent,
        territory=department.territory,
        successor=department.successor,
    )
    return Decided(replace(department, version=version), says=(said,))
