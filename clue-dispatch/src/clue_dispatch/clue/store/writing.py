"""Writing clues: many at once, each with its line in the timeline and its readers."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain as all_of
from typing import Any, Final

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from clue_dispatch.clue.domain.matter import Clue, Visit
from clue_dispatch.clue.domain.registering import AlreadyRegistered
from clue_dispatch.clue.store.rows import WANTED, row_of
from clue_dispatch.clue.tables import clue, finding, move, requested_visit
from contracts.acts import Act
from contracts.clue_dispatch import ClueId, Move, RequestId
from contracts.item_registry import DepartmentId
from contracts.joint_inspection import ResultRecorded
from kit import places, timers
from kit.db import dealing

_SCOPED: Final = (requested_visit, finding, move)
_CHANGE: Final = clue.update().where(clue.c.id == bindparam("this"))


@dataclass(frozen=True, slots=True)
class Step:
    """One change of a clue, or its beginning, with the line that it gets in the timeline.

    `client` and `department` say who brought it where the transaction is a job's.
    """

    before: Clue | None
    after: Clue
    move: Move
    act: Act
    note: str | None = None
    client: str | None = None
    department: DepartmentId | None = None


async def add(tx: AsyncConnection, value: Clue, act: Act) -> None:
    """Write a new clue with its first move; refuses AlreadyRegistered for a known origin."""
    readers = await _readers(tx, [value])
    row = insert(clue).values(row_of(value) | {"readers": readers[value.id]})
    if not await inserted(tx, row):
        raise AlreadyRegistered(type=value.origin.type, id=value.origin.id, rule=value.origin.rule)
    await _note(tx, [Step(None, value, Move.REGISTERED, act, value.summary)])
    await _keep_time(tx, [(None, value)])


async def inserted(tx: AsyncConnection, row: Insert) -> bool:
    """Insert a row unless it is there; gives whether it was not, also when it cannot be seen."""
    query = row.on_conflict_do_nothing().execution_options(preserve_rowcount=True)
    return (await tx.execute(query)).rowcount == 1  # RETURNING fails on a row out of scope


async def save(
    tx: AsyncConnection,
    before: Clue,
    after: Clue,
    *,
    move_: Move,
    act: Act,
    note: str | None = None,
) -> None:
    """Write back what a decision changed, with its line in the timeline."""
    await keep(tx, [Step(before, after, move_, act, note)])


async def keep(tx: AsyncConnection, steps: Sequence[Step]) -> None:
    """Write many changes and beginnings, in their order, in a few round trips."""
    if not steps:
        return
    begun = {one.after.id for one in steps if one.before is None}
    first: dict[ClueId, Clue | None] = {}
    last: dict[ClueId, Clue] = {}
    for one in steps:
        first.setdefault(one.after.id, one.before)
        last[one.after.id] = one.after
    new = [value for id_, value in last.items() if id_ in begun]
    changed = [value for id_, value in last.items() if id_ not in begun]
    if new:
        readers = await _readers(tx, new)
        await tx.execute(
            insert(clue), [row_of(value) | {"readers": readers[value.id]} for value in new]
        )
    if changed:
        await tx.execute(_CHANGE, [row_of(value) | {"this": value.id} for value in changed])
    for one in steps:
        for visit in set(one.after.visits) - set(one.before.visits if one.before else ()):
            await _keep_visit(tx, one.after.id, visit)
    await _note(tx, steps)
    await _keep_time(tx, [(first[value.id], value) for value in (*new, *changed)])
    await _open_to(tx, [value for value in changed if _scope(value) != _scope(first[value.id])])


async def keep_finding(
    tx: AsyncConnection, id_: ClueId, request: RequestId, event: ResultRecorded
) -> None:
    """Keep a result as a finding of a clue; a later state of the same result replaces it."""
    values = event.model_dump(
        include={"result", "visit", "department", "code14", "disposal", "inspected_on"}
    )
    values |= {
        "clue": id_,
        "request": request,
        "categories": [one.value for one in event.categories],
    }
    row = insert(finding).values(values | {"readers": _readers_of(id_)})
    await tx.execute(row.on_conflict_do_update(index_elements=["clue", "result"], set_=values))


async def _keep_visit(tx: AsyncConnection, id_: ClueId, visit: Visit) -> None:
    values: dict[Any, Any] = {
        "request": visit.request,
        "clue": id_,
        "state": visit.state,
        "departments": WANTED.dump_python(visit.departments, mode="json"),
        requested_visit.c.from_: visit.from_,
        "to": visit.to,
        "visit": visit.visit,
        "on": visit.on,
        "code": visit.code,
        "reason": visit.reason,
        "results": list(visit.results),
    }
    row = insert(requested_visit).values(values | {"readers": _readers_of(id_)})
    key = [requested_visit.c.request]
    await tx.execute(row.on_conflict_do_update(index_elements=key, set_=values))


async def _note(tx: AsyncConnection, steps: Sequence[Step]) -> None:
    about = dealing(tx)
    query = insert(move).values(readers=_readers_of(bindparam("of")))
    await tx.execute(
        query,
        [
            {
                "of": one.after.id,
                "clue": one.after.id,
                "move": one.move,
                "actor": one.client or about.actor.id,
                "department": one.department if one.client else about.actor.department,
                "acted_on": one.act.acted_on or about.now,
                "recorded_at": about.now,
                "state_before": one.before.state.value if one.before else None,
                "state_after": one.after.state.value,
                "due_before": one.before.due.at if one.before and one.before.due else None,
                "due_after": one.after.due.at if one.after.due else None,
                "reason": one.act.reason,
                "basis": one.act.basis,
                "note": one.note,
            }
            for one in steps
        ],
    )


async def _keep_time(tx: AsyncConnection, pairs: Sequence[tuple[Clue | None, Clue]]) -> None:
    """Keep the timers of the terms that run: where they began, ended, or moved with their clue."""
    await timers.rehome(
        tx,
        (
            (f"clue/{after.id}", after.region)
            for before, after in pairs
            if before is not None and before.region != after.region
        ),
    )
    ran = ((before.open_terms if before else {}, after) for before, after in pairs)
    await timers.keep(
        tx,
        (
            timers.Step(
                f"clue.{step}",
                f"clue/{after.id}",
                after.region,
                before=stood.get(step),
                after=after.open_terms.get(step),
            )
            for stood, after in ran
            for step in (stood | after.open_terms)
        ),
    )


def _parties(value: Clue) -> tuple[str, ...]:
    """Give the departments that take part: who brought it, who owns it, lead and cooperators."""
    named = (value.brought_by, value.owner, value.dispatched_by, value.lead, *value.cooperators)
    return tuple(dict.fromkeys(one for one in named if one is not None))


def _scope(value: Clue | None) -> object:
    """Give what the readers of a clue follow from."""
    return None if value is None else (value.region, _parties(value))


async def _readers(tx: AsyncConnection, values: Sequence[Clue]) -> dict[ClueId, list[str]]:
    """Open clues to their parties by id, to their lines at the place, and to overseers there."""
    parties = {value.id: _parties(value) for value in values}
    agencies = await places.agencies(tx, all_of(*parties.values()))
    chains = await places.chains(tx, {value.region for value in values})
    return {
        value.id: places.readers(
            chains.get(value.region) or (value.region,),
            [agencies[DepartmentId(one)].line for one in parties[value.id] if one in agencies],
            parties[value.id],
        )
        for value in values
    }


async def _open_to(tx: AsyncConnection, values: Sequence[Clue]) -> None:
    """Open clues and all that belongs to them to new parties; who has dealt with one keeps it."""
    if not values:
        return
    wanted = await _readers(tx, values)
    query = select(clue.c.id, clue.c.readers).where(clue.c.id.in_(list(wanted)))
    rows = [
        {"this": id_, "those": list(dict.fromkeys([*stood, *wanted[id_]]))}
        for id_, stood in await tx.execute(query)
    ]
    for table, key in ((clue, clue.c.id), *((table, table.c.clue) for table in _SCOPED)):
        change = table.update().where(key == bindparam("this"))
        await tx.execute(change.values(readers=bindparam("those")), rows)


def _readers_of(id_: Any) -> Any:  # noqa: ANN401 - a scalar subquery of an id or a parameter
    return select(clue.c.readers).where(clue.c.id == id_).scalar_subquery()
