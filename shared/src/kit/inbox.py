"""Events in: one durable a reader and stream, in batches, each effect once and in order.

A batch is one transaction: inbox rows, effects, then commit, then the acknowledgements. A failure
of the database pauses the worker and the batch is tried again. Any other failure undoes its event
alone (`kit.savepoints`), which goes to the dead-letter table and parks its aggregate, whose later
events wait behind it in order; all others go on.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from pydantic import ValidationError
from sqlalchemy import Column, DateTime, Index, Integer, Table, Text, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.envelope import Envelope
from contracts.says import Fact
from kit import failpoints, savepoints
from kit.auth import system
from kit.db import Database, dealing, digest_of, standing
from kit.failures import is_outage
from kit.log import get

E = TypeVar("E", bound=Fact)
Handler = Callable[[AsyncConnection, E, datetime], Awaitable[None]]


_log = get(__name__)

inbox = Table(
    "inbox",
    standing,
    Column("event_id", Text, primary_key=True),
    Column("stream", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("aggregate", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("digest", Text, nullable=False),
    Column("handled_at", DateTime(timezone=True), nullable=False),
)
Index("inbox_stream", inbox.c.stream, inbox.c.type)

dead_letter = Table(
    "dead_letter",
    standing,
    Column("event_id", Text, primary_key=True),
    Column("stream", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("aggregate", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("envelope", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)
Index(
    "dead_letter_aggregate", dead_letter.c.stream, dead_letter.c.aggregate, dead_letter.c.sequence
)

PARKED = "parked behind an earlier event of its aggregate"


@dataclass(frozen=True, slots=True)
class Subscription:
    """A reader's handler of one event."""

    event: type[Fact]
    handler: Handler[Any]


def on(event: type[E], handler: Handler[E]) -> Subscription:
    """Pair an event with its handler; the types prove that they fit."""
    return Subscription(event, handler)


def sequence(tx: AsyncConnection) -> int:
    """Give the version that the handled event brings: an R reader upserts only what is newer."""
    cause = dealing(tx).cause
    if cause is None:
        msg = "no event is being handled"
        raise LookupError(msg)
    return cause.sequence


@dataclass(frozen=True, slots=True)
class Arrived:
    """One event as it came, read as far as it can be."""

    id: str
    text: str
    envelope: Envelope | None
    why: str | None

    @property
    def key(self) -> str:
        """Give the aggregate; an unreadable event is its own."""
        return self.envelope.subject if self.envelope else f"unreadable/{self.id}"


@dataclass(frozen=True, slots=True)
class Reader:
    """One service's reading of one stream."""

    database: Database
    stream: str
    handlers: Mapping[str, Subscription]

    def read(self, event_id: str, data: bytes) -> Arrived:
        """Parse a message and check that its source owns the stream; nothing is ever dropped."""
        text = data.decode("utf-8", "backslashreplace")
        try:
            envelope = Envelope.model_validate_json(data)
        except ValidationError as no:
            return Arrived(event_id, text, None, f"unreadable: {no.error_count()} faults")
        if envelope.source != self.stream or envelope.type.split(".")[0] != self.stream:
            return Arrived(event_id, text, None, f"source {envelope.source} on {self.stream}")
        if envelope.type not in self.handlers:
            return Arrived(envelope.id, text, envelope, f"unknown type {envelope.type}")
        return Arrived(envelope.id, text, envelope, None)

    async def take(self, arrived: Sequence[Arrived]) -> None:
        """Handle a batch in one transaction; one by one when its commit fails."""
        try:
            await self._together(arrived)
        except Exception as no:
            if is_outage(no):
                raise
            for one in arrived:
                await self._alone(one)

    async def _together(self, arrived: Sequence[Arrived]) -> None:
        actor = system(self.database.service)
        async with self.database.begin(actor, f"read {self.stream}") as tx:
            parked = await _parked(tx, self.stream, {one.key for one in arrived})

            async def park(one: Arrived, no: Exception) -> None:
                _log.error("event_parked", event_id=one.id, stream=self.stream, error=repr(no))
                await self._bury(tx, one, repr(no)[:2000])
                parked.add(one.key)

            await savepoints.each(tx, arrived, partial(self._handle, tx, parked), park)
            failpoints.reach("reader-before-commit")

    async def _handle(self, tx: AsyncConnection, parked: set[str], one: Arrived) -> None:
        if one.why is not None or one.envelope is None:
            await self._bury(tx, one, one.why or "unreadable")
            parked.add(one.key)
        elif one.key in parked:
            await self._bury(tx, one, PARKED)
        elif await self._first_time(tx, one, one.envelope):
            await self._effect(tx, one.envelope)

    async def _alone(self, one: Arrived) -> None:
        try:
            await self._together([one])
        except Exception as no:
            if is_outage(no):
                raise
            _log.error("event_parked", event_id=one.id, stream=self.stream, error=repr(no))
            async with self.database.begin(system(self.database.service), "park") as tx:
                await self._bury(tx, one, repr(no)[:2000])

    async def _first_time(self, tx: AsyncConnection, one: Arrived, envelope: Envelope) -> bool:
        row = insert(inbox).values(
            event_id=envelope.id,
            stream=self.stream,
            type=envelope.type,
            aggregate=envelope.subject,
            sequence=envelope.sequence,
            digest=digest_of(one.text),
            handled_at=dealing(tx).now,
        )
        done = await tx.execute(row.on_conflict_do_nothing().returning(inbox.c.event_id))
        return done.one_or_none() is not None

    async def _effect(self, tx: AsyncConnection, envelope: Envelope) -> None:
        subscription = self.handlers[envelope.type]
        about = dealing(tx)
        tx.info["dealing"] = replace(
            about, operation=envelope.type, cause=envelope, traceparent=envelope.traceparent
        )
        fact = subscription.event.model_validate(envelope.data)
        await subscription.handler(tx, fact, about.now)

    async def _bury(self, tx: AsyncConnection, one: Arrived, why: str) -> None:
        envelope = one.envelope
        handled = select(inbox.c.event_id).where(inbox.c.event_id == one.id)
        if (await tx.execute(handled)).one_or_none() is not None:
            return
        row = insert(dead_letter).values(
            event_id=one.id,
            stream=self.stream,
            type=envelope.type if envelope else "unreadable",
            aggregate=one.key,
            sequence=envelope.sequence if envelope else 0,
            envelope=one.text.replace("\0", "\\0"),
            digest=digest_of(one.text),
            why=why,
            at=dealing(tx).now,
        )
        await tx.execute(row.on_conflict_do_nothing())

    async def requeue(self, aggregate: str) -> int:
        """Handle an aggregate's parked events again, in order, in one transaction; gives how many.

        What fails again raises; everything stays parked then.
        """
        actor = system(self.database.service)
        async with self.database.begin(actor, f"requeue {self.stream}") as tx:
            mine = (dead_letter.c.stream == self.stream) & (dead_letter.c.aggregate == aggregate)
            # From here the reader waits (`_parked`); what it parked until now is seen below.
            await tx.execute(select(dead_letter.c.event_id).where(mine).with_for_update())
            query = select(dead_letter.c.event_id, dead_letter.c.envelope).where(mine)
            rows = (await tx.execute(query.order_by(dead_letter.c.sequence))).all()
            for event_id, text in rows:
                one = self.read(event_id, text.encode())
                if one.envelope is None or one.why is not None:
                    raise ValueError(one.why)
                if await self._first_time(tx, one, one.envelope):
                    await self._effect(tx, one.envelope)
            await tx.execute(dead_letter.delete().where(mine))
            return len(rows)


async def _parked(tx: AsyncConnection, stream: str, keys: set[str]) -> set[str]:
    """Give the parked ones of some aggregates; waits for a requeue of theirs to end."""
    query = (
        select(dead_letter.c.aggregate)
        .where(dead_letter.c.stream == stream, dead_letter.c.aggregate.in_(sorted(keys)))
        .with_for_update(read=True)
    )
    return set((await tx.execute(query)).scalars())


def readers(database: Database, subscriptions: Sequence[Subscription]) -> list[Reader]:
    """Group a service's subscriptions by the stream that they read."""
    streams: dict[str, dict[str, Subscription]] = {}
    for subscription in subscriptions:
        of_stream = streams.setdefault(subscription.event.service(), {})
        if subscription.event.type in of_stream:
            msg = f"{subscription.event.type} has two handlers in {database.service}"
            raise ValueError(msg)
        of_stream[subscription.event.type] = subscription
    return [Reader(database, stream, table) for stream, table in streams.items()]
