"""SQL of a clue: functions from a connection to values, and the policy that holds on a day."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from clue_dispatch.clue.domain.matter import Clue, Visit
from clue_dispatch.clue.domain.registering import AlreadyRegistered
from clue_dispatch.clue.tables import (
    clue,
    finding,
    move,
    raised_warning,
    requested_visit,
    sighted,
)
from clue_dispatch.routing.domain import Route
from contracts.acts import Act
from contracts.clue_dispatch import (
    ClueId,
    ClueState,
    FindingView,
    Move,
    Origin,
    OriginType,
    RequestId,
    TimelineEntry,
    Wanted,
)
from contracts.credit_service import EntityId
from contracts.errors import NotFound
from contracts.item_registry import ItemId, RegionId
from contracts.joint_inspection import ResultRecorded
from contracts.risk_monitor import Level, WarningRaised
from kit import places
from kit.checks import Check
from kit.db import dealing
from kit.deadlines import Due
from kit.inbox import sequence
from kit.lists import Paging, page

_ROUTE: Final = TypeAdapter(Route)
_WANTED: Final = TypeAdapter(tuple[Wanted, ...])
_HIDDEN: Final = frozenset({"readers", "turn", "due_at"})
_VALUE: Final = tuple(column for column in clue.c if column.key not in _HIDDEN)
_SCOPED: Final = (requested_visit, finding, move)


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list of clues is asked for; `turn` is the department whose turn it is."""

    state: ClueState | None = None
    turn: str | None = None
    due_before: datetime | None = None
    subject: str | None = None
    item: str | None = None
    origin: OriginType | None = None


async def add(tx: AsyncConnection, value: Clue, act: Act) -> None:
    """Write a new clue with its first move; refuses AlreadyRegistered for a known origin."""
    row = insert(clue).values(_row(value) | {"readers": await _readers(tx, value)})
    if not await inserted(tx, row):
        raise AlreadyRegistered(type=value.origin.type, id=value.origin.id, rule=value.origin.rule)
    await _note(tx, None, value, move_=Move.REGISTERED, act=act, note=value.summary)


async def inserted(tx: AsyncConnection, row: Insert) -> bool:
    """Insert a row unless it is there; gives whether it was not, also when it cannot be seen."""
    query = row.on_conflict_do_nothing().execution_options(preserve_rowcount=True)
    return (await tx.execute(query)).rowcount == 1  # RETURNING fails on a row out of scope


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


async def lock_of_request(tx: AsyncConnection, request: RequestId) -> Clue:
    """Hold the clue for which a visit was asked; raises NotFound."""
    asked = select(requested_visit.c.clue).where(requested_visit.c.request == request)
    return await _one(tx, clue.c.id == asked.scalar_subquery(), request, hold=True)


async def lock_of_warning(tx: AsyncConnection, warning: str) -> tuple[Clue, ...]:
    """Hold the clues that came from a warning; at most one of them is open."""
    mine = (clue.c.origin_type == OriginType.WARNING) & (clue.c.origin_id == warning)
    query = select(*_VALUE).where(mine).order_by(clue.c.id).with_for_update()
    return await _clues(tx, (await tx.execute(query)).all())


async def lock_without_owner(tx: AsyncConnection, limit: int) -> tuple[Clue, ...]:
    """Hold some open clues that nobody owns, leaving those that others hold."""
    ownerless = clue.c.owner.is_(None) & (clue.c.state != ClueState.CLOSED)
    query = select(*_VALUE).where(ownerless).order_by(clue.c.id).limit(limit)
    rows = (await tx.execute(query.with_for_update(skip_locked=True))).all()
    return await _clues(tx, rows)


async def list_(
    tx: AsyncConnection, asked: Paging, which: Filter
) -> tuple[tuple[Clue, ...], str | None]:
    """Give a page of clues: the newest first; the most urgent first if due or turn is asked."""
    urgent = which.due_before is not None or which.turn is not None
    by = (clue.c.due_at, clue.c.id) if urgent else (clue.c.id,)
    keys = {column.key for column in by}
    rest = (column for column in _VALUE if column.key not in keys)
    query = select(*by, *rest).where(*_conditions(which))
    rows, next_ = await page(tx, query, by=by, asked=asked, descending=not urgent)
    return await _clues(tx, rows), next_


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
    await tx.execute(clue.update().where(clue.c.id == after.id).values(_row(after)))
    for visit in set(after.visits) - set(before.visits):
        await _keep_visit(tx, after.id, visit)
    await _note(tx, before, after, move_=move_, act=act, note=note)
    if _parties(before) != _parties(after):
        await _open_to(tx, after)


async def keep_finding(tx: AsyncConnection, id_: ClueId, event: ResultRecorded) -> None:
    """Keep a result as a finding of its clue; a later state of the same result replaces it."""
    values = event.model_dump(
        include={"result", "request", "visit", "department", "code14", "disposal", "inspected_on"}
    )
    values |= {"clue": id_, "categories": [one.value for one in event.categories]}
    row = insert(finding).values(values | {"readers": _readers_of(id_)})
    await tx.execute(row.on_conflict_do_update(index_elements=[finding.c.result], set_=values))


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


async def remember_warning(tx: AsyncConnection, event: WarningRaised) -> None:
    """Keep a warning as it was last raised."""
    values = {
        "warning": event.warning,
        "item": event.item,
        "subject": event.subject,
        "region": event.region,
        "level": event.level,
        "kind": event.kind_,
        "model": f"{event.model}/{event.model_version}",
        "version": sequence(tx),
    }
    row = insert(raised_warning).values(values)
    newer = row.excluded.version > raised_warning.c.version
    upsert = row.on_conflict_do_update(
        index_elements=[raised_warning.c.warning], set_=values, where=newer
    )
    await tx.execute(upsert)


@dataclass(frozen=True, slots=True)
class RaisedWarning:
    """A warning as it was last raised."""

    warning: str
    item: ItemId
    subject: EntityId
    region: RegionId
    level: Level
    kind: str
    model: str


async def warning_of(tx: AsyncConnection, warning: str) -> RaisedWarning:
    """Give a warning as it was last raised; raises NotFound."""
    columns = (raised_warning.c[name] for name in RaisedWarning.__dataclass_fields__)
    query = select(*columns).where(raised_warning.c.warning == warning)
    row = (await tx.execute(query)).one_or_none()
    if row is None:
        raise NotFound(warning=warning)
    return RaisedWarning(*row)


async def first_sighting(tx: AsyncConnection, subject: EntityId) -> bool:
    """Say whether a provisional subject is met for the first time here, and remember it."""
    return await inserted(tx, insert(sighted).values(subject=subject))


async def owned(tx: AsyncConnection) -> Check:
    """I9: no open clue without an owner department, none dispatched without a lead."""
    going = clue.c.state.not_in([ClueState.REGISTERED, ClueState.CLOSED])
    lost = clue.c.owner.is_(None) & (clue.c.state != ClueState.CLOSED)
    query = select(clue.c.id, clue.c.state).where(lost | (going & clue.c.lead.is_(None)))
    rows = (await tx.execute(query.order_by(clue.c.id).limit(5))).all()
    detail = "; ".join(f"clue/{id_} ({state.value})" for id_, state in rows)
    return Check(name="I9 every clue has its department", ok=not rows, detail=detail)


def _conditions(which: Filter) -> list[ColumnElement[bool]]:
    asked: Mapping[Any, object | None] = {
        clue.c.state: which.state,
        clue.c.turn: which.turn,
        clue.c.subject: which.subject,
        clue.c.item: which.item,
        clue.c.origin_type: which.origin,
    }
    found: list[ColumnElement[bool]] = [c == v for c, v in asked.items() if v is not None]
    if which.due_before is not None:
        found.append(clue.c.due_at < which.due_before)
    return found


async def _one(tx: AsyncConnection, which: ColumnElement[bool], named: str, *, hold: bool) -> Clue:
    query = select(*_VALUE).where(which)
    rows = (await tx.execute(query.with_for_update() if hold else query)).all()
    if not rows:
        raise NotFound(clue=named)
    return (await _clues(tx, rows))[0]


async def _clues(tx: AsyncConnection, rows: Sequence[Any]) -> tuple[Clue, ...]:
    query = select(requested_visit).where(requested_visit.c.clue.in_([row.id for row in rows]))
    visits: dict[str, tuple[Visit, ...]] = {}
    for row in await tx.execute(query.order_by(requested_visit.c.request)) if rows else ():
        visits[row.clue] = (*visits.get(row.clue, ()), _visit(row))
    return tuple(_clue(row, visits.get(row.id, ())) for row in rows)


def _clue(row: Any, visits: tuple[Visit, ...]) -> Clue:  # noqa: ANN401 - a row
    values: dict[str, Any] = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name
    values["origin"] = Origin(
        type=values.pop("origin_type"),
        id=values.pop("origin_id"),
        rule=values.pop("origin_rule"),
    )
    for step in ("dispatch", "sign", "verify"):
        values[f"{step}_due"] = _due(values[f"{step}_due"], values.pop(f"{step}_provisional"))
    values.pop("due_at", None)
    values["route"] = _ROUTE.validate_python(values["route"])
    values["cooperators"] = tuple(values["cooperators"])
    return Clue(**values, visits=visits)


def _row(value: Clue) -> dict[str, Any]:
    """Spread a clue over its columns; what follows from the others is written beside them."""
    plain = {
        column.key: getattr(value, column.key)
        for column in _VALUE
        if not column.key.startswith("origin_") and not column.key.endswith("_provisional")
    }
    for step in ("dispatch", "sign", "verify"):
        due: Due | None = plain[f"{step}_due"]
        plain[f"{step}_due"] = due.at if due else None
        plain[f"{step}_provisional"] = due.provisional if due else None
    turn = value.turn.departments if value.turn else ()
    return plain | {
        "origin_type": value.origin.type,
        "origin_id": value.origin.id,
        "origin_rule": value.origin.rule,
        "route": _ROUTE.dump_python(value.route, mode="json"),
        "cooperators": list(value.cooperators),
        "turn": turn[0] if len(turn) == 1 and value.open_visit is None else None,
        "due_at": value.due.at if value.due else None,
    }


def _due(at: datetime | None, provisional: bool | None) -> Due | None:  # noqa: FBT001 - two columns
    return None if at is None else Due(at, provisional=bool(provisional))


def _visit(row: Any) -> Visit:  # noqa: ANN401 - a row
    mapping = row._mapping  # noqa: SLF001 - SQLAlchemy's public name
    return Visit(
        row.request,
        row.state,
        _WANTED.validate_python(row.departments),
        mapping["from"],
        row.to,
        visit=row.visit,
        on=row.on,
        code=row.code,
        reason=row.reason,
        results=tuple(row.results),
    )


async def _keep_visit(tx: AsyncConnection, id_: ClueId, visit: Visit) -> None:
    values: dict[Any, Any] = {
        "request": visit.request,
        "clue": id_,
        "state": visit.state,
        "departments": _WANTED.dump_python(visit.departments, mode="json"),
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


async def _note(
    tx: AsyncConnection,
    before: Clue | None,
    after: Clue,
    *,
    move_: Move,
    act: Act,
    note: str | None,
) -> None:
    about = dealing(tx)
    await tx.execute(
        insert(move).values(
            clue=after.id,
            move=move_,
            actor=about.actor.id,
            department=about.actor.department,
            acted_on=act.acted_on or about.now,
            recorded_at=about.now,
            state_before=before.state.value if before else None,
            state_after=after.state.value,
            due_before=before.due.at if before and before.due else None,
            due_after=after.due.at if after.due else None,
            reason=act.reason,
            basis=act.basis,
            note=note,
            readers=_readers_of(after.id),
        )
    )


def _parties(value: Clue) -> tuple[str, ...]:
    """Give the departments that take part: who brought it, who owns it, lead and cooperators."""
    named = (value.brought_by, value.owner, value.dispatched_by, value.lead, *value.cooperators)
    return tuple(dict.fromkeys(one for one in named if one is not None))


async def _readers(tx: AsyncConnection, value: Clue) -> list[str]:
    """Open a clue to its parties by id, to their lines at its place, and to overseers there."""
    parties = _parties(value)
    lines = [one.line for one in (await places.agencies(tx, parties)).values()]
    return places.readers(await places.chain(tx, value.region), lines, parties)


async def _open_to(tx: AsyncConnection, value: Clue) -> None:
    """Open a clue and all that belongs to it to new parties; who has dealt with it keeps it."""
    stood = (await tx.execute(select(clue.c.readers).where(clue.c.id == value.id))).scalar_one()
    readers = list(dict.fromkeys([*stood, *await _readers(tx, value)]))
    await tx.execute(clue.update().where(clue.c.id == value.id).values(readers=readers))
    for table in _SCOPED:
        await tx.execute(update(table).where(table.c.clue == value.id).values(readers=readers))


def _readers_of(id_: ClueId) -> Any:  # noqa: ANN401 - a scalar subquery
    return select(clue.c.readers).where(clue.c.id == id_).scalar_subquery()
