"""SQL of a visit: functions from a connection to values."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import BigInteger, ColumnElement, Integer, Row, Text, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.credit_service import EntityId
from contracts.errors import NotFound
from contracts.item_registry import DepartmentId, RegionId
from contracts.joint_inspection import Category, TargetId, VisitId, VisitKind
from joint_inspection.directory import store as targets
from joint_inspection.frequency import store as frequency
from joint_inspection.frequency.store import Place
from joint_inspection.visit.domain import caps
from joint_inspection.visit.domain.planning import Surroundings
from joint_inspection.visit.domain.requests import Request
from joint_inspection.visit.domain.results import Result
from joint_inspection.visit.domain.summary import Counted
from joint_inspection.visit.domain.visits import (
    OPEN,
    Duty,
    LeftOut,
    Member,
    Team,
    Visit,
    Window,
)
from joint_inspection.visit.tables import request, result, visit
from kit import calendars, places, timers
from kit.deadlines import Due
from kit.lists import Paging, page

_LOCKS = 1024
_DUTIES = TypeAdapter(tuple[Duty, ...])
_TEAMS = TypeAdapter(tuple[Team, ...])
_LEFT_OUT = TypeAdapter(tuple[LeftOut, ...])
_MEMBERS = TypeAdapter(tuple[Member, ...])

_VALUE = (
    visit.c.on,
    visit.c.id,
    visit.c.target,
    visit.c.subject,
    visit.c.region,
    visit.c.item,
    visit.c.lead,
    visit.c.state,
    visit.c.first,
    visit.c.last,
    visit.c.name,
    visit.c.address,
    visit.c.duties,
    visit.c.teams,
    visit.c.left_out,
    visit.c.notified_on,
    visit.c.started_on,
    visit.c.finished_at,
    visit.c.publish_due_at,
    visit.c.publish_due_provisional,
    visit.c.published_at,
    visit.c.source,
    visit.c.version,
)
_RESULT = (
    result.c.id,
    result.c.visit,
    result.c.requests,
    result.c.draw,
    result.c.department,
    result.c.code14,
    result.c.item,
    result.c.subject,
    result.c.region,
    result.c.categories,
    result.c.disposal,
    result.c.findings,
    result.c.inspected_on,
    result.c.inspectors,
)


def _visit(row: Row[*tuple[Any, ...]]) -> Visit:
    cells = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's name for a row's columns by name
    window = Window(cells.pop("first"), cells.pop("last"))
    at, provisional = cells.pop("publish_due_at"), cells.pop("publish_due_provisional")
    return Visit(
        **cells
        | {
            "window": window,
            "publish_due": None if at is None else Due(at, provisional=provisional),
            "duties": _DUTIES.validate_python(cells["duties"]),
            "teams": _TEAMS.validate_python(cells["teams"]),
            "left_out": _LEFT_OUT.validate_python(cells["left_out"]),
        }
    )


def _row(value: Visit, readers: Sequence[str]) -> dict[str, object]:
    same = (
        "on id target subject region item lead state name address notified_on started_on"
        " finished_at publish_due_at publish_due_provisional published_at source version kind"
        " separate_visits"
    )
    return {name: getattr(value, name) for name in same.split()} | {
        "first": value.window.first,
        "last": value.window.last,
        "duties": _DUTIES.dump_python(value.duties, mode="json"),
        "teams": _TEAMS.dump_python(value.teams, mode="json"),
        "left_out": _LEFT_OUT.dump_python(value.left_out, mode="json"),
        "readers": list(readers),
    }


async def lock(tx: AsyncConnection, id_: VisitId) -> Visit:
    """Read one and hold it until the transaction ends; raises NotFound, also when out of scope."""
    query = select(*_VALUE).where(visit.c.id == id_).with_for_update()
    row = (await tx.execute(query)).one_or_none()
    if row is None:
        raise NotFound(visit=id_)
    return _visit(row)


async def get(tx: AsyncConnection, id_: VisitId) -> Visit:
    """Read one; raises NotFound, also when out of scope."""
    row = (await tx.execute(select(*_VALUE).where(visit.c.id == id_))).one_or_none()
    if row is None:
        raise NotFound(visit=id_)
    return _visit(row)


async def known(tx: AsyncConnection, ids: Iterable[VisitId]) -> dict[VisitId, Visit]:
    """Read the known ones of some visits."""
    rows = await tx.execute(select(*_VALUE).where(visit.c.id.in_(sorted(set(ids)))))
    return {one.id: one for one in map(_visit, rows)}


async def page_visits(
    tx: AsyncConnection, asked: Paging, where: Mapping[str, object], *, now: datetime
) -> tuple[list[Visit], str | None]:
    """List visits by day; `where` names filters of the API, those that are None do not restrict."""
    query = select(*_VALUE)
    for name, value in where.items():
        if value is not None:
            query = query.where(_filter(name, value, now))
    rows, next_ = await page(tx, query, by=(visit.c.on, visit.c.id), asked=asked)
    return [_visit(row) for row in rows], next_


def _filter(name: str, value: object, now: datetime) -> ColumnElement[bool]:
    match name:
        case "department" | "clue" | "origin":
            return visit.c.duties.contains([{name: value}])
        case "subjects" if isinstance(value, frozenset):
            return visit.c.subject.in_(value)
        case "overdue":
            late = (visit.c.publish_due_at <= now) & visit.c.published_at.is_(None)
            return late if value else ~func.coalesce(late, False)
        case _:
            column: ColumnElement[Any] = visit.c[name]
            return column == value


async def of_draw(tx: AsyncConnection, draw: str) -> list[Visit]:
    """Read the visits of a draw that the caller sees."""
    query = select(*_VALUE).where(visit.c.duties.contains([{"origin": draw}]))
    return [_visit(row) for row in await tx.execute(query.order_by(visit.c.id))]


async def hold(
    tx: AsyncConnection, targets: Iterable[TargetId], subjects: Iterable[EntityId | None]
) -> None:
    """Let nobody else plan at these targets or for these subjects until the transaction ends.

    What planning rests on is read after this: open visits by target, caps by subject. Locks are
    taken in one order, and are few: a large draw would run out of the server's, one a target.
    """
    names = {*targets, *(one for one in subjects if one is not None)}
    named = func.unnest(literal(sorted(names), type_=ARRAY(Text))).column_valued("name")
    lock_ = func.mod(func.abs(func.hashtext(named).cast(BigInteger)), _LOCKS).cast(Integer)
    ordered = select(lock_.label("lock")).distinct().order_by("lock").subquery()
    await tx.execute(select(func.pg_advisory_xact_lock(func.hashtext("visit"), ordered.c.lock)))


async def open_at(
    tx: AsyncConnection, targets: Iterable[TargetId]
) -> dict[TargetId, tuple[Visit, ...]]:
    """Read the open visits at some targets and hold them."""
    query = (
        select(*_VALUE)
        .where(visit.c.target.in_(sorted(set(targets))), visit.c.state.in_(sorted(OPEN)))
        .order_by(visit.c.id)
        .with_for_update()
    )
    found: dict[TargetId, tuple[Visit, ...]] = {}
    for row in await tx.execute(query):
        one = _visit(row)
        found[one.target] = (*found.get(one.target, ()), one)
    return found


async def add(tx: AsyncConnection, values: Sequence[tuple[Visit, Sequence[str]]]) -> None:
    """Write visits, new or changed."""
    if not values:
        return
    row = insert(visit)
    rows = [_row(value, readers) for value, readers in values]
    changed = {name: row.excluded[name] for name in rows[0] if name != "id"}
    await tx.execute(row.on_conflict_do_update(index_elements=[visit.c.id], set_=changed), rows)
    attended = [(one, readers) for value, readers in values for one in caps.attended(value)]
    await frequency.keep_attended(tx, [value.id for value, _ in values], attended)


async def save(tx: AsyncConnection, value: Visit) -> None:
    """Write back what a step changed; who reads it stays."""
    change = visit.update().where(visit.c.id == value.id)
    cells = _row(value, ())
    del cells["readers"]
    await tx.execute(change.values(**cells))
    if value.publish_due is not None:
        runs = value.publish_due if value.published_at is None else None
        step = timers.Step(
            "visit.publish", f"visit/{value.id}", value.region, before=value.publish_due, after=runs
        )
        await timers.keep(tx, [step])


async def scopes(tx: AsyncConnection, values: Iterable[Visit]) -> dict[VisitId, list[str]]:
    """Say who reads visits: their departments' lines at the place, and who reads the target.

    Whoever may plan at a target must see what is planned there, or it would be visited twice.
    """
    values = list(values)
    chains = await places.chains(tx, {value.region for value in values})
    agencies = await places.agencies(
        tx, {department for value in values for department in (*value.departments, value.lead)}
    )
    watching = await targets.readers_of(tx, {value.target for value in values})
    found: dict[VisitId, list[str]] = {}
    for value in values:
        departments = (*value.departments, value.lead)
        lines = [agencies[one].line for one in departments if one in agencies]
        chain = chains.get(value.region, (value.region,))
        keys = places.readers(chain, lines, departments)
        found[value.id] = list(dict.fromkeys([*keys, *watching.get(value.target, ())]))
    return found


async def surroundings(
    tx: AsyncConnection,
    where: Iterable[Place],
    *,
    departments: Iterable[DepartmentId],
    today: date,
    outside: AbstractSet[VisitKind],
) -> dict[Place, Surroundings]:
    """Read what planning rests on, for subjects at places; no cap counts the kinds `outside`."""
    caps = await frequency.caps_at(tx, where, departments=departments, outside=outside)
    chains = {region: tuple(found.chain) for (region, _), found in caps.items()}
    there = await calendars.at_each(tx, chains.values())
    return {
        place: Surroundings(today, there[chains[place[0]]], found) for place, found in caps.items()
    }


async def summary(
    tx: AsyncConnection, first: date, last: date, *, region: RegionId | None
) -> list[Counted]:
    """Count the visits of some days by kind, whether made elsewhere, and state."""
    elsewhere = visit.c.source.is_not(None)
    causes = (visit.c.duties.contains([{"purpose": kind}]) for kind in ("drawn", "clue"))
    query = (
        select(
            visit.c.kind,
            elsewhere,
            visit.c.state,
            func.count(),
            func.sum(visit.c.separate_visits),
            func.count().filter(*causes),
        )
        .where(visit.c.on.between(first, last))
        .group_by(visit.c.kind, elsewhere, visit.c.state)
        .order_by(visit.c.kind, elsewhere, visit.c.state)
    )
    if region is not None:
        query = query.where(visit.c.readers.contains([f"*@{region}"]))
    return [Counted(*row) for row in await tx.execute(query)]


async def add_request(tx: AsyncConnection, value: Request, *, at: datetime) -> None:
    """Note what became of a request."""
    row = insert(request).values(
        request=value.id, clue=value.clue, visit=value.visit, code=value.code, at=at
    )
    await tx.execute(row)


async def add_result(tx: AsyncConnection, value: Result) -> None:
    """Write a result; who reads its visit reads it."""
    readers = select(visit.c.readers).where(visit.c.id == value.visit).scalar_subquery()
    cells = {column.key: getattr(value, column.key) for column in _RESULT}
    cells |= {
        "requests": list(value.requests),
        "categories": [category.value for category in value.categories],
        "inspectors": _MEMBERS.dump_python(value.inspectors, mode="json"),
        "readers": readers,
    }
    await tx.execute(insert(result).values(**cells))


async def results_of(tx: AsyncConnection, id_: VisitId) -> tuple[Result, ...]:
    """Read the results of a visit."""
    query = select(*_RESULT).where(result.c.visit == id_)
    rows = await tx.execute(query.order_by(result.c.department, result.c.code14))
    return tuple(_result(row) for row in rows)


def _result(row: Row[*tuple[Any, ...]]) -> Result:
    cells = dict(row._mapping)  # noqa: SLF001 - as above
    return Result(
        **cells
        | {
            "categories": tuple(Category(word) for word in cells["categories"]),
            "inspectors": _MEMBERS.validate_python(cells["inspectors"]),
        }
    )
