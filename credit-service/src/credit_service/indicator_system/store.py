"""SQL of an indicator system: functions from a connection to values."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.credit_service import Band, Indicator, Override, SystemId, SystemState
from contracts.errors import NotFound
from contracts.item_registry import ItemId
from credit_service.indicator_system.domain import IndicatorSystem
from credit_service.indicator_system.tables import indicator_system
from kit.lists import Paging, page

_NAMES = tuple(IndicatorSystem.__dataclass_fields__)
_LOCK = "indicator-systems in force"
_VALUE = tuple(indicator_system.c[name] for name in _NAMES)


def _made(row: Row[Any]) -> IndicatorSystem:
    read = dict(zip(_NAMES, row, strict=True))
    read["indicators"] = tuple(Indicator.model_validate(one) for one in read["indicators"])
    read["bands"] = tuple(Band.model_validate(one) for one in read["bands"])
    read["overrides"] = tuple(Override.model_validate(one) for one in read["overrides"])
    return IndicatorSystem(**read)


async def next_version(tx: AsyncConnection, system: str) -> int:
    """Give the number of a system's next version and let nobody else have it meanwhile."""
    await tx.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(system, 0))))
    query = select(func.coalesce(func.max(indicator_system.c.version), 0)).where(
        indicator_system.c.system == system
    )
    return int((await tx.execute(query)).scalar_one()) + 1


async def add(tx: AsyncConnection, value: IndicatorSystem) -> None:
    """Write a new version."""
    row = {name: getattr(value, name) for name in _NAMES}
    for name in ("indicators", "bands", "overrides"):
        row[name] = [one.model_dump(mode="json") for one in row[name]]
    await tx.execute(insert(indicator_system).values(**row))


async def get(tx: AsyncConnection, id_: SystemId) -> IndicatorSystem:
    """Read one; raises NotFound."""
    row = (await tx.execute(select(*_VALUE).where(indicator_system.c.id == id_))).one_or_none()
    if row is None:
        raise NotFound(indicator_system=id_)
    return _made(row)


async def versions(tx: AsyncConnection, ids: Iterable[SystemId]) -> dict[str, IndicatorSystem]:
    """Give some versions, one a system, by system."""
    query = select(*_VALUE).where(indicator_system.c.id.in_(sorted(ids)))
    return {one.system: one for one in map(_made, await tx.execute(query))}


async def lock(tx: AsyncConnection, id_: SystemId) -> IndicatorSystem:
    """Read one and hold it until the transaction ends; raises NotFound."""
    query = select(*_VALUE).where(indicator_system.c.id == id_).with_for_update()
    row = (await tx.execute(query)).one_or_none()
    if row is None:
        raise NotFound(indicator_system=id_)
    return _made(row)


async def in_force(tx: AsyncConnection, system: str) -> list[IndicatorSystem]:
    """Read the version of a system that is in force, none or one, and hold it.

    Waits for whoever grades under it: what comes later sees the change, what came earlier is
    found by the first grading under the new version.
    """
    await tx.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(_LOCK, 0))))
    query = select(*_VALUE).where(
        indicator_system.c.system == system, indicator_system.c.state == SystemState.ACTIVE
    )
    return [_made(row) for row in await tx.execute(query.with_for_update())]


async def keep_active(tx: AsyncConnection) -> None:
    """Let no other version come into force until the transaction ends."""
    await tx.execute(select(func.pg_advisory_xact_lock_shared(func.hashtextextended(_LOCK, 0))))


async def active(tx: AsyncConnection) -> list[IndicatorSystem]:
    """Read every version that is in force; who decides by them has called `keep_active` before."""
    query = select(*_VALUE).where(indicator_system.c.state == SystemState.ACTIVE)
    return [_made(row) for row in await tx.execute(query.order_by(indicator_system.c.id))]


async def save(tx: AsyncConnection, value: IndicatorSystem) -> None:
    """Write back a change of state; a version newly in force has nobody graded under it yet."""
    change = indicator_system.update().where(indicator_system.c.id == value.id)
    await tx.execute(
        change.values(
            state=value.state,
            activated_by=value.activated_by,
            activated_at=value.activated_at,
            graded_to="" if value.state is SystemState.ACTIVE else None,
        )
    )


async def unfinished(tx: AsyncConnection) -> tuple[SystemId, str] | None:
    """Give a version in force under which not all are graded, and the last subject that is."""
    query = (
        select(indicator_system.c.id, indicator_system.c.graded_to)
        .where(indicator_system.c.graded_to.is_not(None))
        .order_by(indicator_system.c.id)
        .limit(1)
        .with_for_update()
    )
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else (row[0], row[1] or "")


async def graded(tx: AsyncConnection, id_: SystemId, to: str | None) -> None:
    """Note how far a version's first grading has come; None: to the end."""
    change = indicator_system.update().where(indicator_system.c.id == id_)
    await tx.execute(change.values(graded_to=to))


async def listed(
    tx: AsyncConnection, item: ItemId | None, state: SystemState | None, asked: Paging
) -> tuple[list[IndicatorSystem], str | None]:
    """Give one page by id."""
    query = select(*_VALUE)
    if item is not None:
        query = query.where(indicator_system.c.item == item)
    if state is not None:
        query = query.where(indicator_system.c.state == state)
    rows, next_ = await page(tx, query, by=(indicator_system.c.id,), asked=asked)
    return [_made(row) for row in rows], next_
