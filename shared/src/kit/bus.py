"""NATS JetStream, behind few verbs: connect, publish, subscribe, fetch, settle, drift.

Only this module and `kit.streams` know nats-py. A stream belongs to one service and has its name; a
reader has one durable a stream, named after the reader. Traps met: `publish_async` never resolves
on a refused publish, so windows are tasks on `publish`; `pull_subscribe` never updates a durable,
so `add_consumer` does; a fetch from a durable that is gone looks like an empty one, so
`Pull.stands` asks; what is lost with a connection comes again behind newer messages, so `Pull`
counts deliveries; a closed connection ends the process and its supervisor starts it again.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Self

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error, MaxPayloadError
from nats.errors import TimeoutError as NatsTimeout
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
)
from nats.js.errors import APIError, NotFoundError

from kit import streams as declared
from kit.clock import real_seconds
from kit.log import get

PUBLISH_TIMEOUT_S = 5
# Stands on what a replay sends again or announces, with the id of its run (kit.replay).
RUN = "Heli-Run"

ensure_streams = declared.ensure_streams

_log = get(__name__)


class BusUnavailable(ConnectionError):
    """NATS did not answer; the caller waits and tries again."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to publish; `id` is what the server knows duplicates by."""

    id: str
    subject: str
    data: bytes
    run: str | None = None


@dataclass(slots=True)
class Sent:
    """What became of a window: stored, refused with the server's words; the rest is unknown."""

    stored: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Bus:
    """One connection of one service; `reads` are its durables by stream, `bound` those that are."""

    service: str
    client: Client
    streams: JetStreamContext
    reads: dict[str, ConsumerConfig] = field(default_factory=dict)
    bound: set[str] = field(default_factory=set)

    @classmethod
    async def connect(cls, service: str, url: str, closed: Callable[[], None]) -> Self:
        """Connect and keep reconnecting for ever; `closed` is called when that has ended."""

        async def on_closed() -> None:
            closed()

        async def on_error(error: Exception) -> None:
            _log.warning("nats_error", error=repr(error))

        try:
            client = await nats.connect(
                url,
                name=service,
                inbox_prefix=f"_INBOX.{service}".encode(),
                max_reconnect_attempts=-1,
                reconnect_time_wait=0.5,
                closed_cb=on_closed,
                error_cb=on_error,
                allow_reconnect=True,
            )
        except (Error, OSError, TimeoutError) as no:
            raise BusUnavailable(str(no)) from no
        return cls(service, client, client.jetstream(timeout=PUBLISH_TIMEOUT_S))

    @property
    def connected(self) -> bool:
        """Say whether the connection stands now."""
        return bool(self.client.is_connected)

    async def close(self) -> None:
        """Flush and close."""
        await self.client.close()

    async def publish(self, stream: str, window: Sequence[Outgoing]) -> Sent:
        """Publish side by side; what the server neither stored nor refused may be stored or not."""
        sent = Sent()
        await asyncio.gather(*(self._publish(stream, one, sent) for one in window))
        return sent

    async def _publish(self, stream: str, one: Outgoing, sent: Sent) -> None:
        headers = {"Nats-Msg-Id": one.id, "Nats-Expected-Stream": stream}
        if one.run is not None:
            headers[RUN] = one.run
        try:
            await self.streams.publish(one.subject, one.data, headers=headers)
        except (APIError, MaxPayloadError) as no:
            sent.refused[one.id] = str(no)
        except (Error, TimeoutError) as no:
            _log.warning("publish_unanswered", id=one.id, subject=one.subject, error=repr(no))
        else:
            sent.stored.add(one.id)

    async def drift(self) -> list[str]:
        """Say what differs on the server from what is declared, a sentence each; none is good."""
        return await declared.drift(self.streams, self.service, self.reads)

    async def subscribe(self, stream: str, subjects: Sequence[str]) -> "Pull":
        """Make or update this service's durable on a stream and bind to it.

        While something delivered is unacknowledged the server gives newer messages, and a later
        event of an aggregate would overtake; so it waits until that comes again.
        """
        config = self.reads[stream] = declared.durable(self.service, subjects)
        try:
            info = await self.streams.add_consumer(stream, config=config)
            if info.num_ack_pending:
                await asyncio.sleep(declared.ACK_WAIT_S + 1)
            pull = await self.streams.pull_subscribe_bind(durable=self.service, stream=stream)
        except (Error, TimeoutError) as no:
            raise BusUnavailable(str(no)) from no
        self.bound.add(stream)
        # As it was before the wait: what somebody was given meanwhile counts as lost.
        return Pull(pull, info.delivered.consumer_seq if info.delivered else 0)

    async def room(self, stream: str) -> int | None:
        """Give how many bytes a stream can still take; None where it has no limit."""
        try:
            info = await self.streams.stream_info(stream)
        except (Error, TimeoutError) as no:
            raise BusUnavailable(str(no)) from no
        most = info.config.max_bytes or -1
        return None if most < 0 else max(most - info.state.bytes, 0)

    async def overhear(self, stream: str, since_s: int) -> "Pull":
        """Hear which types are announced and when, from `since_s` ago: no bodies, no durable."""
        name = f"{self.service}-pulse"
        config = ConsumerConfig(
            name=name,
            ack_policy=AckPolicy.NONE,
            deliver_policy=DeliverPolicy.BY_START_TIME,
            opt_start_time=datetime.fromtimestamp(real_seconds() - since_s, UTC),
            headers_only=True,
            inactive_threshold=120,
            mem_storage=True,
        )
        try:
            with contextlib.suppress(NotFoundError):
                await self.streams.delete_consumer(stream, name)
            await self.streams.add_consumer(stream, config=config)
            return Pull(await self.streams.pull_subscribe_bind(consumer=name, stream=stream))
        except (Error, TimeoutError) as no:
            raise BusUnavailable(str(no)) from no


@dataclass(frozen=True, slots=True)
class Message:
    """One delivered message; `data` is the envelope's JSON."""

    raw: Msg

    @property
    def data(self) -> bytes:
        """Give the body."""
        return bytes(self.raw.data)

    @property
    def id(self) -> str:
        """Give the event id from the header, or the place in the stream where there is none."""
        known = (self.raw.headers or {}).get("Nats-Msg-Id")
        return known or f"{self.raw.subject}#{self.raw.metadata.sequence.stream}"

    @property
    def type(self) -> str:
        """Give the event's type, from the subject `heli.<type>.<aggregate id>`."""
        return str(self.raw.subject).removeprefix("heli.").rpartition(".")[0]

    @property
    def subject(self) -> str:
        """Give the NATS subject."""
        return str(self.raw.subject)

    @property
    def run(self) -> str | None:
        """Give the run of the replay that announced it, if one did."""
        return (self.raw.headers or {}).get(RUN)

    @property
    def stored_at(self) -> float:
        """Give when the stream took it, in seconds since 1970."""
        return float(self.raw.metadata.timestamp.timestamp())

    async def still_working(self) -> None:
        """Ask the server to wait longer before it delivers again."""
        await self._answer(self.raw.in_progress())

    async def done(self) -> None:
        """Acknowledge."""
        await self._answer(self.raw.ack())

    async def _answer(self, answer: Awaitable[None]) -> None:
        try:
            await answer
        except Error as no:
            raise BusUnavailable(str(no)) from no


@dataclass(slots=True)
class Pull:
    """A bound durable; `last` is the number of the last delivery, None where gaps do no harm."""

    subscription: JetStreamContext.PullSubscription
    last: int | None = None

    async def fetch(self, batch: int, wait_s: float) -> list[Message]:
        """Wait for messages, at most `batch`; none after `wait_s` gives an empty list.

        Raises BusUnavailable where an earlier delivery never arrived.
        """
        try:
            found = await self.subscription.fetch(batch, timeout=wait_s)
        except (NatsTimeout, TimeoutError):
            return []
        except Error as no:
            raise BusUnavailable(str(no)) from no
        for raw in found:
            self._require_next(raw.metadata.sequence.consumer)
        return [Message(raw) for raw in found]

    def _require_next(self, given: int) -> None:
        """Count a delivery: to a single reader each has the next number, a repeated one too."""
        if self.last is not None:
            if given != self.last + 1:
                msg = f"delivery {given} came after {self.last}"
                raise BusUnavailable(msg)
            self.last = given

    async def close(self) -> None:
        """Ask for nothing more: the server gives nothing to a request that nobody waits for."""
        with contextlib.suppress(Error):
            await self.subscription.unsubscribe()

    async def stands(self) -> None:
        """Raise BusUnavailable where the durable is gone: it would give nothing for ever."""
        try:
            await self.subscription.consumer_info()
        except (Error, TimeoutError) as no:
            raise BusUnavailable(str(no)) from no
