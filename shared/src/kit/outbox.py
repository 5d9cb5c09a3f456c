"""Events out: rows written with the state they announce; `kit.relay` publishes them.

`head` holds the last event of every aggregate: it numbers events from 1 and tells the cause of
what a request does next. Its row, locked also for the first event, orders an aggregate by commit.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    select,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.envelope import Envelope
from contracts.errors import TooLarge
from contracts.says import Fact
from contracts.services import EVENT_BYTES
from kit.auth import Actor
from kit.clock import new_id
from kit.db import INTERNAL, Dealing, announced, dealing, digest_of, standing

outbox = Table(
    "outbox",
    standing,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("event_id", Text, nullable=False, unique=True),
    Column("type", Text, nullable=False),
    Column("aggregate", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    # Of kind R: the last one of an aggregate is its state, which a replay announces.
    Column("replicated", Boolean, nullable=False),
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
        rows.append(_row(envelope, replicated=fact.kind == "R"))
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


def _row(envelope: Envelope, *, replicated: bool) -> dict[str, object]:
    text = envelope.model_dump_json()
    size = len(text.encode())
    if size > EVENT_BYTES:
        raise EventTooLarge(event=envelope.type, limit=EVENT_BYTES, got=size)
    return {
        "event_id": envelope.id,
        "type": envelope.type,
        "aggregate": envelope.subject,
        "sequence": envelope.sequence,
        "replicated": replicated,
        "envelope": text,
        "digest": digest_of(text),
        "at": envelope.time,
    }


def subject_of(type_: str, aggregate: str) -> str:
    """Give the NATS subject: `heli.<type>.<aggregate id>`."""
    return f"heli.{type_}.{aggregate.split('/', 1)[1]}"
