"""The responsibility matrix as this service knows it from item-registry's events."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from typing import TypeAlias

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from clue_dispatch.routing.domain import Question, Route
from contracts.item_registry import ItemId, RegionId, Stage
from kit import items, places
from kit.places import Agency
from kit.responsibility import lines_of, resolve


async def route(
    tx: AsyncConnection, item: ItemId, region: RegionId, *, stage: Stage, on: date
) -> Route:
    """Ask the responsibility matrix, as this service knows it, who leads and who cooperates."""
    asked = Question(item, region, stage, on)
    return (await routes(tx, [asked]))[asked]


async def routes(tx: AsyncConnection, questions: Iterable[Question]) -> dict[Question, Route]:
    """Ask the responsibility matrix many questions, in a few round trips."""
    asked = set(questions)
    chains = await places.chains(tx, {one.region for one in asked})
    ask: dict[Question, items.Ask] = {
        one: (one.item, chains.get(one.region) or (one.region,)) for one in asked
    }
    known = await items.known_each(tx, ask.values())
    lines = {
        line
        for one in asked
        if ask[one] in known
        for line in lines_of(known[ask[one]].duties, one.stage)
    }
    here = await places.agencies_of(tx, lines)
    heirs = await places.agencies(tx, {one.successor for one in here if one.successor})
    near = _near(here, (chain for _, chain in ask.values()), tuple(heirs.values()))
    return {one: _route(one, known.get(ask[one]), ask[one][1], near) for one in asked}


Near: TypeAlias = Mapping[tuple[RegionId, ...], tuple[Agency, ...]]


def _near(
    here: Iterable[Agency], chains: Iterable[tuple[RegionId, ...]], heirs: tuple[Agency, ...]
) -> Near:
    """Give the agencies that serve a node of each chain, and what agencies became."""
    by_node = defaultdict[RegionId, list[Agency]](list)
    for one in here:
        for node in one.territory:
            by_node[node].append(one)
    return {
        chain: tuple(
            {one.id: one for one in (*(one for n in chain for one in by_node[n]), *heirs)}.values()
        )
        for chain in set(chains)
    }


def _route(
    asked: Question, found: items.Item | None, chain: tuple[RegionId, ...], near: Near
) -> Route:
    answer = resolve(
        found.duties if found else (),
        stage=asked.stage,
        chain=chain,
        on=asked.on,
        agencies=near[chain],
    )
    return Route(
        stage=asked.stage,
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
