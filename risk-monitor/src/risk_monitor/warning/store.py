"""SQL of warnings."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.errors import NotFound
from contracts.item_registry import ItemId, RegionId
from contracts.risk_monitor import Evidence, Level, WarningId, WarningState
from kit import items
from risk_monitor.schema import put_all, text_array, text_json
from risk_monitor.warning.domain import Warning  # noqa: A004 - the field's word 预警
from risk_monitor.warning.tables import warning

_EVIDENCE = TypeAdapter(tuple[Evidence, ...])
_FIELDS = tuple(Warning.__dataclass_fields__)
_REST = tuple(warning.c[name] for name in _FIELDS if name not in {"raised_at", "id"})

# A subject, a model and a kind: what can have one open warning.
Key = tuple[str, str, str]

LIST_ORDER = (warning.c.raised_at, warning.c.id)


def listed(
    *,
    level: Level | None = None,
    state: WarningState | None = None,
    item: str | None = None,
    region: str | None = None,
    subjects: Iterable[str] = (),
) -> Select[Any]:
    """Ask for warnings; `region` also finds those below it."""
    query = select(*LIST_ORDER, *_REST)
    for column, wanted in ((warning.c.level, level), (warning.c.state, state)):
        if wanted is not None:
            query = query.where(column == wanted)
    if item is not None:
        query = query.where(warning.c.item == item)
    if region is not None:
        query = query.where(warning.c.readers.contains([f"*@{region}"]))
    subjects = list(subjects)
    return query.where(warning.c.subject.in_(subjects)) if subjects else query


def value(row: Row[Any]) -> Warning:
    """Make a warning of its row."""
    fields = row._asdict()
    fields["evidence"] = _EVIDENCE.validate_python(fields["evidence"])
    fields["degraded"] = tuple(fields["degraded"])
    return Warning(**fields)


async def get(tx: AsyncConnection, id_: WarningId) -> Warning:
    """Read one; raises NotFound, also when out of scope."""
    return await _one(tx, id_, select(*LIST_ORDER, *_REST))


async def lock(tx: AsyncConnection, id_: WarningId) -> Warning:
    """Read one and hold it until the transaction ends; raises NotFound, also when out of scope."""
    return await _one(tx, id_, select(*LIST_ORDER, *_REST).with_for_update())


async def _one(tx: AsyncConnection, id_: WarningId, query: Select[Any]) -> Warning:
    row = (await tx.execute(query.where(warning.c.id == id_))).one_or_none()
    if row is None:
        raise NotFound(warning=id_)
    return value(row)


async def of_clue(tx: AsyncConnection, clue: str) -> Warning | None:
    """Read the warning that a clue was made of and hold it."""
    query = select(*LIST_ORDER, *_REST).where(warning.c.clue == clue).with_for_update()
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else value(row)


async def find(tx: AsyncConnection, id_: str) -> Warning | None:
    """Read one and hold it, or None if there is none."""
    query = select(*LIST_ORDER, *_REST).where(warning.c.id == id_).with_for_update()
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else value(row)


async def open_of(tx: AsyncConnection, subjects: Iterable[str]) -> dict[Key, Warning]:
    """Give and hold the warnings of some subjects that are not closed."""
    query = (
        select(*LIST_ORDER, *_REST)
        .where(warning.c.subject.in_(list(subjects)), warning.c.state != WarningState.CLOSED)
        .order_by(warning.c.id)
        .with_for_update()
    )
    found = map(value, await tx.execute(query))
    return {(one.subject, one.model, one.kind): one for one in found}


async def closed_until(tx: AsyncConnection, subjects: Iterable[str]) -> dict[Key, date]:
    """Give the last month of the closed warnings of some subjects."""
    c = warning.c
    query = (
        select(c.subject, c.model, c.kind, func.max(c.last_month))
        .where(c.subject.in_(list(subjects)), c.state == WarningState.CLOSED)
        .group_by(c.subject, c.model, c.kind)
    )
    return {(subject, model, kind): last for subject, model, kind, last in await tx.execute(query)}


async def save_all(
    tx: AsyncConnection, those: Mapping[Key, Warning], readers: Mapping[str, list[str]]
) -> None:
    """Keep new ones, to be read by those concerned with their subject; write back the others."""
    query = select(*LIST_ORDER, *_REST).where(warning.c.id.in_([one.id for one in those.values()]))
    standing = {row.id: value(row) for row in await tx.execute(query)}
    changed = [one for one in those.values() if one != standing.get(one.id)]
    rows = [
        _written(one) | {"readers": text_array(readers[one.subject])}
        for one in sorted(changed, key=lambda one: one.id)
    ]
    change = {name: f'excluded."{name}"' for name in _FIELDS if name != "id"}
    await put_all(tx, warning, rows, key=("id",), change=change)


def _written(one: Warning) -> dict[str, Any]:
    fields = _fields(one)
    return fields | {
        "level": one.level.value,
        "state": one.state.value,
        "outcome": one.outcome and one.outcome.value,
        "evidence": text_json(fields["evidence"]),
        "degraded": text_array(one.degraded),
    }


async def save(tx: AsyncConnection, one: Warning) -> None:
    """Write back what a decision changed."""
    change = warning.update().where(warning.c.id == one.id)
    fields = _fields(one)
    del fields["id"]
    await tx.execute(change.values(**fields))


async def grant(tx: AsyncConnection, id_: WarningId, departments: Iterable[str]) -> None:
    """Let the departments of its clue read a warning."""
    change = warning.update().where(warning.c.id == id_)
    for department in departments:
        new = ~warning.c.readers.contains([department])
        added = func.array_append(warning.c.readers, department)
        await tx.execute(change.where(new).values(readers=added))


def _fields(one: Warning) -> dict[str, Any]:
    fields = {name: getattr(one, name) for name in _FIELDS}
    fields["evidence"] = _EVIDENCE.dump_python(one.evidence, mode="json", by_alias=True)
    fields["degraded"] = list(one.degraded)
    return fields


async def lines_of(
    tx: AsyncConnection, item: ItemId, chains: Mapping[RegionId, tuple[RegionId, ...]]
) -> dict[RegionId, set[str]]:
    """Give the lines that have a duty for an item at each place or above it."""
    known = await items.known_each(tx, [(item, chain) for chain in chains.values()])
    found: dict[RegionId, set[str]] = {}
    for region, chain in chains.items():
        at = known.get((item, chain))
        found[region] = set() if at is None else {duty.line for duty in at.duties}
    return found


async def evidence(tx: AsyncConnection) -> list[tuple[str, set[str]]]:
    """Give the signals that each warning rests on."""
    rows = await tx.execute(select(warning.c.id, warning.c.evidence).order_by(warning.c.id))
    return [(id_, {s for one in said for s in one["signals"]}) for id_, said in rows]
