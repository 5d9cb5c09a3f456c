"""SQL of evaluations, and of which ids are one subject."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.credit_service import EntityId
from contracts.risk_monitor import EvidenceState
from kit.entities import entity
from risk_monitor.evaluation.domain import Verdict
from risk_monitor.evaluation.tables import evaluation
from risk_monitor.model.domain import Compiled
from risk_monitor.schema import insert_all

LIST_ORDER = (evaluation.c.month, evaluation.c.subject, evaluation.c.kind)

_FOUND = ("model_version", "state", "level", "reason", "degraded", "values")
_KEY = ("model", "subject", "month", "kind")

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
    subjects: Sequence[str] = (),
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


async def standing(tx: AsyncConnection, model: str, subjects: Iterable[str]) -> Standing:
    """Give what was found of some subjects before, so that only what differs is written."""
    c = evaluation.c
    query = select(c.subject, c.month, c.kind, *(c[name] for name in _FOUND)).where(
        c.model == model, c.subject.in_(list(subjects))
    )
    rows = await tx.execute(query)
    return {(subject, month, kind): tuple(rest) for subject, month, kind, *rest in rows}


def row_of(
    model: Compiled, subject: EntityId, verdict: Verdict, *, readers: list[str], at: datetime
) -> dict[str, Any]:
    """Make the row of a verdict."""
    return {
        "model": model.model,
        "subject": subject,
        "month": verdict.month,
        "kind": verdict.kind,
        "model_version": model.version,
        "state": verdict.state,
        "level": verdict.level,
        "reason": verdict.reason,
        "degraded": list(verdict.degraded),
        "values": dict(verdict.values),
        "evaluated_at": at,
        "readers": readers,
    }


async def save(tx: AsyncConnection, rows: Sequence[dict[str, Any]], before: Standing) -> None:
    """Write the rows that are new or differ from what stands."""
    changed = [
        row
        for row in rows
        if before.get((row["subject"], row["month"], row["kind"]))
        != tuple(row[name] for name in _FOUND)
    ]
    if not changed:
        return
    put = insert_all(evaluation, changed)
    await tx.execute(
        put.on_conflict_do_update(
            index_elements=[evaluation.c[name] for name in _KEY],
            set_={name: put.excluded[name] for name in changed[0] if name not in _KEY},
        )
    )
