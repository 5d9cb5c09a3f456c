"""`heli replay`: a service says again what it announced, so that what was lost comes back.

First every event of the last 30 days, as it stands in the outbox, in its aggregate's order: a
reader's inbox drops what was done, so only what was lost has an effect. Then the state of every
aggregate of the R events, however old, under the id of this run: readers take it whatever their
inbox says (`kit.replicas`). Then the end of the run, after which they drop what was not named.

Live events wait meanwhile. So a run that the stream has no room for is not begun, and whatever
fails ends it, with the reason; only an outage is waited out.
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
    ScalarSelect,
    Table,
    Text,
    func,
    insert,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.envelope import Envelope
from kit import log, states
from kit.auth import system
from kit.bus import Bus, Outgoing
from kit.clock import id_floor, new_id, real_seconds
from kit.db import INTERNAL, Database, dealing, standing
from kit.failures import is_outage, is_slow
from kit.outbox import outbox, subject_of
from kit.replicas import ended_type

KEPT = timedelta(days=30)
WINDOW = 256
_WHY = 500
_MARGIN = timedelta(days=1)  # longer than any transaction: ids are made in it, and numbers
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
    """The server did not take a message of a replay, or has no room for all of it."""


async def ask(tx: AsyncConnection) -> ReplayView:
    """Ask for a replay; while one is under way that one is meant. The relay carries it out."""
    await tx.execute(select(func.pg_advisory_xact_lock(func.hashtext("replay"))))
    under_way = select(replay.c.run).where(replay.c.ended_at.is_(None))
    run = (await tx.execute(under_way)).scalar_one_or_none()
    if run is None:
        run = new_id()
        upto = select(func.coalesce(func.max(outbox.c.id), 0)).scalar_subquery()
        values = {"run": run, "asked_at": dealing(tx).now, "upto": upto, "after": _before_kept()}
        await tx.execute(insert(replay).values(**values))
    found = await get(tx, run)
    if found is None:
        raise LookupError(run)
    return found


def _before_kept() -> ScalarSelect[int]:
    """Select the last event that is too old to be sent again, so that no history is read."""
    floor = id_floor(real_seconds() - (KEPT + _MARGIN).total_seconds())
    older = select(outbox.c.id).where(outbox.c.event_id < floor)
    last = older.order_by(outbox.c.event_id.desc()).limit(1).scalar_subquery()
    return select(func.coalesce(last, 0)).scalar_subquery()


async def get(tx: AsyncConnection, run: str) -> ReplayView | None:
    """Read one."""
    query = select(replay).where(replay.c.run == run)
    row = (await tx.execute(query)).mappings().one_or_none()
    return None if row is None else ReplayView(service=dealing(tx).service, **row)


async def step(database: Database, bus: Bus) -> int | None:
    """Carry the open replay a window further; None where none is open. The relay calls this."""
    async with database.begin(system(database.service), "replay") as tx:
        found = await tx.execute(select(replay).where(replay.c.ended_at.is_(None)))
        open_ = found.one_or_none()
    if open_ is None:
        return None
    try:
        return await _further(database, bus, open_)
    except Exception as no:
        if is_outage(no) and not is_slow(no):
            raise
        why = str(no) if isinstance(no, _Refused) else log.said(no)[:_WHY]
        _log.error("replay_failed", run=open_.run, why=why)
        await _note(database, open_.run, ended=True, failed=why)
        return 1


async def _further(database: Database, bus: Bus, open_: Any) -> int:  # noqa: ANN401 - a row of `replay`
    """Send the next window of events, or all states; gives how many messages, not none."""
    if not open_.events:
        await _require_room(database, bus, open_)
    async with database.begin(system(database.service), "replay") as tx:
        rows = await _events(tx, open_)
    if rows:
        await _send_again(database, bus, open_.run, rows)
        await _note(database, open_.run, after=rows[-1].id, events=replay.c.events + len(rows))
        return len(rows)
    count = await _announce(database, bus, open_.run)
    await _note(database, open_.run, ended=True, states=count)
    _log.info("replay_ended", run=open_.run, states=count)
    return count + 1


async def _require_room(database: Database, bus: Bus, open_: Any) -> None:  # noqa: ANN401 - see _further
    """Raise _Refused where the run would fill the stream: live events would be refused then."""
    room = await bus.room(database.service)
    if room is None:
        return
    async with database.begin(system(database.service), "replay") as tx:
        needed = await states.size(tx, open_.after, open_.upto, open_.asked_at - KEPT)
    if needed > room:
        msg = f"the stream has room for {room} bytes, the replay needs {needed}"
        raise _Refused(msg)


async def _events(tx: AsyncConnection, open_: Any) -> Sequence[Any]:  # noqa: ANN401 - see _further
    c = outbox.c
    query = select(c.id, c.event_id, c.type, c.aggregate, c.envelope).where(
        c.id > open_.after,
        c.id <= open_.upto,
        c.published_at.is_not(None),
        c.at >= open_.asked_at - KEPT,
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
        samples = await states.samples(tx)
        whole, batches = states.kinds(samples)
        async for window in _windows(await tx.stream(states.WHOLE, {"types": whole})):
            out = [
                Outgoing(f"{event_id}/{run}/state", subject_of(type_, of), said.encode(), run)
                for event_id, type_, of, said in window
            ]
            await _send(database, bus, out)
            count += len(out)
        for type_ in batches:
            async for rows in _windows(await tx.stream(states.ROWS, {"type": type_}), _ROWS):
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
