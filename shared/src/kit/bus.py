"""NATS JetStream, behind five verbs: connect, publish, ensure, fetch, settle.

Only this module knows nats-py. A stream belongs to one service and has its name; a reader has one
durable consumer a stream, named after the reader. Traps met: `publish_async` never resolves on a
refused publish, so windows are tasks on `publish`; `pull_subscribe` never updates a durable, so
`add_consumer` does; a closed connection ends the process and its supervisor starts it again.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error
from nats.errors import TimeoutError as NatsTimeout
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    ConsumerInfo,
    DeliverPolicy,
    DiscardPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import NotFoundError

from contracts.services import SERVICES
from kit.clock import real_seconds
from kit.log import get

MAX_AGE_S = 30 * 24 * 3600
MAX_BYTES = 1024**3
MAX_MESSAGE_BYTES = 512 * 1024
DEDUPE_S = 600
ACK_WAIT_S = 10
PUBLISH_TIMEOUT_S = 5

_log = get(__name__)


class BusUnavailable(ConnectionError):
    """NATS did not answer; the caller waits and tries again."""


@dataclass(slots=True)
class Bus:
    """One connection of one service."""

    service: str
    client: Client
    streams: JetStreamContext

    @classmethod
    async def connect(cls, service: str, url: str, closed: Callable[[], None]) -> Self:
        """Connect and keep reconnecting for ever; `closed` is called when that has ended."""

        async def on_closed() -> None:
            closed()

        async def on_error(error: Exception) -> None:
            _log.warning("nats_error", error=repr(error))

        client = await _open(
            url,
            name=service,
            inbox_prefix=f"_INBOX.{service}".encode(),
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.5,
            closed_cb=on_closed,
            error_cb=on_error,
            allow_reconnect=True,
        )
        return cls(service, client, client.jetstream(timeout=PUBLISH_TIMEOUT_S))

    @property
    def connected(self) -> bool:
        """Say whether the connection stands now."""
        return bool(self.client.is_connected)

    async def close(self) -> None:
        """Flush and close."""
        await self.client.close()

    async def publish(self, stream: str, window: Sequence[tuple[str, str, bytes]]) -> set[str]:
        """Publish (event id, subject, data) side by side; give the ids that the server stored."""
        acks = await asyncio.gather(*(self._publish(stream, *one) for one in window))
        return {event for event in acks if event}

    async def _publish(self, stream: str, event: str, subject: str, data: bytes) -> str | None:
        headers = {"Nats-Msg-Id": event, "Nats-Expected-Stream": stream}
        try:
            await self.streams.publish(subject, data, headers=headers)
        except (Error, TimeoutError) as no:
            _log.warning("publish_refused", event_id=event, subject=subject, error=repr(no))
            return None
        return event

    async def messages(self, stream: str) -> int:
        """Count the messages that a stream holds."""
        return int((await self.streams.stream_info(stream)).state.messages)

    async def subscribe(self, stream: str, subjects: Sequence[str]) -> "Pull":
        """Make or update this service's durable on a stream and bind to it."""
        config = ConsumerConfig(
            durable_name=self.service,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT_S,
            max_ack_pending=2000,
            filter_subjects=sorted(subjects),
        )
        try:
            info = await self.streams.add_consumer(stream, config=config)
            await asyncio.sleep(_unacknowledged_s(info))
            pull = await self.streams.pull_subscribe_bind(durable=self.service, stream=stream)
        except (Error, TimeoutError) as no:
            raise BusUnavailable(str(no)) from no
        return Pull(pull)

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


def _unacknowledged_s(info: ConsumerInfo) -> float:
    """Say how long to wait until what was delivered to a reader that died comes again.

    Until then the server gives newer messages, and a later event of an aggregate would overtake.
    """
    last = info.delivered.last_active if info.delivered else None
    if not info.num_ack_pending:
        return 0.0
    since = real_seconds() - last.timestamp() if last else 0.0
    return min(max(ACK_WAIT_S + 1 - since, 0.0), ACK_WAIT_S + 1.0)


async def _open(url: str, **options: Any) -> Client:  # noqa: ANN401 - nats-py's own options
    try:
        return await nats.connect(url, **options)
    except (Error, OSError, TimeoutError) as no:
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


@dataclass(frozen=True, slots=True)
class Pull:
    """A bound durable."""

    subscription: JetStreamContext.PullSubscription

    async def fetch(self, batch: int, wait_s: float) -> list[Message]:
        """Wait for messages, at most `batch`; none after `wait_s` gives an empty list."""
        try:
            return [Message(raw) for raw in await self.subscription.fetch(batch, timeout=wait_s)]
        except (NatsTimeout, TimeoutError):
            return []
        except Error as no:
            raise BusUnavailable(str(no)) from no

    async def close(self) -> None:
        """Ask for nothing more: the server gives nothing to a request that nobody waits for."""
        with contextlib.suppress(Error):
            await self.subscription.unsubscribe()


async def ensure_streams(url: str, replicas: int = 1) -> None:
    """Make or update the six streams, as the admin user; called by `migrate` and `heli up`."""
    client = await nats.connect(url, max_reconnect_attempts=3)
    try:
        streams = client.jetstream(timeout=PUBLISH_TIMEOUT_S)
        for service in SERVICES:
            config = StreamConfig(
                name=service.name,
                subjects=[f"heli.{service.name}.>"],
                storage=StorageType.FILE,
                discard=DiscardPolicy.NEW,
                max_age=MAX_AGE_S,
                max_bytes=MAX_BYTES,
                max_msg_size=MAX_MESSAGE_BYTES,
                duplicate_window=DEDUPE_S,
                deny_delete=True,
                deny_purge=True,
                num_replicas=replicas,
            )
            try:
                await streams.stream_info(service.name)
            except NotFoundError:
                await streams.add_stream(config)
            else:
                await streams.update_stream(config)
    finally:
        await client.close()
