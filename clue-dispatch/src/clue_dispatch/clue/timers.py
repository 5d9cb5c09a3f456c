"""What time does to a clue: due times that moved with a calendar, and clues that nobody owns.

An overdue clue needs no timer: overdue is computed from its due time and now.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from clue_dispatch.clue.domain import handling, registering
from clue_dispatch.clue.domain.matter import Clue
from clue_dispatch.clue.store import reading, writing
from clue_dispatch.clue.store.writing import Step
from clue_dispatch.routing import store as routing
from clue_dispatch.routing.domain import Question
from clue_dispatch.terms import store as terms
from contracts.clue_dispatch import ClueId, Move
from kit.acts import Done, by_event, conclude, conclude_each
from kit.auth import system
from kit.db import Database, dealing
from kit.deadlines import Due, shanghai_day
from kit.ticker import Every
from kit.timers import Kind, Moved

EVERY_S: Final = 5.0
AT_ONCE: Final = 100


async def recount(tx: AsyncConnection, moved: Sequence[Moved]) -> None:
    """Give clues the due times that a changed calendar makes of their terms."""
    dues: dict[ClueId, dict[str, Due]] = {}
    for one in moved:
        of = dues.setdefault(ClueId(one.object.removeprefix("clue/")), {})
        of[one.kind.removeprefix("clue.")] = one.due
    about = dealing(tx)
    act = by_event(about.now, about.operation)
    held = await reading.lock_each(tx, dues)
    decided = {id_: handling.recount(clue, dues[id_]) for id_, clue in held.items()}
    steps = [
        Step(clue, decided[id_].value, Move.DUE_MOVED, act, " ".join(sorted(dues[id_])))
        for id_, clue in held.items()
    ]
    await writing.keep(tx, steps)
    done = [Done(act, clue, decided[id_]) for id_, clue in held.items()]
    await conclude_each(tx, about.actor, done)


async def _route_waiting(database: Database) -> bool:
    await route_once(database)
    return False


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


TIMERS = (
    Kind("clue.dispatch", follows=recount),
    Kind("clue.sign", follows=recount),
    Kind("clue.verify", follows=recount),
    Every("clues:route", EVERY_S, _route_waiting),
)
