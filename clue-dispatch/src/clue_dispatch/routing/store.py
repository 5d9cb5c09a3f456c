"""The responsibility matrix as this service knows it from item-registry's events."""

from datetime import date

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from clue_dispatch.routing.domain import Route
from contracts.item_registry import ItemId, RegionId, Stage
from kit import items, places
from kit.responsibility import lines_of, resolve


async def route(
    tx: AsyncConnection, item: ItemId, region: RegionId, *, stage: Stage, on: date
) -> Route:
    """Ask the responsibility matrix, as this service knows it, who leads and who cooperates."""
    chain = await places.chain(tx, region)
    found = await items.known(tx, item, chain)
    duties = found.duties if found else ()
    here = await places.agencies_of(tx, lines_of(duties, stage))
    heirs = await places.agencies(tx, (one.successor for one in here if one.successor))
    agencies = tuple({one.id: one for one in (*here, *heirs.values())}.values())
    answer = resolve(duties, stage=stage, chain=chain, on=on, agencies=agencies)
    return Route(
        stage=stage,
        lead=answer.lead,
        cooperators=answer.cooperators,
        chain=answer.chain,
        duties=answer.duties,
        problems=tuple(problem.code.value for problem in answer.problems),
        item_version=found.version if found else None,
        codes14=found.codes14 if found else (),
    )


async def item_of_code(tx: AsyncConnection, code14: str) -> ItemId | None:
    """Give the item that an item code belongs to, if exactly one is known."""
    query = select(items.item.c.item).where(items.item.c.codes14.contains([code14])).limit(2)
    found = (await tx.execute(query)).scalars().all()
    return ItemId(found[0]) if len(found) == 1 else None
