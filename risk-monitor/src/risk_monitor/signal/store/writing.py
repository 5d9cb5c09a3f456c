"""SQL of signals, writing: a batch is taken set by set, never row by row."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache

from sqlalchemy import Text, func, literal, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.errors import Refusal
from contracts.item_registry import Line, RegionId
from contracts.risk_monitor import SignalRow, SubjectSighted
from kit import outbox, places
from kit.clock import new_id
from kit.db import dealing
from kit.deadlines import shanghai_day
from kit.jobs import Row, RowFault, Taken, fault_of
from risk_monitor.indicator.domain.months import month_of
from risk_monitor.schema import put_all, text_array
from risk_monitor.signal.domain import Accepted, Key, Sender, Signal, accept
from risk_monitor.signal.store.reading import standing_of
from risk_monitor.signal.tables import sighted, signal, signal_past
from risk_monitor.source import store as sources
from risk_monitor.source.store import Said
from risk_monitor.waiting import store as waiting

_KEY = ("subject", "stream", "from", "to", "source", "product")
_KEY_COLUMNS = tuple(signal.c[name] for name in _KEY)

_LOCAL = literal(value=True)


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
    region: RegionId
    revision: int
    job: str | None
    received_at: datetime


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
    streams, scales = sources.streams_on(shanghai_day(now)), sources.scales()
    named = {row.value.source for row in rows} | {parcel.department}
    agencies = await places.agencies(tx, filter(None, named))
    chains = await places.chains(tx, {RegionId(row.value.region) for row in rows})
    sender = Sender(parcel.department, known=parcel.department in agencies)
    accepted: list[Accepted] = []
    faults: list[RowFault] = []
    for row in rows:
        try:
            accepted.append(
                accept(
                    row.value,
                    sender=sender,
                    streams=streams,
                    scales=scales,
                    regions=chains,
                    now=now,
                )
            )
        except Refusal as no:
            faults.append(fault_of(row.number, no))
    lines: dict[str, Line | str | None] = {id_: one.line for id_, one in agencies.items()}
    if parcel.department is not None:
        lines.setdefault(parcel.department, parcel.line)
    readers = {
        (region, source): text_array(places.readers(chains[region], [lines.get(source)], [source]))
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
    readers: Mapping[tuple[RegionId, str], str],
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
            "product": one.product,
            "from": one.from_,
            "to": one.to,
            "value": one.amount.value,
            "sent_value": one.amount.sent_value,
            "sent_unit": one.amount.sent_unit,
            "region": one.region,
            "job": parcel.job,
            "received_at": now,
            "revision": 1,
            "readers": readers[one.region, one.source],
        }
        for id_, one in sorted(made.items(), key=lambda pair: pair[1].key)
    ]
    changed, revised, duplicate = list(signals), 0, 0
    if await put_all(tx, signal, rows, key=_KEY) < len(rows):
        new = await standing_of(tx, made)
        again = [one for id_, one in made.items() if id_ not in new]
        mended, duplicate = await _again(tx, again, parcel, readers)
        revised = len(mended)
        changed = [one for id_, one in made.items() if id_ in new] + mended
    await _hear(tx, changed, parcel)
    return Taken(len(signals), duplicate=duplicate, revised=revised)


async def _again(
    tx: AsyncConnection,
    signals: Sequence[Signal],
    parcel: Parcel,
    readers: Mapping[tuple[RegionId, str], str],
) -> tuple[list[Signal], int]:
    """Sort what stood already: the same is a duplicate; another value or place replaces it."""
    if not signals:
        return [], 0
    now = dealing(tx).now
    standing = await _standing(tx, {one.key for one in signals})
    past: list[dict[str, object]] = []
    revised: list[Signal] = []
    for one in signals:
        before = standing[one.key]
        if (before.value, before.region) == (one.amount.value, one.region):
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
        after = Standing(
            before.id, one.amount.value, one.region, before.revision + 1, parcel.job, now
        )
        standing[one.key] = after
        revised.append(one)
        change = signal.update().where(signal.c.id == after.id)
        await tx.execute(
            change.values(
                value=after.value,
                sent_value=one.amount.sent_value,
                sent_unit=one.amount.sent_unit,
                region=after.region,
                readers=literal(readers[one.region, one.source], Text).cast(ARRAY(Text)),
                revision=after.revision,
                job=after.job,
                received_at=now,
            )
        )
    if past:
        await tx.execute(insert(signal_past), past)
    return revised, len(signals) - len(revised)


async def _standing(tx: AsyncConnection, keys: Iterable[Key]) -> dict[Key, Standing]:
    c = signal.c
    query = (
        select(*_KEY_COLUMNS, c.id, c.value, c.region, c.revision, c.job, c.received_at)
        .where(tuple_(*_KEY_COLUMNS).in_(sorted(keys)))
        .order_by(c.id)
        .with_for_update()
    )
    found: dict[Key, Standing] = {}
    for subject, stream, from_, to, source, product, *rest in await tx.execute(query):
        found[subject, stream, from_, to, source, product] = Standing(*rest)
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
    """Note of which months sources spoke, and touch every subject that was spoken of."""
    now = dealing(tx).now
    days = [(_day(one.from_), one) for one in signals]
    await sources.hear(
        tx, [Said(one.source, one.stream, first, _day(min(one.to, now))) for first, one in days]
    )
    since: dict[str, date] = {}
    for first, one in days:
        known = since.get(one.subject)
        if known is None or first < known:
            since[one.subject] = first
    pairs = {subject: month_of(first) for subject, first in since.items()}
    await waiting.touch(tx, pairs, job_id=parcel.job)


_day = lru_cache(1 << 14)(shanghai_day)


async def touch_all(tx: AsyncConnection) -> None:
    """Touch every subject from its first signal on: another model judges."""
    first = select(signal.c.subject, func.min(signal.c["from"])).group_by(signal.c.subject)
    async with _own_work(tx):
        rows = (await tx.execute(first)).all()
    since = {subject: month_of(shanghai_day(began)) for subject, began in rows}
    await waiting.touch(tx, since)


async def tell(tx: AsyncConnection) -> None:
    """Touch whom it concerns that a source spoke of a month for the first time.

    No subject is judged beyond the last month that anybody spoke of, and what recurs may only be
    overdue in months that its source spoke of.
    """
    news = await sources.tell(tx, shanghai_day(dealing(tx).now))
    since: dict[str, date] = {}
    all_ = select(signal.c.subject).distinct()
    if news.since is not None:
        since = dict.fromkeys((await tx.execute(all_)).scalars(), news.since)
    for (source, stream), month in news.events.items():
        own = all_.where(signal.c.source == source, signal.c.stream == stream)
        for subject in (await tx.execute(own)).scalars():
            since[subject] = min(since.get(subject, month), month)
    await waiting.touch(tx, since)
