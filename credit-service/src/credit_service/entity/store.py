"""SQL of an entity: functions from a connection to values."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Integer, Text, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.credit_service import EntityId, EntityKind
from contracts.errors import NotFound
from contracts.item_registry import ROOT, RegionId
from credit_service.entity.domain import Entity
from credit_service.entity.tables import entity
from kit import places
from kit.db import dealing
from kit.lists import Paging, page

_NAMES = tuple(Entity.__dataclass_fields__)
_VALUE = tuple(entity.c[name] for name in _NAMES)
_LOCK = "entity"


async def known(tx: AsyncConnection, ids: Iterable[EntityId]) -> dict[EntityId, Entity]:
    """Give the known ones of some ids, as they are (an alias is not followed)."""
    query = select(*_VALUE).where(entity.c.id.in_(sorted(set(ids))))
    return {row[0]: Entity(*row) for row in await tx.execute(query)}


async def regions(tx: AsyncConnection, ids: Iterable[str | None]) -> set[RegionId]:
    """Give those of some ids that are nodes of the region tree; its root always is one."""
    wanted = {RegionId(id_) for id_ in ids if id_}
    return {ROOT, *(await places.chains(tx, wanted) if wanted else ())}


async def hold(tx: AsyncConnection) -> None:
    """Let one transaction at a time register entities: it decides on what it has read."""
    await tx.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(literal(_LOCK), 0))))


async def save(tx: AsyncConnection, entities: Sequence[Entity]) -> None:
    """Write what was made or changed, in one statement; only a newer version replaces a row."""
    if not entities:
        return
    columns = [[getattr(one, name) for one in entities] for name in _NAMES]
    types = [Integer if name == "version" else Text for name in _NAMES]
    arrays = (
        literal(
            [value if value is None or kind is Integer else str(value) for value in column],
            ARRAY(kind),
        )
        for column, kind in zip(columns, types, strict=True)
    )
    rows = func.unnest(*arrays).table_valued(*_NAMES).render_derived()
    written = [*_NAMES, "changed_at"]
    row = insert(entity).from_select(written, select(*rows.c, literal(dealing(tx).now)))
    await tx.execute(
        row.on_conflict_do_update(
            index_elements=[entity.c.id],
            set_={name: row.excluded[name] for name in written if name != "id"},
            where=row.excluded.version > entity.c.version,
        )
    )


async def followed(tx: AsyncConnection, id_: EntityId) -> tuple[Entity, tuple[EntityId, ...]]:
    """Give what an id is or became, and all its other ids; raises NotFound."""
    found = (await known(tx, [id_])).get(id_)
    if found is not None and found.alias_of is not None:
        found = (await known(tx, [found.alias_of])).get(found.alias_of)
    if found is None:
        raise NotFound(entity=id_)
    query = select(entity.c.id).where(entity.c.alias_of == found.id).order_by(entity.c.id)
    return found, tuple((await tx.execute(query)).scalars())


async def resolving(
    tx: AsyncConnection, into: EntityId, subject: EntityId
) -> tuple[Entity, Entity]:
    """Give what an id is or became, and the row of a provisional subject; raises NotFound."""
    found = await known(tx, [into, subject])
    target = found.get(into)
    if target is not None and target.alias_of is not None:
        target = (await known(tx, [target.alias_of])).get(target.alias_of)
    if target is None or subject not in found:
        raise NotFound(entity=into if target is None else subject)
    return target, found[subject]


async def became(tx: AsyncConnection, ids: Iterable[EntityId]) -> dict[EntityId, EntityId]:
    """Give what each id is now; an id that nobody registered is itself."""
    wanted = sorted(set(ids))
    query = select(entity.c.id, entity.c.alias_of).where(
        entity.c.id.in_(wanted), entity.c.alias_of.is_not(None)
    )
    aliases = {row[0]: row[1] for row in await tx.execute(query)}
    return {id_: aliases.get(id_) or id_ for id_ in wanted}


async def every_id(
    tx: AsyncConnection, ids: Iterable[EntityId]
) -> dict[EntityId, tuple[EntityId, ...]]:
    """Give for each of some present ids itself and every id that became it."""
    wanted = sorted(set(ids))
    query = select(entity.c.alias_of, entity.c.id).where(entity.c.alias_of.in_(wanted))
    found: dict[EntityId, list[EntityId]] = {id_: [id_] for id_ in wanted}
    for target, old in await tx.execute(query.order_by(entity.c.id)):
        if target is not None:
            found[target].append(old)
    return {id_: tuple(all_) for id_, all_ in found.items()}


async def listed(
    tx: AsyncConnection, kind: EntityKind | None, name: str | None, asked: Paging
) -> tuple[list[Entity], str | None]:
    """Give one page by id; provisional subjects only when they are asked for."""
    query = select(*_VALUE)
    if kind is not None:
        query = query.where(entity.c.kind == kind)
    else:
        query = query.where(entity.c.kind != EntityKind.PROVISIONAL)
    if name:
        query = query.where(entity.c.name.startswith(name, autoescape=True))
    rows, next_ = await page(tx, query, by=(entity.c.id,), asked=asked)
    return [Entity(*row) for row in rows], next_
