"""Events out: rows written with the state they announce, published by one relay a service.

`head` holds the last event of every aggregate: it numbers events from 1 and tells the cause of
what a request does next. Its row, locked also for the first event, orders an aggregate by commit.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    select,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.envelope import Envelope
from contracts.errors import TooLarge
from contracts.says import Fact
from kit.auth import Actor, system
from kit.bus import Bus
from kit.clock import new_id
from kit.db import INTERNAL, Database, Dealing, announced, dealing, digest_of, standing
from kit.failures import is_outage
from kit.log import get

LIMIT_BYTES = 256 * 1024
WINDOW = 256
_POLL_S = (0.25, 1.0)

outbox = Table(
    "outbox",
    standing,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("event_id", Text, nullable=False, unique=True),
    Column("type", Text, nullable=False),
    Column("aggregate", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("envelope", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("published_at", DateTime(timezone=True)),
    UniqueConstraint("aggregate", "sequence"),
    info=INTERNAL,
)
# The relay asks for what is not yet published, in order.
Index("outbox_unpublished", outbox.c.id, postgresql_where=outbox.c.published_at.is_(None))
# A reader's check asks for all events of some types.
Index("outbox_type", outbox.c.type, outbox.c.id)

head = Table(
    "head",
    standing,
    Column("aggregate", Text, primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("correlation_id", Text, nullable=False),
    info=INTERNAL,
)

_log = get(__name__)


class EventTooLarge(TooLarge):
    """An event may have 256 KiB; larger sets go out as several batch events."""

    code = "event-too-large"


async def add(tx: AsyncConnection, says: Sequence[Fact], *, of: str | None = None) -> None:
    """Write the events of a decision; `of` is the aggregate acted on, if not the event's own.

    `of` is `thing/id` and gives the cause when the event's own aggregate has none yet.
    """
    if not says:
        return
    about = dealing(tx)
    own = {fact.about() for fact in says}
    await _begin_heads(tx, own)
    heads = await _heads(tx, own | ({of} if of else set()))
    rows = []
    for fact in says:
        envelope = _envelope(fact, heads, of, about)
        heads[envelope.subject] = (envelope.sequence, envelope.id, envelope.correlationid)
        rows.append(_row(envelope))
    await tx.execute(insert(outbox), rows)
    changed = [
        {"aggregate": key, "sequence": value[0], "event_id": value[1], "correlation_id": value[2]}
        for key, value in heads.items()
        if key in own
    ]
    upsert = insert(head)
    await tx.execute(
        upsert.on_conflict_do_update(
            index_elements=[head.c.aggregate],
            set_={
                "sequence": upsert.excluded.sequence,
                "event_id": upsert.excluded.event_id,
                "correlation_id": upsert.excluded.correlation_id,
            },
        ),
        changed,
    )
    announced(tx)


Head = tuple[int, str, str]


async def _begin_heads(tx: AsyncConnection, subjects: Iterable[str]) -> None:
    """Give every aggregate a row to lock: else two first events at once would both be number 1."""
    begun = [
        {"aggregate": subject, "sequence": 0, "event_id": "", "correlation_id": ""}
        for subject in sorted(subjects)
    ]
    await tx.execute(insert(head).on_conflict_do_nothing(), begun)


async def _heads(tx: AsyncConnection, subjects: Iterable[str]) -> dict[str, Head]:
    query = (
        select(head.c.aggregate, head.c.sequence, head.c.event_id, head.c.correlation_id)
        .where(head.c.aggregate.in_(sorted(subjects)))
        .order_by(head.c.aggregate)
        .with_for_update()
    )
    rows = await tx.execute(query)
    return {key: (seq, event, matter) for key, seq, event, matter in rows if seq}


def _envelope(fact: Fact, heads: dict[str, Head], of: str | None, about: Dealing) -> Envelope:
    own = heads.get(fact.about())
    before = own or (heads.get(of) if of else None)
    cause = about.cause
    made = envelope_of(fact, about.now, about.actor, (own[0] if own else 0) + 1)
    if cause is not None:
        chain = {"causationid": cause.id, "correlationid": cause.correlationid}
    elif before is not None:
        chain = {"causationid": before[1], "correlationid": before[2]}
    else:
        chain = {}
    return made.model_copy(update={**chain, "traceparent": about.traceparent})


def envelope_of(fact: Fact, at: datetime, actor: Actor, sequence: int) -> Envelope:
    """Put the envelope round a fact that begins a matter."""
    event_id = new_id()
    return Envelope(
        id=event_id,
        source=fact.service(),
        type=fact.type,
        subject=fact.about(),
        time=at,
        sequence=sequence,
        region=getattr(fact, "region", None),
        actor=actor.id,
        correlationid=event_id,
        data=fact.model_dump(mode="json"),
    )


def _row(envelope: Envelope) -> dict[str, object]:
    text = envelope.model_dump_json()
    size = len(text.encode())
    if size > LIMIT_BYTES:
        raise EventTooLarge(event=envelope.type, limit=LIMIT_BYTES, got=size)
    return {
        "event_id": envelope.id,
        "type": envelope.type,
        "aggregate": envelope.subject,
        "sequence": envelope.sequence,
        "envelope": text,
        "digest": digest_of(text),
        "at": envelope.time,
    }


def subject_of(type_: str, aggregate: str) -> str:
    """Give the NATS subject: `heli.<type>.<aggregate id>`."""
    return f"heli.{type_}.{aggregate.split('/', 1)[1]}"


async def relay(database: Database, bus: Bus) -> None:
    """Publish what is not yet published, for as long as the process lives.

    A window holds at most one event of an aggregate; a refused one holds back that aggregate's
    later ones, for they are read again only after it.
    """
    pause = _POLL_S[0]
    while True:
        database.bell.clear()
        try:
            sent = await _publish_window(database, bus)
        except Exception as no:
            if not is_outage(no):
                raise
            _log.warning("relay_waits", error=repr(no))
            sent = 0
        if sent:
            pause = _POLL_S[0]
            continue
        try:
            await asyncio.wait_for(database.bell.wait(), pause)
            pause = _POLL_S[0]
        except TimeoutError:
            pause = min(pause * 2, _POLL_S[1])


async def _publish_window(database: Database, bus: Bus) -> int:
    async with database.begin(system(database.service), "relay") as tx:
        first = (
            select(
                *(outbox.c[name] for name in ("id", "event_id", "type", "aggregate", "envelope"))
            )
            .where(outbox.c.published_at.is_(None))
            .order_by(outbox.c.id)
            .limit(WINDOW)
        )
        rows = (await tx.execute(first)).all()
    window: dict[str, tuple[int, str, str, bytes]] = {}
    for id_, event_id, type_, aggregate, text in rows:
        window.setdefault(aggregate, (id_, event_id, subject_of(type_, aggregate), text.encode()))
    if not window:
        return 0
    acked = await bus.publish(
        database.service, [(event, subject, data) for _, event, subject, data in window.values()]
    )
    done = [id_ for id_, event, _, _ in window.values() if event in acked]
    if done:
        await _mark(database, done)
    return len(done)


async def _mark(database: Database, ids: list[int]) -> None:
    async with database.begin(system(database.service), "relay") as tx:
        now: datetime = dealing(tx).now
        change = outbox.update().where(outbox.c.id.in_(bindparam("ids", expanding=True)))
        await tx.execute(change.values(published_at=now), {"ids": ids})
