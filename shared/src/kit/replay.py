"""`heli replay`: a service says again what it announced, so that what was lost comes back.

First every event of the last 30 days, as it stands in the outbox, in its aggregate's order: a
reader's inbox drops what was done, so only what was lost has an effect. Then the state of every
aggregate of the R events, however old, under the id of this run: readers take it whatever their
inbox says (`kit.replicas`). Then the end of the run, after which they drop what was not named.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import AwareDatetime, BaseModel
from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Integer,
    Table,
    Text,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.envelope import Envelope
from kit import log
from kit.auth import system
from kit.bus import Bus, Outgoing
from kit.clock import new_id
from kit.db import INTERNAL, Database, dealing, standing
from kit.outbox import outbox, subject_of
from kit.replicas import ended_type

KEPT = timedelta(days=30)
WINDOW = 256
_ROWS = 250  # of a batch announced anew: under 256 KiB also with the longest names

replay = Table(
    "replay",
    standing,
    Column("run", Text, primary_key=True),
    Column("asked_at", DateTime(timezone=True), nullable=False),
    Column("upto", BigInteger, nullable=False),
    Column("after", BigInteger, nullable=False, server_default="0"),
    Column("events", Integer, nullable=False, server_default="0"),
    Column("states", Integer, nullable=False, server_default="0"),
    Column("ended_at", DateTime(timezone=True)),
    Column("failed", Text),
    info=INTERNAL,
)

_STATES = text(
    "SELECT DISTINCT ON (aggregate) event_id, type, aggregate, envelope FROM outbox"
    " WHERE replicated AND published_at IS NOT NULL AND type = ANY(CAST(:types AS text[]))"
    " ORDER BY aggregate, sequence DESC"
)
_ROWS_OF_BATCHES = text(
    "SELECT DISTINCT ON (said->>'id') said FROM outbox,"
    " jsonb_array_elements(envelope::jsonb->'data'->'rows') AS said"
    " WHERE type = :type AND published_at IS NOT NULL"
    " ORDER BY said->>'id', (said->>'version')::int DESC"
)
_TYPES = text(
    "SELECT DISTINCT ON (type) type, envelope FROM outbox"
    " WHERE replicated AND published_at IS NOT NULL ORDER BY type, id DESC"
)

_log = log.get(__name__)


class ReplayView(BaseModel):
    """A replay: events sent again, states announced, and when it ended, or why it failed."""

    run: str
    service: str
    asked_at: AwareDatetime
    events: int
    states: int
    ended_at: AwareDatetime | None
    failed: str | None


class _Refused(RuntimeError):
    """The server did not take a message of a replay."""


async def ask(tx: AsyncConnection) -> ReplayView:
    """Ask for a replay; while one is under way that one is meant. The relay carries it out."""
    await tx.execute(select(func.pg_advisory_xact_lock(func.hashtext("replay"))))
    under_way = select(replay.c.run).where(replay.c.ended_at.is_(None))
    run = (await tx.execute(under_way)).scalar_one_or_none()
    if run is None:
        run = new_id()
        upto = select(func.coalesce(func.max(outbox.c.id), 0)).scalar_subquery()
        await tx.execute(insert(replay).values(run=run, asked_at=dealing(tx).now, upto=upto))
    found = await get(tx, run)
    if found is None:
        raise LookupError(run)
    return found


async def get(tx: AsyncConnection, run: str) -> ReplayView | None:
    """Read one."""
    query = select(replay).where(replay.c.run == run)
    row = (await tx.execute(query)).mappings().one_or_none()
    return None if row is None else ReplayView(service=dealing(tx).service, **row)


async def step(database: Database, bus: Bus) -> int | None:
    """Carry the open replay a window further; None where none is open. The relay calls this."""
    async with database.begin(system(database.service), "replay") as tx:
        query = select(replay.c.run, replay.c.asked_at, replay.c.upto, replay.c.after)
        row = (await tx.execute(query.where(replay.c.ended_at.is_(None)))).one_or_none()
        if row is None:
            return None
        run, asked_at, upto, after = row
        rows = await _events(tx, after, upto, asked_at - KEPT)
    try:
        if rows:
            await _send_again(database, bus, run, rows)
            await _note(database, run, after=rows[-1].id, events=replay.c.events + len(rows))
            return len(rows)
        states = await _announce(database, bus, run)
    except _Refused as no:
        _log.error("replay_failed", run=run, why=str(no))
        await _note(database, run, ended=True, failed=str(no))
        return 1
    await _note(database, run, ended=True, states=states)
    _log.info("replay_ended", run=run, states=states)
    return states + 1


async def _events(tx: AsyncConnection, after: int, upto: int, since: datetime) -> Sequence[Any]:
    c = outbox.c
    query = select(c.id, c.event_id, c.type, c.aggregate, c.envelope).where(
        c.id > after, c.id <= upto, c.published_at.is_not(None), c.at >= since
    )
    return (await tx.execute(query.order_by(c.id).limit(WINDOW))).all()


async def _send_again(database: Database, bus: Bus, run: str, rows: Sequence[Any]) -> None:
    """Send a stretch of the outbox: in waves, each with at most one event of an aggregate."""
    waves: list[list[Outgoing]] = []
    seen: dict[str, int] = {}
    for _, event_id, type_, aggregate, envelope in rows:
        wave = seen[aggregate] = seen.get(aggregate, -1) + 1
        if wave == len(waves):
            waves.append([])
        # Under its own id the server would drop it as a duplicate.
        subject = subject_of(type_, aggregate)
        waves[wave].append(Outgoing(f"{event_id}/{run}", subject, envelope.encode()))
    for wave_ in waves:
        await _send(database, bus, wave_)


async def _send(database: Database, bus: Bus, window: Sequence[Outgoing]) -> None:
    """Send all of a window; raises _Refused, or ConnectionError while there is no answer."""
    sent = await bus.publish(database.service, window)
    if sent.refused:
        raise _Refused(next(iter(sent.refused.values())))
    if len(sent.stored) < len(window):
        msg = "NATS does not answer"
        raise ConnectionError(msg)


async def _announce(database: Database, bus: Bus, run: str) -> int:
    """Announce every state under the run, then the run's end; gives how many states."""
    count = 0
    async with database.begin(system(database.service), "replay") as tx:
        found = (await tx.execute(_TYPES)).all()
        samples = {type_: Envelope.model_validate_json(said) for type_, said in found}
        batches = [type_ for type_, sample in samples.items() if "rows" in sample.data]
        whole = sorted(samples.keys() - batches)
        async for window in _windows(await tx.stream(_STATES, {"types": whole})):
            out = [
                Outgoing(f"{event_id}/{run}/state", subject_of(type_, of), said.encode(), run)
                for event_id, type_, of, said in window
            ]
            await _send(database, bus, out)
            count += len(out)
        for type_ in batches:
            async for rows in _windows(await tx.stream(_ROWS_OF_BATCHES, {"type": type_}), _ROWS):
                batch = _batch(samples[type_], [said for (said,) in rows], dealing(tx).now)
                await _send(database, bus, [_under(run, batch)])
                count += len(rows)
        await _send(database, bus, [_under(run, _end(database.service, run, dealing(tx).now))])
    return count


async def _windows(rows: AsyncIterator[Any], size: int = WINDOW) -> AsyncIterator[list[Any]]:
    window: list[Any] = []
    async for row in rows:
        window.append(row)
        if len(window) == size:
            yield window
            window = []
    if window:
        yield window


def _batch(like: Envelope, rows: list[Any], at: datetime) -> Envelope:
    """Make a batch of rows as they are now: old batches hold what newer ones have replaced."""
    id_ = new_id()
    thing = like.subject.split("/", 1)[0]
    data = like.data | {"batch": id_, "rows": rows}
    change = {"id": id_, "subject": f"{thing}/{id_}", "sequence": 1, "time": at, "data": data}
    return like.model_copy(update=change)


def _end(service: str, run: str, at: datetime) -> Envelope:
    return Envelope(
        id=new_id(),
        source=service,
        type=ended_type(service),
        subject=f"replay/{run}",
        time=at,
        sequence=1,
        actor=system(service).id,
        correlationid=run,
        data={"run": run},
    )


def _under(run: str, envelope: Envelope) -> Outgoing:
    subject = subject_of(envelope.type, envelope.subject)
    return Outgoing(envelope.id, subject, envelope.model_dump_json().encode(), run)


async def _note(database: Database, run: str, *, ended: bool = False, **changed: object) -> None:
    async with database.begin(system(database.service), "replay") as tx:
        values = changed | ({"ended_at": dealing(tx).now} if ended else {})
        await tx.execute(replay.update().where(replay.c.run == run).values(**values))
