"""SQL of a pool: functions from a connection to values."""

from collections.abc import Iterable

from sqlalchemy import literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.credit_service import EntityId, EntityStatus
from contracts.errors import NotFound
from contracts.joint_inspection import PoolId
from joint_inspection.directory import store as directory
from joint_inspection.directory.domain import Inspector
from joint_inspection.pool.domain import Pool, PoolTarget
from joint_inspection.pool.tables import pool, pool_inspector, pool_target
from kit.entities import entity as known_entity
from kit.lists import Paging, page

_POOL = (
    pool.c.id,
    pool.c.item,
    pool.c.region,
    pool.c.department,
    pool.c.made_at,
    pool.c.targets,
    pool.c.inspectors,
    pool.c.key,
)


async def page_pools(tx: AsyncConnection, asked: Paging) -> tuple[list[Pool], str | None]:
    """List pools."""
    rows, next_ = await page(tx, select(*_POOL), by=(pool.c.id,), asked=asked)
    return [Pool(*row) for row in rows], next_


async def add_pool(tx: AsyncConnection, value: Pool, departments: Iterable[str]) -> Pool:
    """Freeze the targets that the caller sees and the inspectors of some departments."""
    chosen = directory.choice(value.region, value.item).subquery()
    row_of = insert(pool_target).from_select(
        ["pool", "target", "entity", "region", "under"], select(literal(value.id), *chosen.c)
    )
    many = await directory.many(tx, row_of)
    officers = directory.officers(departments).subquery()
    names = ["pool", "inspector", *(column.key for column in list(officers.c)[1:])]
    row_of = insert(pool_inspector).from_select(names, select(literal(value.id), *officers.c))
    staff = await directory.many(tx, row_of)
    row = {name: getattr(value, name) for name in ("id", "item", "region", "department", "made_at")}
    await tx.execute(insert(pool).values(**row, targets=many, inspectors=staff, key=value.key))
    return Pool(**row, targets=many, inspectors=staff, key=value.key)


async def get_pool(tx: AsyncConnection, id_: PoolId) -> Pool:
    """Read one pool; raises NotFound."""
    row = (await tx.execute(select(*_POOL).where(pool.c.id == id_))).one_or_none()
    if row is None:
        raise NotFound(pool=id_)
    return Pool(*row)


async def pool_targets(tx: AsyncConnection, id_: PoolId) -> list[PoolTarget]:
    """Read the targets of a pool, as they stood."""
    query = select(
        pool_target.c.target,
        pool_target.c.entity,
        pool_target.c.region,
        pool_target.c.under,
    ).where(pool_target.c.pool == id_)
    rows = await tx.execute(query)
    return [PoolTarget(*row) for row in rows]


async def pool_inspectors(tx: AsyncConnection, id_: PoolId) -> list[Inspector]:
    """Read the inspectors of a pool, as they stood."""
    query = select(
        pool_inspector.c.inspector,
        pool_inspector.c.department,
        pool_inspector.c.name,
        pool_inspector.c.certificate,
        pool_inspector.c.valid_until,
        pool_inspector.c.qualifications,
        pool_inspector.c.recusals,
    ).where(pool_inspector.c.pool == id_)
    return [Inspector(*row) for row in await tx.execute(query)]


async def gone(tx: AsyncConnection, id_: PoolId) -> frozenset[EntityId]:
    """Give the entities of a pool that are revoked or cancelled by now."""
    query = (
        select(pool_target.c.entity)
        .join(known_entity, known_entity.c.id == pool_target.c.entity)
        .where(pool_target.c.pool == id_, known_entity.c.status != EntityStatus.ACTIVE.value)
    )
    return frozenset(one for one in (await tx.execute(query)).scalars() if one is not None)
