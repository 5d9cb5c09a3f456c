"""What must hold inside one service, checked from its own tables (`heli verify`).

Names follow the invariants I1–I9: I1 outbox, I2 inbox, I3 read models, I6 kept answers, I8 dead
letters; I5 and I9 are services' own. What needs two services is compared by the gateway from the
folds that both give.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Select, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from kit.idempotency import idempotency
from kit.inbox import Subscription, dead_letter, inbox
from kit.outbox import outbox
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


_OUTBOX_ROWS = text(
    "SELECT event_id FROM outbox WHERE CASE WHEN envelope IS JSON THEN"
    " (envelope::json->>'id', envelope::json->>'type', envelope::json->>'subject',"
    " (envelope::json->>'sequence')::int) IS DISTINCT FROM (event_id, type, aggregate, sequence)"
    # `digest_of`: the text as a JSON string, which both sides write alike.
    " OR digest <> 'sha256:' || encode(sha256(convert_to(to_json(envelope)::text, 'UTF8')), 'hex')"
    " ELSE true END ORDER BY id LIMIT 1000"
)
_OUTBOX_GAPS = text(
    "SELECT aggregate, sequence, before FROM (SELECT aggregate, sequence,"
    " lag(sequence) OVER (PARTITION BY aggregate ORDER BY sequence) AS before FROM outbox) AS rows"
    " WHERE sequence <> coalesce(before, CASE WHEN :swept THEN sequence - 1 ELSE 0 END) + 1"
    " LIMIT 1000"
)
_OUTBOX_HEADS = text(
    "SELECT coalesce(head.aggregate, last.aggregate) FROM head FULL JOIN"
    " (SELECT aggregate, max(sequence) AS sequence FROM outbox GROUP BY aggregate) AS last"
    " USING (aggregate) WHERE head.sequence IS DISTINCT FROM last.sequence"
    " AND NOT (:swept AND last.sequence IS NULL) LIMIT 1000"
)


async def outbox_whole(tx: AsyncConnection, *, swept: bool = False) -> Check:
    """I1a: every outbox row still says what was announced, and aggregates have no gap.

    Where old events may go (`kit.retention`), an aggregate may begin later, or have none left.
    """
    given = {"swept": swept}
    bad = [f"outbox row of event {event}" for (event,) in await tx.execute(_OUTBOX_ROWS)]
    gaps = await tx.execute(_OUTBOX_GAPS, given)
    bad += [f"{aggregate}: event {n} after {before or 0}" for aggregate, n, before in gaps]
    bad += [f"head of {aggregate}" for (aggregate,) in await tx.execute(_OUTBOX_HEADS, given)]
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


async def nothing_twice(tx: AsyncConnection) -> Check:
    """I8: what came in is handled or parked, never both (that it is one, the folds compare)."""
    query = select(dead_letter.c.event_id).join(inbox, inbox.c.event_id == dead_letter.c.event_id)
    found = list((await tx.execute(query.limit(6))).scalars())
    return Check(name="I8 nothing is handled and parked", ok=not found, detail=_some(found))


async def answers_kept(tx: AsyncConnection) -> Check:
    """I6: every key whose effect was committed has the one answer that is given again."""
    c = idempotency.c
    query = select(c.client, c.key).where(c.status.is_(None) | c.body.is_(None)).limit(6)
    found = [f"{client} {key}" for client, key in await tx.execute(query)]
    return Check(name="I6 every kept key has its answer", ok=not found, detail=_some(found))


def _some(bad: Sequence[str]) -> str:
    more = f" (+{len(bad) - 5})" if len(bad) > 5 else ""  # noqa: PLR2004 - enough to see where
    return "; ".join(bad[:5]) + more


@dataclass(frozen=True, slots=True)
class Which:
    """Which rows to fold: `bucket` names its rows too, `since` leaves out older events' ids."""

    bucket: int | None = None
    since: str = ""


async def fold_events(tx: AsyncConnection, types: Iterable[str], which: Which) -> Fold:
    """Fold an owner's events of some types: id, aggregate, sequence and digest."""
    query = select(outbox.c.event_id, outbox.c.sequence, outbox.c.aggregate, outbox.c.digest)
    query = query.where(outbox.c.type.in_(list(types)), outbox.c.event_id >= which.since)
    return await _fold(tx, query, Fold(only=which.bucket))


async def fold_handled(
    tx: AsyncConnection, stream: str, types: Iterable[str], which: Which
) -> Fold:
    """I2: fold what a reader has handled of a stream, and what it has parked."""
    fold = Fold(only=which.bucket)
    for table in (inbox, dead_letter):
        query = select(table.c.event_id, table.c.sequence, table.c.aggregate, table.c.digest)
        of_types = (table.c.stream == stream) & table.c.type.in_(list(types))
        await _fold(tx, query.where(of_types, table.c.event_id >= which.since), fold)
    return fold


async def _fold(tx: AsyncConnection, query: Select[Any], fold: Fold) -> Fold:
    async for event_id, sequence, aggregate, digest in await tx.stream(query):
        fold.add(event_id, sequence, {"aggregate": aggregate, "digest": digest})
    return fold


async def handled(
    tx: AsyncConnection, subscriptions: Sequence[Subscription], which: Which
) -> list[Folded]:
    """Fold every stream that a service reads."""
    streams: dict[str, list[str]] = {}
    for one in subscriptions:
        streams.setdefault(one.event.service(), []).append(one.event.type)
    return [
        Folded(
            stream=stream,
            types=sorted(types),
            **(await fold_handled(tx, stream, types, which)).view(),
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
