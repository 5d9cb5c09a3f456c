"""What time does to a clue: one that nobody owns is routed again until the matrix names a lead."""

import asyncio
from typing import Final

from clue_dispatch.clue.domain import registering
from clue_dispatch.clue.store import reading, writing
from clue_dispatch.routing import store as routing
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


async def route_once(database: Database) -> int:
    """Route what waits for an owner; gives how many found one."""
    actor = system(database.service)
    found = 0
    async with database.begin(actor, "clues:route") as tx:
        now = dealing(tx).now
        day = shanghai_day(now)
        limits = terms.of_clues(day)
        for clue in await reading.lock_without_owner(tx, AT_ONCE):
            route = await routing.route(tx, clue.item, clue.region, stage=limits.stage, on=day)
            if route.lead is None:
                continue
            decided = registering.route_again(clue, route)
            act = by_event(now)
            await writing.save(tx, clue, decided.value, move_=Move.ROUTED, act=act, note=route.lead)
            await conclude(tx, actor, act, before=clue, decided=decided)
            found += 1
    return found
