"""Events in: one durable a reader and stream, in batches, each effect once and in order.

A batch is one transaction: inbox rows, effects, then commit, then the acknowledgements. A failure
of the database pauses the worker and the batch is tried again. Any other failure undoes its event
alone (`kit.savepoints`), which goes to the dead-letter table and parks its aggregate, whose later
events wait behind it in order; all others go on. A state that a replay announces is handled
whatever the inbox says, and leaves no row there.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Column, DateTime, Index, Integer, Table, Text, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.envelope import Envelope
from contracts.says import Fact
from kit import arrivals, failpoints, replicas, savepoints
from kit.arrivals import Arrived, Came
from kit.auth import system
from kit.db import INTERNAL, Database, dealing, digest_of, standing
from kit.failures import is_outage, is_slow
from kit.log import get, said, traced

E = TypeVar("E", bound=Fact)
Handler = Callable[[AsyncConnection, E, datetime], Awaitable[None]]

_WHY = 2000

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
    info=INTERNAL,
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
    info=INTERNAL,
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
class Reader:
    """One service's reading of one stream, and the read models that it keeps of it."""

    database: Database
    stream: str
    handlers: Mapping[str, Subscription]
    keeps: tuple[Table, ...] = ()

    @property
    def subjects(self) -> list[str]:
        """Give the NATS subjects to hear: each event in any version, and the end of a replay.

        A version that this code does not know is parked until it does, instead of being unheard.
        """
        unversioned = {type_.rpartition(".")[0] for type_ in self.handlers}
        return sorted(f"heli.{one}.*.*" for one in (*unversioned, f"{self.stream}.replay.ended"))

    def read(
        self, event_id: str, data: bytes, subject: str | None = None, run: str | None = None
    ) -> Arrived:
        """Read a message as far as it can be; nothing is ever dropped."""
        return arrivals.read(Came(event_id, data, subject, run), self.stream, self.handlers)

    async def take(self, arrived: Sequence[Arrived]) -> None:
        """Handle a batch in one transaction; one by one when its commit fails."""
        try:
            await self._together(arrived)
        except Exception as no:
            if is_outage(no):
                raise
            await self.take_each(arrived)

    async def take_each(self, arrived: Sequence[Arrived]) -> None:
        """Handle one by one; what fails, or is too slow, is parked."""
        for one in arrived:
            await self._alone(one)

    async def _together(self, arrived: Sequence[Arrived]) -> None:
        actor = system(self.database.service)
        async with self.database.begin(actor, f"read {self.stream}") as tx:
            parked = await _parked(tx, self.stream, {one.key for one in arrived})
            runs = await replicas.begin_runs(tx, self.stream, {o.run for o in arrived if o.run})

            async def park(one: Arrived, no: Exception) -> None:
                _log.error("event_parked", event_id=one.id, stream=self.stream, error=repr(no))
                await self._bury(tx, one, said(no)[:_WHY])
                parked.add(one.key)

            await savepoints.each(tx, arrived, partial(self._handle, tx, parked, runs), park)
            failpoints.reach("reader-before-commit")

    async def _handle(
        self, tx: AsyncConnection, parked: set[str], runs: Mapping[str, str], one: Arrived
    ) -> None:
        if one.why is not None or one.envelope is None:
            await self._bury(tx, one, one.why or "unreadable")
            parked.add(one.key)
        elif one.run is not None:
            await self._announced(tx, one.envelope, runs.get(one.run))
        elif one.key in parked:
            await self._bury(tx, one, PARKED)
        elif await self._first_time(tx, one, one.envelope):
            await self._effect(tx, one.envelope)

    async def _alone(self, one: Arrived) -> None:
        try:
            await self._together([one])
        except Exception as no:
            if is_outage(no) and not is_slow(no):
                raise
            _log.error("event_parked", event_id=one.id, stream=self.stream, error=repr(no))
            async with self.database.begin(system(self.database.service), "park") as tx:
                await self._bury(tx, one, said(no)[:_WHY])

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

    async def _announced(self, tx: AsyncConnection, envelope: Envelope, run: str | None) -> None:
        """Take a state that a replay announces, or end its run; without one it came too late."""
        if envelope.type != replicas.ended_type(self.stream):
            await self._effect(tx, envelope, run)
        elif run is not None and not await _failed_in(tx, run):
            await replicas.end_run(tx, run, self.keeps)

    async def _effect(
        self, tx: AsyncConnection, envelope: Envelope, run: str | None = None
    ) -> None:
        subscription = self.handlers[envelope.type]
        about = dealing(tx)
        tx.info["dealing"] = replace(
            about,
            operation=envelope.type,
            cause=envelope,
            traceparent=envelope.traceparent,
            run=run,
        )
        fact = subscription.event.model_validate(envelope.data)
        with traced(envelope.traceparent, envelope.type):
            await subscription.handler(tx, fact, about.now)

    async def _bury(self, tx: AsyncConnection, one: Arrived, why: str) -> None:
        envelope = one.envelope
        # A state that is announced fails beside its event, which may long be done.
        id_ = f"{one.id}.{one.run}" if one.run else one.id
        handled = select(inbox.c.event_id).where(inbox.c.event_id == id_)
        if (await tx.execute(handled)).one_or_none() is not None:
            return
        row = insert(dead_letter).values(
            event_id=id_,
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
                # An announced state has a row of its own and leaves none in the inbox.
                if event_id.startswith(f"{one.id}.") or await self._first_time(
                    tx, one, one.envelope
                ):
                    await self._effect(tx, one.envelope)
            await tx.execute(dead_letter.delete().where(mine))
            return len(rows)


async def _failed_in(tx: AsyncConnection, run: str) -> bool:
    """Say whether a state that a run announced could not be taken: then its row was not named."""
    failed = select(dead_letter.c.event_id).where(dead_letter.c.event_id.endswith(f".{run}"))
    return (await tx.execute(failed.limit(1))).first() is not None


async def _parked(tx: AsyncConnection, stream: str, keys: set[str]) -> set[str]:
    """Give the parked ones of some aggregates; waits for a requeue of theirs to end."""
    query = (
        select(dead_letter.c.aggregate)
        .where(dead_letter.c.stream == stream, dead_letter.c.aggregate.in_(sorted(keys)))
        .with_for_update(read=True)
    )
    return set((await tx.execute(query)).scalars())


def readers(
    database: Database,
    subscriptions: Sequence[Subscription],
    keeps: Sequence[replicas.Replica] = (),
) -> list[Reader]:
    """Group a service's subscriptions, and the read models that it keeps, by stream."""
    streams: dict[str, dict[str, Subscription]] = {}
    for subscription in subscriptions:
        of_stream = streams.setdefault(subscription.event.service(), {})
        if subscription.event.type in of_stream:
            msg = f"{subscription.event.type} has two handlers in {database.service}"
            raise ValueError(msg)
        of_stream[subscription.event.type] = subscription
    tables: dict[str, tuple[Table, ...]] = {}
    for one in keeps:
        tables[one.event.service()] = (*tables.get(one.event.service(), ()), one.table)
    return [Reader(database, name, each, tables.get(name, ())) for name, each in streams.items()]
