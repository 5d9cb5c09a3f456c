"""What time does to a clue: one that nobody owns is routed again until the matrix names a lead."""

import asyncio
from collections.abc import Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from clue_dispatch.clue.domain import registering
from clue_dispatch.clue.domain.matter import Clue
from clue_dispatch.clue.store import reading, writing
from clue_dispatch.routing import store as routing
from clue_dispatch.routing.domain import Question
from clue_dispatch.terms import store as terms
from contracts.clue_dispatch import Move
from kit.acts import by_event, conclude
from kit.auth import system
from kit.context import Context
from kit.db import Database, dealing
from kit.deadlines import shanghai_day
from kit.failures import is_outage
from kit.log import get

EVERY_S: Final = 5.0
AT_ONCE: Final = 100

_log = get(__name__)


async def route_waiting(context: Context) -> None:
    """Look for clues without an owner, for as long as the process lives."""
    while True:
        try:
            await route_once(context.db)
        except Exception as no:
            if not is_outage(no):
                raise
            _log.warning("routing_pauses", error=repr(no))
        await asyncio.sleep(EVERY_S)


async def route_once(database: Database, at_once: int = AT_ONCE) -> int:
    """Route all that waits for an owner, some at a time; gives how many found one.

    What nobody leads yet stays, and must not keep those behind it from being looked at.
    """
    found, after = 0, ""
    while True:
        async with database.begin(system(database.service), "clues:route") as tx:
            waiting = await reading.lock_without_owner(tx, after, at_once)
            found += await _route(tx, waiting)
        if len(waiting) < at_once:
            return found
        after = waiting[-1].id


async def _route(tx: AsyncConnection, waiting: Sequence[Clue]) -> int:
    about = dealing(tx)
    day = shanghai_day(about.now)
    stage = terms.of_clues(day).stage
    asked = {clue.id: Question(clue.item, clue.region, stage, day) for clue in waiting}
    routes = await routing.routes(tx, asked.values())
    act = by_event(about.now)
    found = 0
    for clue in waiting:
        route = routes[asked[clue.id]]
        if route.lead is None:
            continue
        decided = registering.route_again(clue, route)
        await writing.save(tx, clue, decided.value, move_=Move.ROUTED, act=act, note=route.lead)
        await conclude(tx, about.actor, act, before=clue, decided=decided)
        found += 1
    return found
