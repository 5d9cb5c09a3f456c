"""SQL of the directories: functions from a connection to values."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVarTuple

from sqlalchemy import ColumnElement, Select, func, literal, or_, select
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.credit_service import EntityId, EntityStatus
from contracts.errors import NotFound
from contracts.item_registry import DepartmentId, ItemId, RegionId
from contracts.joint_inspection import (
    EntityFilter,
    InspectorId,
    SubjectSighted,
    TargetId,
    TargetKind,
)
from joint_inspection.directory.domain import (
    Inspector,
    Sighting,
    Target,
    TargetTaken,
)
from joint_inspection.directory.tables import (
    inspector,
    sighted,
    target,
)
from kit import entities, items, outbox, places
from kit.db import dealing
from kit.entities import entity as known_entity
from kit.lists import Paging, page

Cells = TypeVarTuple("Cells")

_TARGET = (
    target.c.id,
    target.c.name,
    target.c.kind,
    target.c.region,
    target.c.entity,
    target.c.address,
    target.c.under,
    target.c.department,
)
_INSPECTOR = (
    inspector.c.id,
    inspector.c.department,
    inspector.c.name,
    inspector.c.certificate,
    inspector.c.valid_until,
    inspector.c.qualifications,
    inspector.c.recusals,
)
_DERIVED = 24


async def page_targets(
    tx: AsyncConnection,
    asked: Paging,
    *,
    region: RegionId | None = None,
    item: ItemId | None = None,
    subject: EntityId | None = None,
) -> tuple[list[Target], str | None]:
    """List targets: in a region and below it, under an item, of an entity."""
    query = select(*_TARGET)
    if region is not None:
        query = query.where(_inside(region))
    if item is not None:
        query = query.where(target.c.under.contains([item]))
    if subject is not None:
        query = query.where(target.c.entity.in_(await entities.same(tx, subject)))
    rows, next_ = await page(tx, query, by=(target.c.id,), asked=asked)
    return [Target(*row) for row in rows], next_


async def page_inspectors(
    tx: AsyncConnection,
    asked: Paging,
    *,
    department: DepartmentId | None = None,
    qualification: str | None = None,
) -> tuple[list[Inspector], str | None]:
    """List inspectors: of a department, with a qualification."""
    query = select(*_INSPECTOR)
    if department is not None:
        query = query.where(inspector.c.department == department)
    if qualification is not None:
        query = query.where(inspector.c.qualifications.contains([qualification]))
    rows, next_ = await page(tx, query, by=(inspector.c.id,), asked=asked)
    return [Inspector(*row) for row in rows], next_


def _inside(region: RegionId) -> ColumnElement[bool]:
    """Tell targets at or below a node: overseers of a node read all that is below it."""
    return target.c.readers.contains([f"*@{region}"])


async def get_target(tx: AsyncConnection, id_: TargetId) -> Target:
    """Read one; raises NotFound, also when out of scope."""
    found = (await get_targets(tx, [id_])).get(id_)
    if found is None:
        raise NotFound(target=id_)
    return found


async def hold_target(tx: AsyncConnection, id_: TargetId) -> None:
    """Let nobody else add to one target until the transaction ends: known or not yet."""
    await tx.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"target {id_}", 0))))


async def get_targets(tx: AsyncConnection, ids: Iterable[str]) -> dict[TargetId, Target]:
    """Read the known ones of some targets."""
    rows = await tx.execute(select(*_TARGET).where(target.c.id.in_(sorted(set(ids)))))
    return {row[0]: Target(*row) for row in rows}


async def readers_of(
    tx: AsyncConnection, ids: Iterable[TargetId]
) -> dict[TargetId, tuple[str, ...]]:
    """Say who reads some targets."""
    query = select(target.c.id, target.c.readers).where(target.c.id.in_(sorted(set(ids))))
    return dict((await tx.execute(query)).all())


async def of_subject(tx: AsyncConnection, ids: Iterable[EntityId]) -> list[Target]:
    """Read the targets of a subject, under any of its ids."""
    rows = await tx.execute(select(*_TARGET).where(target.c.entity.in_(sorted(set(ids)))))
    return [Target(*row) for row in rows]


async def of_subjects(
    tx: AsyncConnection, subjects: Iterable[EntityId]
) -> dict[EntityId, list[Target]]:
    """Read the targets of several subjects, each under any of its ids."""
    ids = await entities.families(tx, subjects)
    found = defaultdict[EntityId | None, list[Target]](list)
    for one in await of_subject(tx, {alias for several in ids.values() for alias in several}):
        found[one.entity].append(one)
    return {
        subject: [one for alias in sorted(several) for one in found[alias]]
        for subject, several in ids.items()
    }


async def get_inspector(tx: AsyncConnection, id_: InspectorId) -> Inspector:
    """Read one; raises NotFound."""
    found = (await get_inspectors(tx, [id_])).get(id_)
    if found is None:
        raise NotFound(inspector=id_)
    return found


async def lock_inspector(tx: AsyncConnection, id_: InspectorId) -> Inspector:
    """Read one and hold it until the transaction ends; raises NotFound."""
    found = (await lock_inspectors(tx, [id_])).get(id_)
    if found is None:
        raise NotFound(inspector=id_)
    return found


async def lock_inspectors(tx: AsyncConnection, ids: Iterable[str]) -> dict[InspectorId, Inspector]:
    """Read the known ones and hold them: no recusal declared meanwhile is written over."""
    query = select(*_INSPECTOR).where(inspector.c.id.in_(sorted(set(ids))))
    rows = await tx.execute(query.order_by(inspector.c.id).with_for_update())
    return {row[0]: Inspector(*row) for row in rows}


async def get_inspectors(tx: AsyncConnection, ids: Iterable[str]) -> dict[InspectorId, Inspector]:
    """Read the known ones of some inspectors."""
    rows = await tx.execute(select(*_INSPECTOR).where(inspector.c.id.in_(sorted(set(ids)))))
    return {row[0]: Inspector(*row) for row in rows}


async def bench(tx: AsyncConnection, departments: Iterable[str]) -> list[Inspector]:
    """Read all inspectors of some departments."""
    rows = await tx.execute(officers(departments).order_by(inspector.c.id))
    return [Inspector(*row) for row in rows]


def officers(departments: Iterable[str]) -> Select[*tuple[Any, ...]]:
    """Ask for all inspectors of some departments, with every cell."""
    return select(*_INSPECTOR).where(inspector.c.department.in_(sorted(set(departments))))


def choice(
    region: RegionId, item: ItemId
) -> Select[TargetId, EntityId | None, RegionId, tuple[ItemId, ...]]:
    """Ask for the targets under an item at or below a region, which a draw may choose from."""
    query = select(target.c.id, target.c.entity, target.c.region, target.c.under)
    return query.where(_inside(region), target.c.under.contains([item]))


async def lines_of(
    tx: AsyncConnection, item: ItemId | None, chain: Sequence[RegionId]
) -> tuple[str, ...]:
    """Give the lines that have a duty for an item at a place; none for an unknown item."""
    known = None if item is None else await items.known(tx, item, chain)
    return () if known is None else tuple(sorted({duty.line for duty in known.duties}))


async def scope(
    tx: AsyncConnection, region: RegionId, item: ItemId | None, keeper: Sequence[str | None]
) -> list[str]:
    """Say who reads a target: the lines concerned with its item, its keeper's, the department."""
    chain = await places.chain(tx, region)
    line, department = keeper
    lines = [*await lines_of(tx, item, chain), line]
    return places.readers(chain, lines, [department])


async def scopes(
    tx: AsyncConnection,
    where: Iterable[tuple[RegionId, ItemId | None]],
    chains: Mapping[RegionId, tuple[RegionId, ...]],
    keeper: Sequence[str | None],
) -> dict[tuple[RegionId, ItemId | None], list[str]]:
    """Say who reads targets at places under items, in a few round trips; else as `scope`."""
    line, department = keeper
    asked = {(region, item): chains.get(region, (region,)) for region, item in where}
    asks = [(item, chain) for (_, item), chain in asked.items() if item is not None]
    known = await items.known_each(tx, asks)
    found: dict[tuple[RegionId, ItemId | None], list[str]] = {}
    for (region, item), chain in asked.items():
        of_item = None if item is None else known.get((item, chain))
        lines = sorted({duty.line for duty in of_item.duties}) if of_item else []
        found[region, item] = places.readers(chain, [*lines, line], [department])
    return found


async def add_target(tx: AsyncConnection, value: Target, readers: Sequence[str]) -> None:
    """Write a new target; refuses TargetTaken where one stands that the caller does not see."""
    row = insert(target).values(**_row(value), readers=list(readers))
    done = await tx.execute(row.on_conflict_do_nothing().returning(target.c.id))
    if done.one_or_none() is None:
        raise TargetTaken(field="id", got=value.id, expected="another id")


async def save_target(tx: AsyncConnection, value: Target, readers: Sequence[str]) -> None:
    """Write back what a row changed; who read it before still does."""
    change = target.update().where(target.c.id == value.id)
    both = func.array(
        select(func.unnest(target.c.readers.op("||")(list(readers))).label("one"))
        .distinct()
        .scalar_subquery()
    )
    await tx.execute(change.values(**_row(value), readers=both))


async def keep_targets(tx: AsyncConnection, rows: Sequence[tuple[Target, Sequence[str]]]) -> None:
    """Write many, new or changed, as the service's own work, which sees every row."""
    if not rows:
        return
    known = select(target.c.id, target.c.readers).where(target.c.id.in_([t.id for t, _ in rows]))
    before = dict((await tx.execute(known)).all())
    row = insert(target)
    values = [
        _row(value) | {"readers": list(dict.fromkeys([*before.get(value.id, []), *readers]))}
        for value, readers in rows
    ]
    changed = {name: row.excluded[name] for name in values[0] if name != "id"}
    await tx.execute(row.on_conflict_do_update(index_elements=[target.c.id], set_=changed), values)


def _row(value: Target) -> dict[str, object]:
    names = ("id", "name", "kind", "region", "entity", "address", "department")
    return {name: getattr(value, name) for name in names} | {"under": list(value.items)}


async def from_entities(
    tx: AsyncConnection,
    which: EntityFilter,
    *,
    item: ItemId,
    region: RegionId,
    department: str | None,
    readers: Sequence[str],
) -> tuple[int, int]:
    """Make a target of each active entity found that has none in the region; gives made and known.

    The id is that of `domain.target_id` without an address.
    """
    # NOT IN is hashed once; NOT EXISTS would walk the table that the statement itself makes grow.
    here = select(target.c.entity).where(target.c.region == region, target.c.entity.is_not(None))
    found = select(func.count()).select_from(known_entity).where(known_entity.c.id.in_(here))
    known = (await tx.execute(_chosen(found, which))).scalar_one()
    ids = _chosen(select(known_entity.c.id), which)
    lacking = (target.c.region == region) & ~target.c.under.contains([item])
    under = target.c.under.op("||")([item])
    await tx.execute(target.update().where(lacking, target.c.entity.in_(ids)).values(under=under))
    named = func.convert_to(known_entity.c.id + f"|{region}|", "UTF8")
    rows = select(
        literal("t-") + func.substr(func.encode(func.sha256(named), "hex"), 1, _DERIVED),
        func.coalesce(known_entity.c.name, known_entity.c.id),
        literal(TargetKind.PREMISES.value),
        literal(region),
        known_entity.c.id,
        literal(""),
        literal([item], type_=target.c.under.type),
        literal(department, type_=target.c.department.type),
        literal(list(readers), type_=target.c.readers.type),
    ).where(known_entity.c.id.not_in(here))
    names = ["id", "name", "kind", "region", "entity", "address", "under", "department", "readers"]
    made = insert(target).from_select(names, _chosen(rows, which)).on_conflict_do_nothing()
    return await many(tx, made), known


def _chosen(query: Select[*Cells], which: EntityFilter) -> Select[*Cells]:
    query = query.where(
        known_entity.c.status == EntityStatus.ACTIVE.value, known_entity.c.alias_of.is_(None)
    )
    if which.ids:
        query = query.where(known_entity.c.id.in_(which.ids))
    if which.kinds:
        query = query.where(known_entity.c.kind.in_([kind.value for kind in which.kinds]))
    if which.name_contains is not None:
        query = query.where(known_entity.c.name.contains(which.name_contains, autoescape=True))
    if which.division is not None:
        forms = (f"uscc-__{which.division}%", f"reg1_-{which.division}%")
        query = query.where(or_(*(known_entity.c.id.like(form) for form in forms)))
    return query


async def many(tx: AsyncConnection, statement: Insert) -> int:
    """Run an INSERT … SELECT and give how many rows it wrote, which is not kept unless asked."""
    done = await tx.execute(statement.execution_options(preserve_rowcount=True))
    return done.rowcount


async def keep_inspectors(tx: AsyncConnection, rows: Sequence[Inspector]) -> None:
    """Write many inspectors, new or changed."""
    if not rows:
        return
    row = insert(inspector)
    values = [
        {
            "id": one.id,
            "department": one.department,
            "name": one.name,
            "certificate": one.certificate,
            "valid_until": one.valid_until,
            "qualifications": list(one.qualifications),
            "recusals": list(one.recusals),
        }
        for one in rows
    ]
    changed = {name: row.excluded[name] for name in values[0] if name != "id"}
    await tx.execute(
        row.on_conflict_do_update(index_elements=[inspector.c.id], set_=changed), values
    )


async def sight(tx: AsyncConnection, found: Mapping[RegionId, Sequence[Sighting]]) -> None:
    """Announce the provisional subjects that this service meets for the first time, by place."""
    facts = {
        one.subject: SubjectSighted(
            subject=one.subject, source=one.source, fault=one.fault, region=region, raw=one.raw
        )
        for region, several in found.items()
        for one in several
    }
    if not facts:
        return
    rows = [{"subject": subject, "at": dealing(tx).now} for subject in sorted(facts)]
    row = insert(sighted).values(rows).on_conflict_do_nothing().returning(sighted.c.subject)
    new = set((await tx.execute(row)).scalars())
    await outbox.add(tx, [facts[subject] for subject in sorted(new)])
