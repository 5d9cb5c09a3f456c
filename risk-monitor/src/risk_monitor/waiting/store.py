"""SQL of what waits: touched in a batch's transaction, taken in the one that judges it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from kit.checks import Check
from kit.db import dealing
from kit.entities import entity
from kit.jobs import job
from risk_monitor.schema import insert_all
from risk_monitor.waiting.tables import touched

_PROVISIONAL = "prov-%"
_OPEN = ("queued", "running")


@dataclass(frozen=True, slots=True)
class Next:
    """The request that the oldest waiting subject stems from; None where it is not known."""

    traceparent: str | None


async def touch(
    tx: AsyncConnection, pairs: Iterable[tuple[str, date]], *, job_id: str | None = None
) -> None:
    """Note that subjects are to be judged from a month on."""
    about = dealing(tx)
    rows = [
        {
            "subject": subject,
            "month": month,
            "since": about.now,
            "job": job_id,
            "traceparent": about.traceparent,
        }
        for subject, month in sorted(set(pairs))
    ]
    if not rows:
        return
    put = insert_all(touched, rows)
    await tx.execute(
        put.on_conflict_do_update(
            index_elements=[touched.c.subject, touched.c.month],
            set_={name: put.excluded[name] for name in ("since", "job", "traceparent")},
        )
    )


def _ready() -> tuple[ColumnElement[bool], ...]:
    """Select what can be judged: its subject is known for certain, its file is read to the end."""
    alias = select(entity.c.alias_of).where(entity.c.id == touched.c.subject).scalar_subquery()
    running = exists().where(job.c.id == touched.c.job, job.c.status.in_(_OPEN))
    return (touched.c.subject.not_like(_PROVISIONAL) | alias.is_not(None), ~running)


async def next_one(tx: AsyncConnection) -> Next | None:
    """Look at the oldest that is ready; None if nothing is."""
    query = select(touched.c.traceparent).where(*_ready()).order_by(touched.c.since).limit(1)
    found = (await tx.execute(query)).one_or_none()
    return None if found is None else Next(found[0])


async def take(tx: AsyncConnection, due: Next, limit: int) -> dict[str, date]:
    """Take up to `limit` subjects that stem from one request, each with its first month."""
    mine = touched.c.traceparent.is_not_distinct_from(due.traceparent)
    oldest = (
        select(touched.c.subject)
        .where(mine, *_ready())
        .group_by(touched.c.subject)
        .order_by(func.min(touched.c.since), touched.c.subject)
        .limit(limit)
    )
    subjects = list((await tx.execute(oldest)).scalars())
    held = (
        select(touched.c.subject, touched.c.month)
        .where(mine, touched.c.subject.in_(subjects))
        .order_by(touched.c.subject, touched.c.month)
        .with_for_update()
    )
    since: dict[str, date] = {}
    for subject, month in await tx.execute(held):
        since[subject] = min(since.get(subject, month), month)
    await tx.execute(touched.delete().where(mine, touched.c.subject.in_(subjects)))
    return since


async def nothing_waits(tx: AsyncConnection) -> Check:
    """Nothing waits to be judged but what nobody could identify yet."""
    alias = select(entity.c.alias_of).where(entity.c.id == touched.c.subject).scalar_subquery()
    known = touched.c.subject.not_like(_PROVISIONAL) | alias.is_not(None)
    query = select(func.count()).select_from(touched).where(known)
    waiting = int((await tx.execute(query)).scalar_one())
    return Check(name="nothing waits to be evaluated", ok=not waiting, detail=f"{waiting} waiting")
