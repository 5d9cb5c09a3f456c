"""SQL of what waits: touched in a batch's transaction, taken in the one that judges it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, Select, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from kit.checks import Check
from kit.db import dealing
from kit.entities import entity
from kit.jobs import job
from risk_monitor.schema import put_all
from risk_monitor.waiting.tables import touched

_PROVISIONAL = "prov-%"
_OPEN = ("queued", "running")
_SIGNALS = "signals"
# Files that come together are judged together: a subject is judged once all of them are read and a
# moment has passed, or when it has waited this long.
_QUIET = timedelta(milliseconds=400)
_PATIENCE = timedelta(seconds=120)


@dataclass(frozen=True, slots=True)
class Next:
    """The request that the oldest waiting subject stems from; None where it is not known."""

    traceparent: str | None
    busy: bool
    part: "Part"


@dataclass(frozen=True, slots=True)
class Part:
    """One of several parts of all subjects; whatever became one subject is in the same part."""

    number: int = 0
    of: int = 1

    def holds(self) -> ColumnElement[bool]:
        """Select what is in it."""
        subject = func.coalesce(_became(), touched.c.subject)
        return func.abs(func.hashtext(subject) % self.of) == self.number


async def touch(
    tx: AsyncConnection, since: Mapping[str, date], *, job_id: str | None = None
) -> None:
    """Note that subjects are to be judged, each from a month on."""
    about = dealing(tx)
    rows = [
        {
            "subject": subject,
            "month": month,
            "since": about.now,
            "job": job_id,
            "traceparent": about.traceparent,
        }
        for subject, month in sorted(since.items())
    ]
    change = {
        "month": "least(touched.month, excluded.month)",
        "job": "coalesce(excluded.job, touched.job)",
        "traceparent": "coalesce(excluded.traceparent, touched.traceparent)",
    }
    await put_all(tx, touched, rows, key=("subject",), change=change)


def _became() -> ColumnElement[str | None]:
    return select(entity.c.alias_of).where(entity.c.id == touched.c.subject).scalar_subquery()


def _known() -> ColumnElement[bool]:
    """Say that a subject is known for certain: not provisional, or resolved."""
    return touched.c.subject.not_like(_PROVISIONAL) | _became().is_not(None)


def _being_read() -> ColumnElement[bool]:
    return exists().where(job.c.id == touched.c.job, job.c.status.in_(_OPEN))


async def loading(tx: AsyncConnection) -> bool:
    """Say whether files of signals are being read, or were a moment ago."""
    recent = job.c.finished_at > dealing(tx).now - _QUIET
    files = exists().where(job.c.collection == _SIGNALS, or_(job.c.status.in_(_OPEN), recent))
    return bool((await tx.execute(select(files))).scalar_one())


def _ready(now: datetime, *, busy: bool) -> tuple[ColumnElement[bool], ...]:
    """Select what can be judged; while files come, what came without one or waits for long."""
    if not busy:
        return (_known(), ~_being_read())
    long = (touched.c.since < now - _PATIENCE) & ~_being_read()
    return (_known(), touched.c.job.is_(None) | long)


async def next_one(tx: AsyncConnection, part: Part, *, busy: bool) -> Next | None:
    """Look at the oldest of a part that is ready; None if nothing is."""
    ready = select(touched.c.traceparent).where(part.holds(), *_ready(dealing(tx).now, busy=busy))
    found = (await tx.execute(ready.order_by(touched.c.since).limit(1))).one_or_none()
    return None if found is None else Next(found[0], busy, part)


def _held(due: Next, limit: int, now: datetime) -> Select[tuple[str]]:
    """Hold up to `limit` of the oldest that stem from one request."""
    mine = touched.c.traceparent.is_not_distinct_from(due.traceparent)
    oldest = (
        select(touched.c.subject)
        .where(mine, due.part.holds(), *_ready(now, busy=due.busy))
        .order_by(touched.c.since, touched.c.subject)
        .limit(limit)
        .with_for_update(skip_locked=True, of=touched)
    )
    return select(oldest.cte("held").c.subject)


async def take(tx: AsyncConnection, due: Next, limit: int) -> dict[str, date]:
    """Take up to `limit` subjects that stem from one request, each with its first month."""
    held = _held(due, limit, dealing(tx).now)
    taken = touched.delete().where(touched.c.subject.in_(held))
    rows = await tx.execute(taken.returning(touched.c.subject, touched.c.month))
    return dict(sorted((subject, month) for subject, month in rows))


async def put_off(tx: AsyncConnection, due: Next) -> list[str]:
    """Let the oldest wait behind all others; gives which one that was."""
    now = dealing(tx).now
    later = touched.update().where(touched.c.subject.in_(_held(due, 1, now)))
    rows = await tx.execute(later.values(since=now).returning(touched.c.subject))
    return list(rows.scalars())


async def nothing_waits(tx: AsyncConnection) -> Check:
    """Nothing waits to be judged but what nobody could identify yet."""
    query = select(func.count()).select_from(touched).where(_known())
    waiting = int((await tx.execute(query)).scalar_one())
    name, detail = "nothing waits to be evaluated", f"{waiting} waiting"
    return Check(name=name, ok=not waiting, detail=detail, passing=True)
