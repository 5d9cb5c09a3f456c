"""Reading clues: one or many, held or not, lists, what was found, the timeline."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from clue_dispatch.clue.domain.matter import Clue
from clue_dispatch.clue.store.rows import VALUE, clues_of
from clue_dispatch.clue.tables import clue, finding, move, requested_visit
from contracts.clue_dispatch import (
    ClueId,
    ClueState,
    FindingView,
    Origin,
    OriginType,
    RequestId,
    TimelineEntry,
)
from contracts.credit_service import EntityId
from contracts.errors import NotFound
from kit import entities
from kit.checks import Check
from kit.lists import Paging, page


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list of clues is asked for; `turn` is the department whose turn it is.

    `due_by` is the present moment where only what is late by now is asked for.
    """

    state: ClueState | None = None
    turn: str | None = None
    due_before: datetime | None = None
    due_by: datetime | None = None
    subject: str | None = None
    item: str | None = None
    origin: OriginType | None = None
    lead: str | None = None
    unrouted: bool = False


async def is_registered(tx: AsyncConnection, origin: Origin) -> bool:
    """Say whether an origin has its clue."""
    query = select(clue.c.id).where(
        clue.c.origin_type == origin.type,
        clue.c.origin_id == origin.id,
        clue.c.origin_rule == origin.rule,
    )
    return (await tx.execute(query)).first() is not None


async def lock(tx: AsyncConnection, id_: ClueId) -> Clue:
    """Read one and hold it until the transaction ends; raises NotFound, also when out of scope."""
    return await _one(tx, clue.c.id == id_, id_, hold=True)


async def get(tx: AsyncConnection, id_: ClueId) -> Clue:
    """Read one; raises NotFound, also when out of scope."""
    return await _one(tx, clue.c.id == id_, id_, hold=False)


async def lock_each(tx: AsyncConnection, ids: Iterable[ClueId]) -> dict[ClueId, Clue]:
    """Read many and hold them; leaves out those that are not there or out of scope."""
    query = select(*VALUE).where(clue.c.id.in_(sorted(set(ids)))).order_by(clue.c.id)
    rows = (await tx.execute(query.with_for_update())).all()
    return {one.id: one for one in await clues_of(tx, rows)}


async def lock_of_origins(tx: AsyncConnection, origins: Iterable[Origin]) -> dict[Origin, Clue]:
    """Hold the clues that came from some origins."""
    by = (clue.c.origin_type, clue.c.origin_id, clue.c.origin_rule)
    wanted = sorted({(one.type.value, one.id, one.rule) for one in origins})
    query = select(*VALUE).where(tuple_(*by).in_(wanted)).order_by(clue.c.id)
    rows = (await tx.execute(query.with_for_update())).all()
    return {one.origin: one for one in await clues_of(tx, rows)}


async def lock_of_request(tx: AsyncConnection, request: RequestId) -> Clue:
    """Hold the clue for which a visit was asked; raises NotFound."""
    asked = select(requested_visit.c.clue).where(requested_visit.c.request == request)
    return await _one(tx, clue.c.id == asked.scalar_subquery(), request, hold=True)


async def lock_of_warning(tx: AsyncConnection, warning: str) -> tuple[Clue, ...]:
    """Hold the clues that came from a warning; at most one of them is open."""
    mine = (clue.c.origin_type == OriginType.WARNING) & (clue.c.origin_id == warning)
    query = select(*VALUE).where(mine).order_by(clue.c.id).with_for_update()
    return await clues_of(tx, (await tx.execute(query)).all())


async def lock_without_owner(tx: AsyncConnection, after: str, limit: int) -> tuple[Clue, ...]:
    """Hold the open clues behind an id that nobody owns, leaving those that others hold."""
    ownerless = clue.c.owner.is_(None) & (clue.c.state != ClueState.CLOSED)
    query = select(*VALUE).where(ownerless, clue.c.id > after).order_by(clue.c.id).limit(limit)
    rows = (await tx.execute(query.with_for_update(skip_locked=True))).all()
    return await clues_of(tx, rows)


async def list_(
    tx: AsyncConnection, asked: Paging, which: Filter
) -> tuple[tuple[Clue, ...], str | None]:
    """Give a page of clues: the newest first; the most urgent first if due or turn is asked."""
    late = which.due_before is not None or which.due_by is not None
    urgent = late or which.turn is not None
    by = (clue.c.due_at, clue.c.id) if urgent else (clue.c.id,)
    keys = {column.key for column in by}
    rest = (column for column in VALUE if column.key not in keys)
    query = select(*by, *rest).where(*await _conditions(tx, which))
    rows, next_ = await page(tx, query, by=by, asked=asked, descending=not urgent)
    return await clues_of(tx, rows), next_


async def findings(
    tx: AsyncConnection, ids: Iterable[ClueId]
) -> dict[ClueId, tuple[FindingView, ...]]:
    """Give what was found for some clues."""
    query = select(finding).where(finding.c.clue.in_(list(ids))).order_by(finding.c.result)
    found: dict[ClueId, tuple[FindingView, ...]] = {}
    for row in await tx.execute(query):
        view = FindingView.model_validate(row)
        found[row.clue] = (*found.get(row.clue, ()), view)
    return found


async def timeline(tx: AsyncConnection, id_: ClueId) -> tuple[TimelineEntry, ...]:
    """Give all moves of a clue, oldest first."""
    query = select(move).where(move.c.clue == id_).order_by(move.c.seq)
    return tuple(TimelineEntry.model_validate(row) for row in await tx.execute(query))


async def owned(tx: AsyncConnection) -> Check:
    """I9: no open clue without an owner department, none dispatched without a lead."""
    going = clue.c.state.not_in([ClueState.REGISTERED, ClueState.CLOSED])
    lost = clue.c.owner.is_(None) & (clue.c.state != ClueState.CLOSED)
    query = select(clue.c.id, clue.c.state).where(lost | (going & clue.c.lead.is_(None)))
    rows = (await tx.execute(query.order_by(clue.c.id).limit(5))).all()
    detail = "; ".join(f"clue/{id_} ({state.value})" for id_, state in rows)
    return Check(name="I9 every clue has its department", ok=not rows, detail=detail)


async def _conditions(tx: AsyncConnection, which: Filter) -> list[ColumnElement[bool]]:
    asked: Mapping[Any, object | None] = {
        clue.c.state: which.state,
        clue.c.turn: which.turn,
        clue.c.item: which.item,
        clue.c.origin_type: which.origin,
        clue.c.leading: which.lead,
    }
    found: list[ColumnElement[bool]] = [c == v for c, v in asked.items() if v is not None]
    if which.due_before is not None:
        found.append(clue.c.due_at < which.due_before)
    if which.due_by is not None:
        found.append(clue.c.due_at <= which.due_by)
    if which.unrouted:
        found.append(clue.c.leading.is_(None) & (clue.c.state == ClueState.REGISTERED))
    if which.subject is not None:
        found.append(clue.c.subject.in_(await entities.same(tx, EntityId(which.subject))))
    return found


async def _one(tx: AsyncConnection, which: ColumnElement[bool], named: str, *, hold: bool) -> Clue:
    query = select(*VALUE).where(which)
    rows = (await tx.execute(query.with_for_update() if hold else query)).all()
    if not rows:
        raise NotFound(clue=named)
    return (await clues_of(tx, rows))[0]
