"""SQL of a case: functions from a connection to values, and the policy of penalties on a day."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from clue_dispatch.case.domain.proceeding import (
    Case,
    EarlierFine,
    Notice,
    Penalty,
    PenaltyTerms,
    Review,
    Threshold,
)
from clue_dispatch.case.domain.steps import AlreadyFiled
from clue_dispatch.case.tables import case, fine
from clue_dispatch.clue.store.writing import inserted
from clue_dispatch.terms.store import PACKAGE
from contracts.clue_dispatch import CaseId, CaseState, Investigator, PenaltyKind
from contracts.credit_service import EntityId, EntityKind
from contracts.errors import NotFound
from contracts.item_registry import DepartmentId
from kit import entities, places, policy, timers
from kit.deadlines import Due
from kit.lists import Paging, page
from kit.policy import term_of

_INVESTIGATORS: Final = TypeAdapter(tuple[Investigator, ...])
_NOTICE: Final = TypeAdapter(Notice)
_REVIEW: Final = TypeAdapter(Review)
_PENALTY: Final = TypeAdapter(Penalty)
_VALUE: Final = tuple(column for column in case.c if column.key != "readers")


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list of cases is asked for."""

    clue: str | None = None
    state: CaseState | None = None
    subject: str | None = None
    department: str | None = None


def terms(on: date) -> PenaltyTerms:
    """Give the policy of penalties that holds on a day."""
    rows = policy.load(PACKAGE)
    return PenaltyTerms(
        decide=term_of(policy.in_force(rows, "penalty.decide", on)),
        serve=term_of(policy.in_force(rows, "penalty.serve", on)),
        investigators=policy.in_force(rows, "penalty.investigators", on).values["count"],
        hearing=_thresholds("penalty.hearing", on),
        collective=_thresholds("penalty.collective", on),
    )


async def party(tx: AsyncConnection, subject: EntityId) -> EntityKind | None:
    """Say what kind of entity a subject is by now, if that is known: thresholds depend on it."""
    now = (await entities.became(tx, [subject])).get(subject, subject)
    found = (await entities.known(tx, [now])).get(now)
    return EntityKind(found.kind) if found else None


async def earlier_fines(
    tx: AsyncConnection, subject: EntityId, act: str
) -> tuple[EarlierFine, ...]:
    """Give the fines on a subject, under each of its ids, for a type of act, of all departments.

    Holds this subject and act until the transaction ends: two cases decide one after the other.
    """
    ids = await entities.same(tx, subject)
    lock = func.pg_advisory_xact_lock(func.hashtextextended(f"fine {min(ids)} {act}", 0))
    await tx.execute(select(lock))
    query = select(fine.c.case, fine.c.department, fine.c.fine_fen)
    rows = await tx.execute(query.where(fine.c.subject.in_(list(ids)), fine.c.act == act))
    return tuple(EarlierFine(*row) for row in rows)


async def add(tx: AsyncConnection, value: Case, *others: DepartmentId | None) -> None:
    """Write a new case, open to its department and the clue's lead; refuses AlreadyFiled."""
    chain = await places.chain(tx, value.region)
    lines = [one.line for one in (await places.agencies(tx, [value.department])).values()]
    readers = places.readers(chain, lines, [value.department, *others])
    row = insert(case).values(_row(value) | {"readers": readers})
    if not await inserted(tx, row):
        raise AlreadyFiled(clue=value.clue, act=value.act)
    await _keep_time(tx, None, value)


async def lock(tx: AsyncConnection, id_: CaseId) -> Case:
    """Read one and hold it until the transaction ends; raises NotFound, also when out of scope."""
    return await _one(tx, id_, hold=True)


async def lock_each(tx: AsyncConnection, ids: Iterable[CaseId]) -> dict[CaseId, Case]:
    """Read many and hold them; leaves out those that are not there."""
    query = select(*_VALUE).where(case.c.id.in_(sorted(set(ids)))).order_by(case.c.id)
    rows = (await tx.execute(query.with_for_update())).all()
    return {one.id: one for one in map(_case, rows)}


async def get(tx: AsyncConnection, id_: CaseId) -> Case:
    """Read one; raises NotFound, also when out of scope."""
    return await _one(tx, id_, hold=False)


async def list_(
    tx: AsyncConnection, asked: Paging, which: Filter
) -> tuple[Sequence[Case], str | None]:
    """Give a page of cases, the newest first."""
    wanted: Mapping[Any, object | None] = {
        case.c.clue: which.clue,
        case.c.state: which.state,
        case.c.department: which.department,
    }
    asked_for: list[ColumnElement[bool]] = [c == v for c, v in wanted.items() if v is not None]
    if which.subject is not None:
        ids = await entities.same(tx, EntityId(which.subject))
        asked_for.append(case.c.subject.in_(ids))
    query = select(*_VALUE).where(*asked_for)
    rows, next_ = await page(tx, query, by=(case.c.id,), asked=asked, descending=True)
    return [_case(row) for row in rows], next_


async def save(tx: AsyncConnection, before: Case, value: Case) -> None:
    """Write back what a decision changed; a decided fine is remembered for art. 29."""
    await tx.execute(case.update().where(case.c.id == value.id).values(_row(value)))
    await _keep_time(tx, before, value)
    if value.state is CaseState.DECIDED and value.penalty and value.penalty.measure.fine_fen:
        row = insert(fine).values(
            case=value.id,
            subject=value.subject,
            act=value.act,
            department=value.department,
            fine_fen=value.penalty.measure.fine_fen,
        )
        await tx.execute(row.on_conflict_do_nothing())


async def _keep_time(tx: AsyncConnection, before: Case | None, after: Case) -> None:
    """Keep the timers of the terms that run."""
    stood, runs = before.open_terms if before else {}, after.open_terms
    await timers.keep(
        tx,
        (
            timers.Step(
                f"case.{step}",
                f"case/{after.id}",
                after.region,
                before=stood.get(step),
                after=runs.get(step),
            )
            for step in stood | runs
        ),
    )


def _thresholds(key: str, on: date) -> tuple[Threshold, ...]:
    return tuple(
        Threshold(
            parties=frozenset(map(EntityKind, row.values["parties"])),
            amount_fen=row.values["amount_fen"],
            kinds=frozenset(map(PenaltyKind, row.values["kinds"])),
            basis=row.basis,
        )
        for row in policy.all_in_force(policy.load(PACKAGE), key, on)
    )


async def _one(tx: AsyncConnection, id_: CaseId, *, hold: bool) -> Case:
    query = select(*_VALUE).where(case.c.id == id_)
    row = (await tx.execute(query.with_for_update() if hold else query)).one_or_none()
    if row is None:
        raise NotFound(case=id_)
    return _case(row)


def _case(row: Any) -> Case:  # noqa: ANN401 - a row
    values: dict[str, Any] = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name
    for step in ("decide", "serve"):
        at: datetime | None = values[f"{step}_due"]
        provisional = bool(values.pop(f"{step}_provisional"))
        values[f"{step}_due"] = Due(at, provisional=provisional) if at else None
    values["investigators"] = _INVESTIGATORS.validate_python(values["investigators"])
    parts = (("notice", _NOTICE), ("review", _REVIEW), ("penalty", _PENALTY))
    for name, adapter in parts:
        if values[name] is not None:
            values[name] = adapter.validate_python(values[name])
    return Case(**values)


def _row(value: Case) -> dict[str, Any]:
    plain = {
        column.key: getattr(value, column.key)
        for column in _VALUE
        if not column.key.endswith("_provisional")
    }
    for step in ("decide", "serve"):
        due: Due | None = plain[f"{step}_due"]
        plain[f"{step}_due"] = due.at if due else None
        plain[f"{step}_provisional"] = due.provisional if due else None
    return plain | {
        "investigators": _INVESTIGATORS.dump_python(value.investigators, mode="json"),
        "notice": _NOTICE.dump_python(value.notice, mode="json") if value.notice else None,
        "review": _REVIEW.dump_python(value.review, mode="json") if value.review else None,
        "penalty": _PENALTY.dump_python(value.penalty, mode="json") if value.penalty else None,
    }
