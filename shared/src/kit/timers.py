"""Timers: every open term of a service, one row each, and what a changed calendar does to them.

A noun keeps its due times in columns of its own, because its lists are sorted by them; the row here
says what they were counted from: the term as the policy gave it on the day it began, its start, its
pauses and extensions. So a term that has begun keeps its length whatever the policy says later, and
it can be counted anew when the calendar of its place changes, in the transaction that hears of it.

What happens when a timer is due is said by its noun's `timers.py` (`TIMERS`); most do nothing:
overdue is computed from the due time and now, never stored. `kit.ticker` takes those that ring.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import MAXYEAR, date, datetime
from typing import Any, Final, TypeAlias

from pydantic import TypeAdapter
from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    DateTime,
    Index,
    Table,
    Text,
    bindparam,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.item_registry import CalendarChanged, RegionChanged, RegionId
from kit import calendars, places
from kit.checks import Check
from kit.db import INTERNAL, standing
from kit.deadlines import SHANGHAI, Due, Running, ends
from kit.inbox import Subscription
from kit.workdays import Calendar

timer = Table(
    "timer",
    standing,
    Column("kind", Text, primary_key=True),
    Column("object", Text, primary_key=True),
    Column("due_at", DateTime(timezone=True)),
    Column("provisional", Boolean, nullable=False),
    Column("region", Text),
    Column("running", JSONB(none_as_null=True)),
    Column("why", Text),
    info=INTERNAL,
)
# "What is due next of this kind": those that failed wait until somebody has looked.
Index("timer_due", timer.c.kind, timer.c.due_at, postgresql_where=timer.c.why.is_(None))
# "Which terms run at this place".
Index(
    "timer_region",
    timer.c.region,
    timer.c.object,
    postgresql_where=timer.c.region.is_not(None),
)

_RUNNING: Final = TypeAdapter(Running)
_AT_ONCE: Final = 1000
_ALWAYS: Final = datetime.min.replace(tzinfo=SHANGHAI)


@dataclass(frozen=True, slots=True)
class Moved:
    """A due time that was counted anew: of which kind, of which object (`thing/id`)."""

    kind: str
    object: str
    due: Due


Rings: TypeAlias = Callable[[AsyncConnection, Sequence[str], datetime], Awaitable[None]]
Follows: TypeAlias = Callable[[AsyncConnection, Sequence[Moved]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of timer, `noun.step`.

    `rings` is called with the objects whose time has come, and `follows` with the due times that a
    changed calendar moved: it loads, decides, saves (which writes the timer) and concludes.
    """

    name: str
    rings: Rings | None = None
    follows: Follows | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A due time before and after a decision; None where there is none.

    A due time that was only read back (`running` is None) and is the same keeps its timer. A term
    that was paused is not due: its `after` is the running term itself.
    """

    kind: str
    object: str
    region: RegionId | None
    before: Due | Running | None
    after: Due | Running | None


async def keep(tx: AsyncConnection, steps: Iterable[Step]) -> None:
    """Write the timers of what was decided, in a few round trips."""
    ended: list[dict[str, Any]] = []
    begun: dict[tuple[str, str], dict[str, Any]] = {}
    for one in steps:
        key = (one.kind, one.object)
        if one.after is None:
            begun.pop(key, None)
            ended += [{"of": one.kind, "that": one.object}] if one.before else []
        elif isinstance(one.after, Running) or one.after != one.before or one.after.running:
            begun[key] = _row(one, one.after)
    if ended:
        mine = (timer.c.kind == bindparam("of")) & (timer.c.object == bindparam("that"))
        await tx.execute(timer.delete().where(mine), ended)
    if begun:
        row = insert(timer)
        changed = ("due_at", "provisional", "region", "running", "why")
        await tx.execute(
            row.on_conflict_do_update(
                index_elements=[timer.c.kind, timer.c.object],
                set_={name: row.excluded[name] for name in changed},
            ),
            list(begun.values()),
        )


async def rehome(tx: AsyncConnection, objects: Iterable[tuple[str, RegionId]]) -> None:
    """Say at which place the terms of some objects run from now on."""
    rows = [{"that": object_, "there": region} for object_, region in objects]
    if rows:
        change = timer.update().where(timer.c.object == bindparam("that"))
        await tx.execute(change.values(region=bindparam("there")), rows)


async def running_of(tx: AsyncConnection, kind: str, object_: str) -> Running | None:
    """Give what an object's due time is counted from, to pause, resume or extend it."""
    query = select(timer.c.running).where(timer.c.kind == kind, timer.c.object == object_)
    found = (await tx.execute(query)).scalar_one_or_none()
    return None if found is None else _RUNNING.validate_python(found)


def _row(step: Step, after: Due | Running) -> dict[str, Any]:
    due, running = (None, after) if isinstance(after, Running) else (after, after.running)
    return {
        "kind": step.kind,
        "object": step.object,
        "due_at": due.at if due else None,
        "provisional": due.provisional if due else False,
        "region": step.region,
        "running": running and _RUNNING.dump_python(running, mode="json"),
        "why": None,
    }


async def none_failed(tx: AsyncConnection) -> Check:
    """Every timer that was due has rung; one that failed is named with its reason."""
    query = select(timer.c.kind, timer.c.object, timer.c.why).where(timer.c.why.is_not(None))
    rows = (await tx.execute(query.order_by(timer.c.kind, timer.c.object).limit(5))).all()
    detail = "; ".join(f"{kind} of {object_}: {why[:120]}" for kind, object_, why in rows)
    return Check(name="no timer has failed", ok=not rows, detail=detail)


# A calendar changes --------------------------------------------------------------------------


def recounting(heard: Subscription, kinds: Iterable[Kind]) -> Subscription:
    """Let a handler that changes a calendar, or whose calendar a place has, count terms anew."""
    follows = follows_of(kinds)
    if not follows or heard.event not in {CalendarChanged, RegionChanged}:
        return heard

    async def handle(tx: AsyncConnection, event: Any, now: datetime) -> None:  # noqa: ANN401 - one of the two
        region: RegionId = event.region if heard.event is CalendarChanged else event.id
        if not (await tx.execute(select(timer.c.kind).limit(1))).first():
            await heard.handler(tx, event, now)
            return
        before = await _own(tx, region)
        await heard.handler(tx, event, now)
        since = _differs_from(before, await _own(tx, region))
        if since is not None:
            there = timer.c.region.in_(places.below(region))
            await recount(tx, follows, there & (timer.c.due_at > since))

    return replace(heard, handler=handle)


def follows_of(kinds: Iterable[Kind]) -> dict[str, Follows]:
    """Give what takes moved due times, by kind."""
    return {one.name: one.follows for one in kinds if one.follows is not None}


async def recount(
    tx: AsyncConnection, follows: dict[str, Follows], which: ColumnElement[bool]
) -> int:
    """Count some terms anew; gives how many moved."""
    ours = timer.c.kind.in_(list(follows)) & timer.c.running.is_not(None)
    query = select(timer).where(which, ours).limit(_AT_ONCE)
    moved, after = 0, ""
    while True:
        behind = query.where(timer.c.object > after)
        # In the order of objects, so that the terms of one stay together.
        rows = (await tx.execute(behind.order_by(timer.c.object, timer.c.kind))).all()
        whole = [row for row in rows if len(rows) < _AT_ONCE or row.object != rows[-1].object]
        changed = await _recounted(tx, whole)
        for one in dict.fromkeys(follows.values()):
            mine = [each for each in changed if follows[each.kind] is one]
            if mine:
                await one(tx, mine)
        moved += len(changed)
        if len(rows) < _AT_ONCE:
            return moved
        after = whole[-1].object


async def _recounted(tx: AsyncConnection, rows: Sequence[Any]) -> list[Moved]:
    known = await places.chains(tx, {row.region for row in rows})
    chains = {row.region: known.get(row.region) or (row.region,) for row in rows}
    there = await calendars.at_each(tx, chains.values())
    moved: list[Moved] = []
    for row in rows:
        due = ends(_RUNNING.validate_python(row.running), there[chains[row.region]])
        if due is not None and due != Due(row.due_at, row.provisional):
            moved.append(Moved(row.kind, row.object, due))
    return moved


async def _own(tx: AsyncConnection, region: RegionId) -> tuple[tuple[str, ...], Calendar]:
    """Give a node's way up and the calendar in force there."""
    chain = await places.chain(tx, region)
    return chain, await calendars.at(tx, chain)


def _differs_from(
    before: tuple[tuple[str, ...], Calendar], after: tuple[tuple[str, ...], Calendar]
) -> datetime | None:
    """Give a moment before which no end can have moved; None if nothing changed."""
    if before[1] == after[1]:
        return None
    one, other = before[1], after[1]
    if one.hours != other.hours:
        return _ALWAYS
    days = {
        day
        for day in one.overrides.keys() | other.overrides.keys()
        if one.overrides.get(day) != other.overrides.get(day)
    }
    days |= {date(year, 1, 1) for year in one.announced ^ other.announced if year <= MAXYEAR}
    return datetime.combine(min(days), datetime.min.time(), SHANGHAI)
