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
from typing import Any

from sqlalchemy import Text, all_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from kit import failpoints, replay
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
_LOOK_S = 1.0

_TEXTS: ARRAY[str] = ARRAY(Text)
_READS = 4  # for one window, where the first rows belong to few aggregates

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
    look_at: float = 0.0

    async def run(self) -> None:
        """Publish what is not yet published, for as long as the process lives."""
        pause = _POLL_S[0]
        while True:
            self.database.bell.clear()
            try:
                sent = await self.step()
            except Exception as no:
                if not is_outage(no):
                    raise
                _log.warning("relay_waits", error=repr(no))
                sent = 0
            if sent:
                pause = _POLL_S[0]
                continue
            try:
                async with asyncio.timeout(pause):
                    await self.database.bell.wait()
                pause = _POLL_S[0]
            except TimeoutError:
                pause = min(pause * 2, _POLL_S[1])

    async def step(self) -> int:
        """Send a window of the open replay, else of what is new; gives how many were stored."""
        sent = await self._replay()
        return await self.publish_window() if sent is None else sent

    async def _replay(self) -> int | None:
        """Carry a replay further; None where none is open, which is looked for once a second."""
        if elapsed_s() < self.look_at:
            return None
        sent = await replay.step(self.database, self.bus)
        if sent is None:
            self.look_at = elapsed_s() + _LOOK_S
        return sent

    async def publish_window(self) -> int:
        """Publish one window and mark what was stored; gives how many were."""
        rows = await self._window()
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
            failpoints.reach("after-publish-before-mark")
            await self._mark(done)
        return len(done)

    async def _window(self) -> list[Any]:
        """Read the first unpublished event of each aggregate that does not wait, by id.

        Of an aggregate with many events one is taken, and the next read leaves the aggregate out.
        """
        now = elapsed_s()
        held = [aggregate for aggregate, hold in self.held.items() if hold.until > now]
        window: dict[str, Any] = {}
        c = outbox.c
        query = select(c.id, c.event_id, c.type, c.aggregate, c.envelope)
        others = c.aggregate != all_(bindparam("out", type_=_TEXTS))
        query = query.where(c.published_at.is_(None), others).order_by(c.id).limit(WINDOW)
        async with self.database.begin(system(self.database.service), "relay") as tx:
            for _ in range(_READS):
                given = {"out": [*held, *window]}
                rows = (await tx.execute(query, given)).all()
                for row in rows:
                    if len(window) < WINDOW:
                        window.setdefault(row.aggregate, row)
                if len(rows) < WINDOW or len(window) == WINDOW:
                    break
        return list(window.values())

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
