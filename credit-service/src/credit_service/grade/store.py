"""SQL of grades, and the one road on which a grade follows what is recorded."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Integer, Row, func, literal, select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.acts import Act
from contracts.credit_service import EntityId, Words
from credit_service.entity import store as entities
from credit_service.entity.domain import is_provisional
from credit_service.grade import domain
from credit_service.grade.domain import Capped, Entry, Grade, Line
from credit_service.grade.tables import counted, grade, standing
from credit_service.indicator_system import store as systems
from kit import policy
from kit.acts import conclude
from kit.checks import Check
from kit.db import dealing, write_as_service
from kit.deadlines import shanghai_day

_NAMES = tuple(Grade.__dataclass_fields__)
_ENTRY = tuple(Entry.__dataclass_fields__)
_LINES = TypeAdapter(tuple[Line, ...])
_CAPPED = TypeAdapter(tuple[Capped, ...])


def _made(row: Row[Any]) -> Grade:
    read = dict(zip(_NAMES, row, strict=True))
    read["lines"] = _LINES.validate_python(read["lines"])
    read["overrides"] = _CAPPED.validate_python(read["overrides"])
    return Grade(**read)


async def count(tx: AsyncConnection, entries: Sequence[Entry]) -> None:
    """Write what counts of new records."""
    if entries:
        rows = [asdict(entry) | {"scope": list(entry.scope)} for entry in entries]
        await tx.execute(insert(counted), rows)


async def follow(tx: AsyncConnection, subjects: Iterable[EntityId], act: Act) -> None:
    """Bring the grades of some subjects in line with what is recorded, in this transaction.

    The one road for a request, an event, a row of an import and a day that has come.
    """
    today = shanghai_day(dealing(tx).now)
    subjects = sorted(set(subjects))
    # Who says meanwhile which entity a provisional subject is waits, and then counts this record.
    await _hold(tx, [id_ for id_ in subjects if is_provisional(id_)])
    present = (await entities.became(tx, subjects)).values()
    graded = sorted({id_ for id_ in present if not is_provisional(id_)})
    if not graded:
        return
    await systems.keep_active(tx)
    await _hold(tx, graded)
    found = await _entries(tx, graded)
    stand = await _standing(tx, graded)
    # Of most firms nothing is said, and then no version can change anything.
    in_force = await systems.active(tx) if stand or any(found.values()) else ()
    for entity in graded:
        for system in in_force:
            before = stand.get(domain.id_of(system.system, entity))
            result = domain.regrade(system, entity, found[entity], before=before, on=today)
            if result.decided is not None:
                scope = domain.readers(system, found[entity])
                await _save(tx, result.decided.value, result.next_on, scope)
                actor = dealing(tx).actor
                await conclude(tx, actor, act, before=before, decided=result.decided)
            elif before is not None:
                change = standing.update().where(standing.c.id == before.id)
                await tx.execute(change.values(next_on=result.next_on))


async def _hold(tx: AsyncConnection, graded: Sequence[EntityId]) -> None:
    """Let one transaction at a time grade an entity: it decides on all records that it has read."""
    for entity in graded:
        await tx.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(entity, 0))))


async def _entries(
    tx: AsyncConnection, graded: Sequence[EntityId]
) -> dict[EntityId, tuple[Entry, ...]]:
    """Give all that counts for some entities, under every id that they ever had."""
    ids = await entities.every_id(tx, graded)
    wanted = {old: entity for entity, all_ in ids.items() for old in all_}
    query = select(*(counted.c[name] for name in _ENTRY)).where(
        counted.c.subject.in_(sorted(wanted))
    )
    found: dict[EntityId, list[Entry]] = {entity: [] for entity in graded}
    for row in await tx.execute(query.order_by(counted.c.record)):
        read = dict(zip(_ENTRY, row, strict=True))
        entry = Entry(**read | {"scope": tuple(read["scope"])})
        found[wanted[entry.subject]].append(entry)
    return {entity: tuple(entries) for entity, entries in found.items()}


async def _standing(tx: AsyncConnection, graded: Sequence[EntityId]) -> dict[str, Grade]:
    query = select(*(standing.c[name] for name in _NAMES)).where(standing.c.entity.in_(graded))
    return {value.id: value for value in map(_made, await tx.execute(query))}


async def _save(
    tx: AsyncConnection, value: Grade, next_on: date | None, readers: list[str]
) -> None:
    row = asdict(value)
    row["lines"] = _LINES.dump_python(value.lines, mode="json")
    row["overrides"] = _CAPPED.dump_python(value.overrides, mode="json")
    stands = insert(standing).values(**row, next_on=next_on)
    await tx.execute(
        stands.on_conflict_do_update(
            index_elements=[standing.c.id],
            set_={name: stands.excluded[name] for name in [*row, "next_on"] if name != "id"},
        )
    )
    kept = insert(grade).values(**row, recorded_at=dealing(tx).now, readers=readers)
    await write_as_service(tx, kept)  # the caller may see none of the records that were counted


def meanings(on: date) -> dict[str, Words]:
    """Give what each grade of the dictionary means on a day."""
    rows = policy.all_in_force(policy.load("credit_service"), "grade", on)
    return {
        row.key.removeprefix("grade."): Words(zh=row.values["zh"], en=row.values["en"])
        for row in rows
    }


async def as_of(tx: AsyncConnection, entity: EntityId, on: date) -> list[Grade]:
    """Give an entity's grades as they were known at the end of a day, one a system."""
    query = (
        select(*(grade.c[name] for name in _NAMES))
        .ext(distinct_on(grade.c.system))
        .where(grade.c.entity == entity, grade.c.valid_from <= on)
        .order_by(grade.c.system, grade.c.version.desc())
    )
    return [_made(row) for row in await tx.execute(query)]


async def due(tx: AsyncConnection, on: date, limit: int) -> list[EntityId]:
    """Give entities whose grade may have changed because a day has come."""
    query = select(standing.c.entity).where(standing.c.next_on <= on)
    return list((await tx.execute(query.order_by(standing.c.next_on).limit(limit))).scalars())


async def subjects_after(tx: AsyncConnection, subject: str, limit: int) -> list[EntityId]:
    """Give the next subjects that some record speaks of, in order of id."""
    query = select(counted.c.subject).distinct().where(counted.c.subject > subject)
    return list((await tx.execute(query.order_by(counted.c.subject).limit(limit))).scalars())


async def explained(tx: AsyncConnection) -> Check:
    """C1: the points of every grade are its base and its lines, and the last version stands."""
    sums = (
        select(
            func.coalesce(
                func.sum(
                    func.jsonb_extract_path_text(
                        func.jsonb_array_elements(grade.c.lines).column_valued("line"),
                        literal("points"),
                    ).cast(Integer)
                ),
                0,
            )
        )
    ).scalar_subquery()
    query = select(grade.c.id, grade.c.version).where(grade.c.points != grade.c.base + sums)
    bad = [f"{id_} version {version}" for id_, version in await tx.execute(query.limit(5))]
    return Check(name="C1 every grade is explained", ok=not bad, detail="; ".join(bad))


async def stands(tx: AsyncConnection) -> Check:
    """C2: the grade that stands is the last one of its history."""
    last = (
        select(grade.c.id, func.max(grade.c.version).label("version"))
        .group_by(grade.c.id)
        .subquery()
    )
    query = (
        select(func.coalesce(standing.c.id, last.c.id))
        .select_from(standing)
        .join(last, last.c.id == standing.c.id, full=True)
        .where(standing.c.version.is_distinct_from(last.c.version))
    )
    bad = [str(id_) for id_ in (await tx.execute(query.limit(5))).scalars()]
    return Check(name="C2 the last grade stands", ok=not bad, detail="; ".join(bad))
