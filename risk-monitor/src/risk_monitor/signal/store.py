"""SQL of signals: a batch is taken set by set, never row by row."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row as SqlRow
from sqlalchemy import Select, func, literal, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.errors import NotFound, Refusal
from contracts.item_registry import Line, RegionId
from contracts.risk_monitor import SignalId, SignalRow, SubjectSighted
from kit import outbox, places
from kit.clock import new_id
from kit.db import dealing
from kit.deadlines import shanghai_day
from kit.jobs import Row, RowFault, Taken, fault_of
from risk_monitor.indicator.domain.flows import Reading, reading
from risk_monitor.indicator.domain.months import month_of
from risk_monitor.schema import insert_all
from risk_monitor.signal.domain import Accepted, Sender, Signal, accept
from risk_monitor.signal.tables import sighted, signal, signal_past
from risk_monitor.source import store as sources
from risk_monitor.source.store import Said
from risk_monitor.waiting import store as waiting

_KEY = (signal.c.source, signal.c.stream, signal.c.subject, signal.c["from"], signal.c["to"])

_LOCAL = literal(value=True)

Key = tuple[str, str, str, datetime, datetime]


@dataclass(frozen=True, slots=True)
class Parcel:
    """Who sent some rows, and in which job."""

    department: str | None
    line: str | None
    job: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """A signal as it stands in the database."""

    id: str
    value: float
    revision: int
    job: str | None
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """A stored signal as it is judged: of which stream, and where."""

    stream: str
    region: RegionId
    reading: Reading


async def receive(tx: AsyncConnection, rows: Sequence[Row[SignalRow]], parcel: Parcel) -> Taken:
    """Judge and keep a batch; what is wrong with a row is its own fault, the others stand."""
    async with _own_work(tx):
        return await _receive(tx, rows, parcel)


@asynccontextmanager
async def _own_work(tx: AsyncConnection) -> AsyncIterator[None]:
    """Let a sender meet rows that it may not read: the same again is a duplicate for anybody."""
    about = dealing(tx)
    await tx.execute(select(func.set_config("heli.actor", f"system:{about.service}", _LOCAL)))
    yield
    await tx.execute(select(func.set_config("heli.actor", about.actor.id, _LOCAL)))


async def _receive(tx: AsyncConnection, rows: Sequence[Row[SignalRow]], parcel: Parcel) -> Taken:
    now = dealing(tx).now
    streams = sources.streams_on(shanghai_day(now))
    named = {row.value.source for row in rows} | {parcel.department}
    agencies = await places.agencies(tx, filter(None, named))
    chains = await places.chains(tx, {RegionId(row.value.region) for row in rows})
    sender = Sender(parcel.department, known=parcel.department in agencies)
    accepted: list[Accepted] = []
    faults: list[RowFault] = []
    for row in rows:
        try:
            accepted.append(
                accept(row.value, sender=sender, streams=streams, regions=chains, now=now)
            )
        except Refusal as no:
            faults.append(fault_of(row.number, no))
    lines: dict[str, Line | str | None] = {id_: one.line for id_, one in agencies.items()}
    if parcel.department is not None:
        lines.setdefault(parcel.department, parcel.line)
    readers = {
        (region, source): places.readers(chains[region], [lines.get(source)], [source])
        for region, source in {(one.signal.region, one.signal.source) for one in accepted}
    }
    kept = await _keep(tx, [one.signal for one in accepted], parcel, readers)
    await _sight(tx, accepted)
    return replace(
        kept,
        accepted=len(accepted),
        provisional=sum(one.sighting is not None for one in accepted),
        faults=tuple(faults),
    )


async def _keep(
    tx: AsyncConnection,
    signals: Sequence[Signal],
    parcel: Parcel,
    readers: Mapping[tuple[RegionId, str], list[str]],
) -> Taken:
    if not signals:
        return Taken(0)
    now = dealing(tx).now
    made = {new_id(): one for one in signals}
    rows = [
        {
            "id": id_,
            "source": one.source,
            "stream": one.stream,
            "subject": one.subject,
            "from": one.from_,
            "to": one.to,
            "value": one.value,
            "region": one.region,
            "job": parcel.job,
            "received_at": now,
            "revision": 1,
            "readers": readers[one.region, one.source],
        }
        for id_, one in sorted(made.items(), key=lambda pair: pair[1].key)
    ]
    put = insert_all(signal, rows).on_conflict_do_nothing(index_elements=_KEY)
    new = set((await tx.execute(put.returning(signal.c.id))).scalars())
    again = [one for id_, one in made.items() if id_ not in new]
    revised, duplicate = await _again(tx, again, parcel)
    changed = [one for id_, one in made.items() if id_ in new] + revised
    await _hear(tx, changed, parcel)
    return Taken(len(signals), duplicate=duplicate, revised=len(revised))


async def _again(
    tx: AsyncConnection, signals: Sequence[Signal], parcel: Parcel
) -> tuple[list[Signal], int]:
    """Sort what stood already: the same value is a duplicate, another one replaces it."""
    if not signals:
        return [], 0
    now = dealing(tx).now
    standing = await _standing(tx, {one.key for one in signals})
    past: list[dict[str, object]] = []
    revised: list[Signal] = []
    for one in signals:
        before = standing[one.key]
        if before.value == one.value:
            continue
        past.append(
            {
                "signal": before.id,
                "revision": before.revision,
                "value": before.value,
                "job": before.job,
                "received_at": before.received_at,
            }
        )
        after = Standing(before.id, one.value, before.revision + 1, parcel.job, now)
        standing[one.key] = after
        revised.append(one)
        change = signal.update().where(signal.c.id == after.id)
        await tx.execute(
            change.values(
                value=after.value, revision=after.revision, job=after.job, received_at=now
            )
        )
    if past:
        await tx.execute(insert(signal_past), past)
    return revised, len(signals) - len(revised)


async def _standing(tx: AsyncConnection, keys: Iterable[Key]) -> dict[Key, Standing]:
    c = signal.c
    query = (
        select(*_KEY, c.id, c.value, c.revision, c.job, c.received_at)
        .where(tuple_(*_KEY).in_(sorted(keys)))
        .order_by(c.id)
        .with_for_update()
    )
    found: dict[Key, Standing] = {}
    for source, stream, subject, from_, to, *rest in await tx.execute(query):
        found[source, stream, subject, from_, to] = Standing(*rest)
    return found


async def _sight(tx: AsyncConnection, accepted: Sequence[Accepted]) -> None:
    """Announce each provisional subject when it is met first."""
    met = {one.sighting.subject: one.sighting for one in accepted if one.sighting is not None}
    if not met:
        return
    put = insert(sighted).on_conflict_do_nothing().returning(sighted.c.subject)
    rows = [
        {
            "subject": s.subject,
            "source": s.source,
            "fault": s.fault,
            "region": s.region,
            "raw": s.raw,
        }
        for s in sorted(met.values(), key=lambda s: s.subject)
    ]
    new = list((await tx.execute(put, rows)).scalars())
    says = [
        SubjectSighted(
            subject=met[subject].subject,
            source=met[subject].source,
            fault=met[subject].fault,
            region=met[subject].region,
            raw=met[subject].raw,
        )
        for subject in new
    ]
    await outbox.add(tx, says)


async def _hear(tx: AsyncConnection, signals: Sequence[Signal], parcel: Parcel) -> None:
    """Touch what was said, and every subject of a source that speaks of a month new to it."""
    now = dealing(tx).now
    said = [
        Said(one.source, one.stream, shanghai_day(one.from_), shanghai_day(min(one.to, now)))
        for one in signals
    ]
    pairs = [(one.subject, month_of(shanghai_day(one.from_))) for one in signals]
    for source, stream, month in await sources.hear(tx, said):
        query = select(signal.c.subject).distinct().filter_by(source=source, stream=stream)
        pairs += [(subject, month) for subject in (await tx.execute(query)).scalars()]
    await waiting.touch(tx, pairs, job_id=parcel.job)


async def touch_all(tx: AsyncConnection) -> None:
    """Touch every subject from its first signal on: another model judges."""
    first = select(signal.c.subject, func.min(signal.c["from"])).group_by(signal.c.subject)
    async with _own_work(tx):
        rows = (await tx.execute(first)).all()
    await waiting.touch(tx, [(subject, month_of(shanghai_day(since))) for subject, since in rows])


async def known(tx: AsyncConnection, ids: Iterable[str]) -> dict[str, list[Known]]:
    """Give all signals of some subjects by the id that they came under, by stream and period."""
    c = signal.c
    query = (
        select(
            c.subject, c.stream, c.region, c.id, c.source, c.value, c["from"], c.to, c.received_at
        )
        .where(c.subject.in_(sorted(set(ids))))
        .order_by(c["from"], c.id)
    )
    found: dict[str, list[Known]] = {}
    for subject, stream, region, id_, source, value, from_, to, received in await tx.execute(query):
        one = reading(id_, source, value, period=(from_, to), received_at=received)
        found.setdefault(subject, []).append(Known(stream, region, one))
    return found


async def standing_of(tx: AsyncConnection, ids: Iterable[str]) -> set[str]:
    """Give those of some signals that stand."""
    query = select(signal.c.id).where(signal.c.id.in_(sorted(set(ids))))
    return set((await tx.execute(query)).scalars())


_SHOWN = tuple(
    signal.c[name]
    for name in ("source", "stream", "subject", "value", "region", "job", "received_at", "revision")
)


def shown_query() -> Select[Any]:
    """Select signals as a list shows them, in the order of their period."""
    return select(signal.c["from"], signal.c.id, signal.c["to"], *_SHOWN)


LIST_ORDER = (signal.c["from"], signal.c.id)


def listed(
    *,
    subjects: Sequence[str] = (),
    stream: str | None = None,
    span: tuple[datetime | None, datetime | None],
) -> Select[Any]:
    """Ask for signals of subjects and a stream whose period touches a span."""
    query = shown_query()
    since, until = span
    if subjects:
        query = query.where(signal.c.subject.in_(list(subjects)))
    if stream is not None:
        query = query.where(signal.c.stream == stream)
    if since is not None:
        query = query.where((signal.c["to"] > since) | (signal.c["from"] >= since))
    if until is not None:
        query = query.where(signal.c["from"] < until)
    return query


async def get(tx: AsyncConnection, id_: SignalId) -> SqlRow[Any]:
    """Read one; raises NotFound, also when out of scope."""
    row: SqlRow[Any] | None = (
        await tx.execute(shown_query().where(signal.c.id == id_))
    ).one_or_none()
    if row is None:
        raise NotFound(signal=id_)
    return row


async def past(tx: AsyncConnection, id_: SignalId) -> list[dict[str, Any]]:
    """Give the values that stood before a signal was corrected, oldest first."""
    names = ("value", "job", "received_at")
    query = select(*(signal_past.c[name] for name in names)).filter_by(signal=id_)
    return [row._asdict() for row in await tx.execute(query.order_by(signal_past.c.revision))]
