"""Streams and consumers as declared, made so on the server, and compared with what it has.

Streams stand in `contracts.services`; a reader's durable follows from its SUBSCRIPTIONS. Only the
admin's user may make streams (`migrate`, `heli up`); a reader may make its own durable alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import nats
from nats.errors import Error
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import NotFoundError

from contracts.services import STREAMS, Stream

ACK_WAIT_S = 10
# Not less than what one fetch brings (kit.consumer), else the server would hold messages back.
MAX_ACK_PENDING = 2000
_TIMEOUT_S = 5


def wanted(stream: Stream) -> dict[str, Any]:
    """Give a declared stream in NATS's words; all but the number of replicas."""
    return {
        "subjects": list(stream.subjects),
        "storage": StorageType(stream.storage),
        "discard": DiscardPolicy(stream.discard),
        "max_age": stream.max_age_s,
        "max_bytes": stream.max_bytes,
        "max_msg_size": stream.max_message_bytes,
        "max_msgs": -1,
        "max_msgs_per_subject": -1,
        "duplicate_window": stream.dedupe_s,
        "deny_delete": stream.deny_delete,
        "deny_purge": stream.deny_purge,
        "sealed": False,
    }


def durable(service: str, subjects: Sequence[str]) -> ConsumerConfig:
    """Give a reader's durable on a stream: one a service, from the first message, acked each."""
    return ConsumerConfig(
        durable_name=service,
        ack_policy=AckPolicy.EXPLICIT,
        deliver_policy=DeliverPolicy.ALL,
        ack_wait=ACK_WAIT_S,
        max_deliver=-1,
        max_ack_pending=MAX_ACK_PENDING,
        filter_subjects=sorted(subjects),
    )


async def ensure_streams(url: str, replicas: int | None = None) -> None:
    """Make or update every declared stream, as the admin user.

    Without `replicas` a new stream has one copy, and one that stands keeps as many as it has.
    """
    client = await nats.connect(url, max_reconnect_attempts=3)
    try:
        streams = client.jetstream(timeout=_TIMEOUT_S)
        for stream in STREAMS:
            config = StreamConfig(name=stream.name, num_replicas=replicas or 1, **wanted(stream))
            try:
                standing = (await streams.stream_info(stream.name)).config
            except NotFoundError:
                await streams.add_stream(config)
            else:
                copies = replicas or standing.num_replicas
                await streams.update_stream(config.evolve(num_replicas=copies))
    finally:
        await client.close()


async def drift(
    streams: JetStreamContext, service: str, reads: Mapping[str, ConsumerConfig]
) -> list[str]:
    """Say in a sentence each what differs from what is declared: streams, and own durables.

    Looks at the service's own stream and at those that it reads.
    """
    found: list[str] = []
    for stream in STREAMS:
        if stream.name != service and stream.name not in reads:
            continue
        try:
            live = (await streams.stream_info(stream.name)).config
            found += _differences(f"stream {stream.name}", wanted(stream), live)
        except NotFoundError:
            found.append(f"stream {stream.name} is missing; `migrate` or `heli up` makes it")
            continue
        except (Error, TimeoutError) as no:
            found.append(f"stream {stream.name} cannot be looked at: {no!r}")
            continue
        if stream.name in reads:
            found += await _consumer(streams, stream.name, service, reads[stream.name])
    return found


async def _consumer(
    streams: JetStreamContext, stream: str, service: str, config: ConsumerConfig
) -> list[str]:
    name = f"consumer {service} of stream {stream}"
    try:
        live = (await streams.consumer_info(stream, service)).config
    except NotFoundError:
        return [f"{name} is missing; its reader makes it when it starts"]
    except (Error, TimeoutError) as no:
        return [f"{name} cannot be looked at: {no!r}"]
    fields = ("ack_policy", "deliver_policy", "ack_wait", "max_deliver", "max_ack_pending")
    said = {field: getattr(config, field) for field in fields}
    found = _differences(name, said, live)
    hears = sorted(live.filter_subjects or ([live.filter_subject] if live.filter_subject else []))
    if hears != config.filter_subjects:
        found.append(f"{name}: hears {hears}, declared {config.filter_subjects}")
    return found


def _differences(name: str, said: Mapping[str, Any], live: object) -> list[str]:
    found = []
    for field, value in said.items():
        has = getattr(live, field)
        if (has or None) != (value or None):  # the server leaves out what is false
            found.append(f"{name}: {field} is {_word(has)}, declared {_word(value)}")
    return found


def _word(value: object) -> object:
    return getattr(value, "value", value)
