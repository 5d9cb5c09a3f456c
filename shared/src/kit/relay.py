"""The relay: one a service, it publishes what the outbox holds and marks what the stream stored.

A window holds at most one event of an aggregate, its first unpublished one. What the server
refuses holds back its aggregate's later ones; such aggregates are tried again with growing pauses,
so that they never fill the windows of the others. A replay that was asked for goes first: live
events wait for its end, for in a reader that lost its tables an aggregate's old events must come
before its new ones.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import bindparam, text

from kit import replay
from kit.auth import system
from kit.bus import Bus, Outgoing, Sent
from kit.clock import elapsed_s
from kit.db import Database, dealing
from kit.failures import is_outage
from kit.log import get
from kit.outbox import outbox, subject_of

WINDOW = 256
_POLL_S = (0.25, 1.0)
_HELD_S = (0.5, 15.0)

# By id, so that events go out about as they were announced; held aggregates cost no look-up.
FIRST = text(
    "SELECT id, event_id, type, aggregate, envelope FROM outbox AS one"
    " WHERE published_at IS NULL AND aggregate <> ALL(CAST(:held AS text[]))"
    " AND NOT EXISTS (SELECT FROM outbox AS before WHERE before.aggregate = one.aggregate"
    " AND before.sequence < one.sequence AND before.published_at IS NULL)"
    " ORDER BY id LIMIT :window"
)

_log = get(__name__)


@dataclass(slots=True)
class _Hold:
    """An aggregate whose event was refused: when to try again, and the pause after that."""

    until: float
    pause_s: float


@dataclass(slots=True)
class Relay:
    """One service's relay; `held` are the aggregates that wait behind a refused event."""

    database: Database
    bus: Bus
    held: dict[str, _Hold] = field(default_factory=dict)

    async def run(self) -> None:
        """Publish what is not yet published, for as long as the process lives."""
        pause = _POLL_S[0]
        while True:
            self.database.bell.clear()
            try:
                sent = await replay.step(self.database, self.bus)
                if sent is None:
                    sent = await self.publish_window()
            except Exception as no:
                if not is_outage(no):
                    raise
                _log.warning("relay_waits", error=repr(no))
                sent = 0
            if sent:
                pause = _POLL_S[0]
                continue
            try:
                await asyncio.wait_for(self.database.bell.wait(), pause)
                pause = _POLL_S[0]
            except TimeoutError:
                pause = min(pause * 2, _POLL_S[1])

    async def publish_window(self) -> int:
        """Publish one window and mark what was stored; gives how many were."""
        now = elapsed_s()
        held = [aggregate for aggregate, hold in self.held.items() if hold.until > now]
        async with self.database.begin(system(self.database.service), "relay") as tx:
            rows = (await tx.execute(FIRST, {"held": held, "window": WINDOW})).all()
        if not rows:
            return 0
        window = [
            Outgoing(event_id, subject_of(type_, aggregate), envelope.encode())
            for _, event_id, type_, aggregate, envelope in rows
        ]
        sent = await self.bus.publish(self.database.service, window)
        self._hold({event_id: aggregate for _, event_id, _, aggregate, _ in rows}, sent)
        done = [id_ for id_, event_id, _, _, _ in rows if event_id in sent.stored]
        if done:
            await self._mark(done)
        return len(done)

    def _hold(self, aggregates: dict[str, str], sent: Sent) -> None:
        """Let a refused event's aggregate wait; one without an answer waits if others had one."""
        alone = dict(sent.refused)
        if sent.stored:
            alone |= dict.fromkeys(aggregates.keys() - sent.stored - alone.keys(), "no answer")
        for event_id in alone:
            aggregate = aggregates[event_id]
            before = self.held.get(aggregate)
            pause_s = min(before.pause_s * 2, _HELD_S[1]) if before else _HELD_S[0]
            self.held[aggregate] = _Hold(elapsed_s() + pause_s, pause_s)
        if alone:
            event_id, why = next(iter(alone.items()))
            _log.warning("publish_refused", count=len(alone), event_id=event_id, why=why)
        for event_id in sent.stored:
            self.held.pop(aggregates[event_id], None)

    async def _mark(self, ids: Sequence[int]) -> None:
        async with self.database.begin(system(self.database.service), "relay") as tx:
            change = outbox.update().where(outbox.c.id.in_(bindparam("ids", expanding=True)))
            await tx.execute(change.values(published_at=dealing(tx).now), {"ids": list(ids)})
