"""What must hold inside one service, checked from its own tables (`heli verify`).

Names follow the invariants I1–I9: I1 outbox, I2 inbox, I3 read models, I8 dead letters. What needs
two services is compared by the gateway from the folds that both give.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.envelope import Envelope
from kit.db import digest_of
from kit.inbox import Subscription, dead_letter, inbox
from kit.outbox import head, outbox
from kit.replicas import Fold, Replica, kept


class Check(BaseModel):
    """One thing that must hold, whether it does, and where it does not.

    `passing`: where it does not hold, work is under way that will mend it, so waiting may help.
    """

    name: str
    ok: bool
    detail: str = ""
    passing: bool = False


Invariant = Callable[[AsyncConnection], Awaitable[Check]]


class Folded(BaseModel):
    """A set of rows in 64 sums, to be compared with the other side's."""

    stream: str
    types: list[str]
    fields: list[str] = []
    count: int
    buckets: list[str]
    rows: dict[str, str] = {}


async def outbox_whole(tx: AsyncConnection) -> Check:
    """I1a: every outbox row still says what was announced, and aggregates have no gap."""
    names = ("event_id", "type", "aggregate", "sequence", "envelope", "digest")
    query = select(*(outbox.c[name] for name in names))
    result = await tx.stream(query.order_by(outbox.c.id))
    bad: list[str] = []
    last: dict[str, int] = {}
    async for event_id, type_, aggregate, sequence, text, digest in result:
        envelope = Envelope.model_validate_json(text)
        said = (envelope.id, envelope.type, envelope.subject, envelope.sequence, digest_of(text))
        if said != (event_id, type_, aggregate, sequence, digest):
            bad.append(f"outbox row of event {event_id}")
        if sequence != last.get(aggregate, 0) + 1:
            bad.append(f"{aggregate}: event {sequence} after {last.get(aggregate, 0)}")
        last[aggregate] = sequence
    heads = {a: n async for a, n in await tx.stream(select(head.c.aggregate, head.c.sequence))}
    bad += [f"head of {a}" for a in heads.keys() | last.keys() if heads.get(a) != last.get(a)]
    return Check(name="I1 outbox rows are as announced", ok=not bad, detail=_some(bad))


async def outbox_sent(tx: AsyncConnection) -> Check:
    """I1b: nothing waits to be published."""
    query = select(func.count()).select_from(outbox).where(outbox.c.published_at.is_(None))
    waiting = int((await tx.execute(query)).scalar_one())
    name, detail = "I1 outbox is published", f"{waiting} waiting"
    return Check(name=name, ok=not waiting, detail=detail, passing=True)


async def nothing_parked(tx: AsyncConnection) -> Check:
    """I8: no event waits in the dead letters."""
    query = select(dead_letter.c.event_id, dead_letter.c.why).limit(5)
    found = [f"{event}: {why[:120]}" for event, why in await tx.execute(query)]
    return Check(name="I8 no dead letters", ok=not found, detail=_some(found))


def _some(bad: Sequence[str]) -> str:
    more = f" (+{len(bad) - 5})" if len(bad) > 5 else ""  # noqa: PLR2004 - enough to see where
    return "; ".join(bad[:5]) + more


async def fold_events(tx: AsyncConnection, types: Iterable[str], bucket: int | None = None) -> Fold:
    """Fold an owner's events of some types: id, aggregate, sequence and digest."""
    query = select(outbox.c.event_id, outbox.c.sequence, outbox.c.aggregate, outbox.c.digest)
    return await _fold(tx, query.where(outbox.c.type.in_(list(types))), bucket)


async def fold_handled(
    tx: AsyncConnection, stream: str, types: Iterable[str], bucket: int | None = None
) -> Fold:
    """I2: fold what a reader has handled of a stream, and what it has parked."""
    fold = Fold(only=bucket)
    for table in (inbox, dead_letter):
        query = select(table.c.event_id, table.c.sequence, table.c.aggregate, table.c.digest)
        of_types = (table.c.stream == stream) & table.c.type.in_(list(types))
        await _fold(tx, query.where(of_types), bucket, fold)
    return fold


async def _fold(
    tx: AsyncConnection,
    query: Select[Any],
    bucket: int | None,
    fold: Fold | None = None,
) -> Fold:
    fold = fold or Fold(only=bucket)
    async for event_id, sequence, aggregate, digest in await tx.stream(query):
        fold.add(event_id, sequence, {"aggregate": aggregate, "digest": digest})
    return fold


async def handled(
    tx: AsyncConnection, subscriptions: Sequence[Subscription], bucket: int | None
) -> list[Folded]:
    """Fold every stream that a service reads."""
    streams: dict[str, list[str]] = {}
    for one in subscriptions:
        streams.setdefault(one.event.service(), []).append(one.event.type)
    return [
        Folded(
            stream=stream,
            types=sorted(types),
            **(await fold_handled(tx, stream, types, bucket)).view(),
        )
        for stream, types in streams.items()
    ]


async def replicated(
    tx: AsyncConnection, replicas: Sequence[Replica], bucket: int | None
) -> list[Folded]:
    """I3: fold every read model that a service keeps."""
    return [
        Folded(
            stream=replica.event.service(),
            types=[replica.event.type],
            fields=list(replica.fields),
            **(await kept(tx, replica, bucket)).view(),
        )
        for replica in replicas
    ]
