"""SQL of frequencies: functions from a connection to values."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from datetime import date
from typing import TypeAlias, TypeVarTuple

from sqlalchemy import Integer, Select, Text, column, delete, false, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.credit_service import EntityId
from contracts.item_registry import CapPublished, DepartmentId, RegionId
from contracts.joint_inspection import VisitId, VisitKind
from joint_inspection.frequency.domain import Attended, Cap, Caps, Use, day_of
from joint_inspection.frequency.tables import attended, cap
from kit import entities, places
from kit.entities import entity as known_entity
from kit.lists import Paging, page
from kit.places import agency
from kit.replicas import Replica, upsert

REPLICAS = (Replica.of_table(CapPublished, cap),)

Cells = TypeVarTuple("Cells")
Place: TypeAlias = tuple[RegionId, EntityId | None]
# An agency, a place and an item ("" where there is none), and the cap that holds there.
Held: TypeAlias = tuple[DepartmentId, RegionId, str, int]


@dataclass(frozen=True, slots=True)
class Which:
    """Whose usage is asked: of agencies, of an entity under its ids, at or below a region."""

    year: int
    outside: AbstractSet[VisitKind]
    departments: Sequence[DepartmentId] | None = None
    subjects: Sequence[EntityId] | None = None
    region: RegionId | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """One agency at one entity in a year: its visits, and the strictest cap that holds."""

    entity: EntityId
    department: DepartmentId
    visits: int
    cap: int | None
    visit_ids: tuple[VisitId, ...]
    name: str | None
    department_name: str | None
    line: str | None


async def keep_cap(tx: AsyncConnection, event: CapPublished, version: int) -> None:
    """Keep a cap as published."""
    await upsert(tx, cap, "cap", [event.model_dump(mode="json") | {"version": version}])


async def keep_attended(
    tx: AsyncConnection,
    visits: Iterable[VisitId],
    rows: Sequence[tuple[Attended, Sequence[str]]],
) -> None:
    """Write who attends some visits, in place of what stood there; each row with its readers."""
    await tx.execute(delete(attended).where(attended.c.visit.in_(sorted(set(visits)))))
    if rows:
        values = [asdict(one) | {"readers": list(readers)} for one, readers in rows]
        await tx.execute(insert(attended), values)


async def caps_at(
    tx: AsyncConnection,
    where: Iterable[Place],
    *,
    departments: Iterable[DepartmentId],
    outside: AbstractSet[VisitKind],
) -> dict[Place, Caps]:
    """Give what decides about subjects at places; no cap counts the kinds `outside`."""
    asked = set(where)
    known = await places.agencies(tx, departments)
    lines = {id_: one.line for id_, one in known.items()}
    chains = await places.chains(tx, {region for region, _ in asked})
    nodes = {node for chain in chains.values() for node in chain}
    rows = await _rows(tx, nodes | {region for region, _ in asked})
    used = await _used(tx, {subject for _, subject in asked if subject is not None}, outside)
    found: dict[Place, Caps] = {}
    for region, subject in asked:
        chain = chains.get(region, (region,))
        mine = frozenset[Use]() if subject is None else used[subject]
        found[region, subject] = Caps(rows, lines, chain, mine, outside)
    return found


async def _rows(tx: AsyncConnection, nodes: AbstractSet[RegionId]) -> list[Cap]:
    names = ("cap", "line", "region", "item", "per_year", "from", "to")
    query = select(*(cap.c[name] for name in names)).where(cap.c.region.in_(sorted(nodes)))
    return [
        Cap(
            cap=id_,
            line=line,
            region=node,
            item=item,
            per_year=per_year,
            from_=date.fromisoformat(since),
            to=until and date.fromisoformat(until),
        )
        for id_, line, node, item, per_year, since, until in await tx.execute(query)
    ]


async def _used(
    tx: AsyncConnection, subjects: AbstractSet[EntityId], outside: AbstractSet[VisitKind]
) -> dict[EntityId, frozenset[Use]]:
    """Read which visits count for each subject, under any of its ids."""
    ids = await entities.families(tx, subjects)
    query = select(
        attended.c.subject, attended.c.visit, attended.c.department, attended.c.year
    ).where(
        attended.c.subject.in_(sorted({alias for several in ids.values() for alias in several})),
        attended.c.purpose.not_in(sorted(outside)),
    )
    uses = defaultdict[EntityId, set[Use]](set)
    for subject, visit, department, year in await tx.execute(query):
        uses[subject].add(Use(visit, department, year))
    return {
        subject: frozenset(use for alias in several for use in uses[alias])
        for subject, several in ids.items()
    }


async def page_usage(
    tx: AsyncConnection,
    asked: Paging,
    which: Which,
    *,
    today: date,
    used_up: bool | None,
    over: bool | None,
) -> tuple[list[Usage], str | None]:
    """List agencies at entities with their visits of a year, by entity and agency."""
    caps = await _caps_of(tx, which, day_of(which.year, today))
    found = usage(which, caps, used_up=used_up, over=over).subquery()
    query = (
        select(*found.c, known_entity.c.name, agency.c.name.label("department_name"), agency.c.line)
        .outerjoin(known_entity, known_entity.c.id == found.c.entity)
        .outerjoin(agency, agency.c.id == found.c.department)
    )
    rows, next_ = await page(tx, query, by=(found.c.entity, found.c.department), asked=asked)
    return [Usage(**row._mapping) for row in rows], next_  # noqa: SLF001 - SQLAlchemy's name for a row's columns by name


def usage(
    which: Which, caps: Iterable[Held], *, used_up: bool | None = None, over: bool | None = None
) -> Select[EntityId, DepartmentId, int, int | None, Sequence[VisitId]]:
    """Count the visits of each agency at each entity, beside the strictest of its caps."""
    cells = list(zip(*caps, strict=True)) or [(), (), (), ()]
    texts = (literal(list(some), type_=ARRAY(Text)) for some in cells[:3])
    held = (
        func.unnest(*texts, literal(list(cells[3]), type_=ARRAY(Integer)))
        .table_valued(
            column("department", Text),
            column("region", Text),
            column("item", Text),
            column("per_year", Integer),
        )
        .render_derived(name="held")
    )
    entity = func.coalesce(known_entity.c.alias_of, attended.c.subject).label("entity")
    visits = func.count(attended.c.visit.distinct())
    most = func.min(held.c.per_year)
    query = (
        select(
            entity,
            attended.c.department,
            visits.label("visits"),
            most.label("cap"),
            func.array_agg(attended.c.visit.distinct()).label("visit_ids"),
        )
        .outerjoin(known_entity, known_entity.c.id == attended.c.subject)
        .outerjoin(
            held,
            (held.c.department == attended.c.department)
            & (held.c.region == attended.c.region)
            & (held.c.item == func.coalesce(attended.c.item, "")),
        )
        .group_by(entity, attended.c.department)
    )
    for wanted, holds in ((used_up, visits >= most), (over, visits > most)):
        if wanted is not None:
            query = query.having(func.coalesce(holds, false()) == wanted)
    return _filtered(query, which)


def _filtered(query: Select[*Cells], which: Which) -> Select[*Cells]:
    query = query.where(
        attended.c.year == which.year, attended.c.purpose.not_in(sorted(which.outside))
    )
    if which.departments is not None:
        query = query.where(attended.c.department.in_(which.departments))
    if which.subjects is not None:
        query = query.where(attended.c.subject.in_(which.subjects))
    if which.region is not None:
        query = query.where(attended.c.readers.contains([f"*@{which.region}"]))
    return query


async def _caps_of(tx: AsyncConnection, which: Which, on: date) -> list[Held]:
    """Find the cap of each agency at each place and item that it visited."""
    query = _filtered(
        select(attended.c.department, attended.c.region, attended.c.item), which
    ).distinct()
    visited = (await tx.execute(query)).all()
    where: set[Place] = {(region, None) for _, region, _ in visited}
    known = await caps_at(
        tx, where, departments={one for one, _, _ in visited}, outside=which.outside
    )
    found: list[Held] = []
    for department, region, item in visited:
        holds = known[region, None].of(department, item=item, on=on)
        if holds is not None:
            found.append((department, region, item or "", holds.per_year))
    return found
