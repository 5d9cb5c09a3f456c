"""The ticker: one loop of a service's active process, in which time does what it has to.

It takes the timers that are due, kind by kind, many at a time: their effect, its events and audit
rows and the removal of the timers are one transaction. A batch that fails is taken one by one; what
fails alone stays with its reason (`heli verify` shows it), and is tried again when the process
starts anew. Provisional due times are counted anew then too: this process may know a year that the
one before did not. It also runs what looks for work by itself every few seconds (`Every`).
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, TypeAlias

from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from kit.auth import system
from kit.clock import elapsed_s
from kit.db import Database, dealing
from kit.failures import is_outage, is_slow
from kit.log import get, said
from kit.timers import Kind, follows_of, recount, timer

AT_ONCE: Final = 200
_LOOK_S: Final = 1.0
_WHY: Final = 2000
_EVERY: Final = "every"

_log = get(__name__)

_Due: TypeAlias = tuple[str, datetime]  # of which object (`thing/id`), and since when
Work: TypeAlias = Callable[[Database], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Every:
    """Work that looks for itself what there is to do: every so many seconds, or again at once.

    `run` opens its own transactions and gives whether there is more.
    """

    name: str
    seconds: float
    run: Work


async def run(database: Database, timers: Sequence[Kind | Every]) -> None:
    """Tick for as long as the process lives."""
    kinds = [one for one in timers if isinstance(one, Kind)]
    at_start = Every("timers:provisional", math.inf, partial(_recount_provisional, kinds))
    works = {one: 0.0 for one in (at_start, *timers) if isinstance(one, Every)}
    started = False
    while True:
        try:
            if not started:
                await _try_again(database)
                started = True
            busy = await tick(database, kinds) > 0
            for one, next_at in works.items():
                if elapsed_s() >= next_at:
                    more = await _work(database, one)
                    works[one] = 0.0 if more else elapsed_s() + one.seconds
                    busy = busy or more
            if not busy:
                await asyncio.sleep(_LOOK_S)
        except Exception as no:
            if not is_outage(no):
                raise
            _log.warning("ticker_pauses", error=repr(no))
            await asyncio.sleep(_LOOK_S)


async def tick(database: Database, kinds: Sequence[Kind], at_once: int = AT_ONCE) -> int:
    """Let every timer ring that is due; gives how many did."""
    rang = 0
    for kind in kinds:
        while kind.rings is not None:
            due = await _due(database, kind, at_once)
            rang += await _ring(database, kind, due)
            if len(due) < at_once:
                break
    return rang


async def _due(database: Database, kind: Kind, at_once: int) -> list[_Due]:
    """Give the objects whose time has come, and that time, the longest overdue first.

    Nothing is held: the noun's own row is, by its handler, as everybody else does who acts on it.
    """
    async with database.begin(system(database.service), f"timer {kind.name}") as tx:
        mine = (timer.c.kind == kind.name) & timer.c.why.is_(None)
        query = select(timer.c.object, timer.c.due_at).where(mine)
        query = query.where(timer.c.due_at <= dealing(tx).now)
        rows = await tx.execute(query.order_by(timer.c.due_at, timer.c.object).limit(at_once))
        return [(object_, due_at) for object_, due_at in rows]


async def _ring(database: Database, kind: Kind, due: Sequence[_Due]) -> int:
    if not due:
        return 0
    try:
        await _together(database, kind, due)
    except Exception as no:
        if is_outage(no) and not is_slow(no):
            raise
        if len(due) > 1:
            return sum([await _ring(database, kind, [one]) for one in due])
        _log.error("timer_failed", kind=kind.name, object=due[0][0], error=repr(no))
        async with database.begin(system(database.service), f"timer {kind.name}") as tx:
            await tx.execute(timer.update().where(_these(kind, due)).values(why=said(no)[:_WHY]))
        return 0
    return len(due)


async def _together(database: Database, kind: Kind, due: Sequence[_Due]) -> None:
    if kind.rings is None:
        return
    async with database.begin(system(database.service), f"timer {kind.name}") as tx:
        await kind.rings(tx, [object_ for object_, _ in due], dealing(tx).now)
        await tx.execute(timer.delete().where(_these(kind, due)))


def _these(kind: Kind, due: Sequence[_Due]) -> ColumnElement[bool]:
    """Select timers as they were when they came due: what was counted anew since stays."""
    return (timer.c.kind == kind.name) & tuple_(timer.c.object, timer.c.due_at).in_(due)


async def _work(database: Database, every: Every) -> bool:
    """Run it; what fails is named like a timer that failed, until it goes well again."""
    why = None
    more = False
    try:
        more = await every.run(database)
    except Exception as no:
        if is_outage(no) and not is_slow(no):
            raise
        why = said(no)[:_WHY]
        _log.error("timer_failed", kind=every.name, error=why)
    async with database.begin(system(database.service), every.name) as tx:
        mine = (timer.c.kind == _EVERY) & (timer.c.object == every.name)
        await tx.execute(timer.delete().where(mine))
        if why is not None:
            values = {"kind": _EVERY, "object": every.name, "provisional": False, "why": why}
            await tx.execute(insert(timer).values(values))
    return more


async def _try_again(database: Database) -> None:
    async with database.begin(system(database.service), "timers") as tx:
        await tx.execute(timer.delete().where(timer.c.kind == _EVERY))
        await tx.execute(timer.update().where(timer.c.why.is_not(None)).values(why=None))


async def _recount_provisional(kinds: Sequence[Kind], database: Database) -> bool:
    async with database.begin(system(database.service), "timers:provisional") as tx:
        await recount(tx, follows_of(kinds), timer.c.provisional)
    return False
