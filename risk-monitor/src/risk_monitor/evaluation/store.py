"""SQL of evaluations, and of which ids are one subject."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.credit_service import EntityId
from contracts.risk_monitor import EvidenceState
from kit.entities import entity
from risk_monitor.evaluation.domain import Verdict
from risk_monitor.evaluation.tables import evaluation
from risk_monitor.indicator.domain.flows import Lack
from risk_monitor.model.domain import Compiled
from risk_monitor.schema import cursor, put_all, text_array, text_json

LIST_ORDER = (evaluation.c.month, evaluation.c.subject, evaluation.c.kind)

_FOUND = ("model_version", "state", "level", "reason", "lacking", "values")
_KEY = ("model", "subject", "month", "kind")

_DECIMALS = 4

Standing = Mapping[tuple[str, date, str], tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject to be judged from a month on, and every id that was sent for it."""

    id: EntityId
    ids: tuple[str, ...]
    since: date


def listed(
    model: str,
    *,
    state: EvidenceState | None = None,
    month: date | None = None,
    subjects: Collection[str] = (),
) -> Select[Any]:
    """Ask for a model's evaluations."""
    c = evaluation.c
    query = select(*LIST_ORDER, c.model, c.evaluated_at, *(c[name] for name in _FOUND))
    query = query.where(c.model == model)
    if state is not None:
        query = query.where(c.state == state)
    if month is not None:
        query = query.where(c.month == month)
    return query.where(c.subject.in_(list(subjects))) if subjects else query


def counting(
    model: str, *, state: EvidenceState | None, kind: str | None, month: date | None
) -> Select[Any]:
    """Count a model's evaluations by what they found, and month."""
    c = evaluation.c
    said = (c.kind, c.state, c.level, c.reason, c.lacking, c.month)
    query = select(*said, func.count()).where(c.model == model)
    for column, wanted in ((c.state, state), (c.kind, kind), (c.month, month)):
        if wanted is not None:
            query = query.where(column == wanted)
    return query.group_by(*said).order_by(*said)


async def counted(
    tx: AsyncConnection,
    model: str,
    *,
    state: EvidenceState | None,
    kind: str | None,
    month: date | None,
) -> list[dict[str, Any]]:
    """Give what was found, each with its months and how many subjects of each."""
    rows = await tx.execute(counting(model, state=state, kind=kind, month=month))
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for kind_, state_, level, reason, lacking, month_, subjects in rows:
        one = found.setdefault(
            (kind_, state_, level, reason, tuple(lacking)),
            {
                "kind": kind_,
                "state": state_,
                "level": level,
                "reason": reason,
                "lacking": lacks(lacking),
                "evaluations": 0,
                "months": [],
            },
        )
        one["evaluations"] += subjects
        one["months"].append({"month": month_, "subjects": subjects})
    return list(found.values())


async def subjects_of(tx: AsyncConnection, since: Mapping[str, date]) -> list[Subject]:
    """Give what some ids became, each with all ids that are it, from the earliest month on."""
    became = select(entity.c.id, entity.c.alias_of).where(
        entity.c.id.in_(list(since)), entity.c.alias_of.is_not(None)
    )
    targets = {id_: EntityId(alias) for id_, alias in await tx.execute(became)}
    first: dict[EntityId, date] = {}
    for id_, month in since.items():
        target = targets.get(id_, EntityId(id_))
        first[target] = min(first.get(target, month), month)
    same = select(entity.c.alias_of, entity.c.id).where(entity.c.alias_of.in_(list(first)))
    ids: dict[str, list[str]] = {target: [target] for target in first}
    for target, id_ in await tx.execute(same.order_by(entity.c.id)):
        ids[target].append(id_)
    return [Subject(target, tuple(ids[target]), month) for target, month in first.items()]


# Only what differs is written. A driver's rows, JSON as text: there are sixty a subject.
_STANDING = b"""
    SELECT subject, month, kind, model_version, state, level, reason, lacking, values::text
    FROM evaluation WHERE model = %b AND subject = ANY(%b)
"""


async def standing(tx: AsyncConnection, model: str, subjects: Iterable[str]) -> Standing:
    """Give what was found of some subjects before, so that only what differs is written."""
    async with cursor(tx, binary=True) as opened:
        await opened.execute(_STANDING, [model, list(subjects)])
        rows = await opened.fetchall()
    return {
        (subject, month, kind): (version, state, level, reason, text_array(lacking), values)
        for subject, month, kind, version, state, level, reason, lacking, values in rows
    }


def row_of(
    model: Compiled, subject: EntityId, verdict: Verdict, *, readers: str, at: datetime
) -> dict[str, Any]:
    """Make the row of a verdict."""
    return {
        "model": model.model,
        "subject": subject,
        "month": verdict.month,
        "kind": verdict.kind,
        "model_version": model.version,
        "state": verdict.state.value,
        "level": verdict.level and verdict.level.value,
        "reason": verdict.reason,
        "lacking": text_array(f"{one.stream}/{one.source}" for one in verdict.lacking),
        "values": text_json({name: _short(value) for name, value in verdict.values.items()}),
        "evaluated_at": at,
        "readers": readers,
    }


def _short(value: float | None) -> float | None:
    return value if value is None else round(value, _DECIMALS)


def lacks(written: Iterable[str]) -> list[Lack]:
    """Read who was missing."""
    return [Lack(*one.split("/", 1)) for one in written]


async def save(tx: AsyncConnection, rows: Sequence[dict[str, Any]], before: Standing) -> None:
    """Write the rows that are new or differ from what stands."""
    changed = [
        row
        for row in rows
        if before.get((row["subject"], row["month"], row["kind"]))
        != tuple(row[name] for name in _FOUND)
    ]
    if changed:
        change = {name: f'excluded."{name}"' for name in changed[0] if name not in _KEY}
        await put_all(tx, evaluation, changed, key=_KEY, change=change)
