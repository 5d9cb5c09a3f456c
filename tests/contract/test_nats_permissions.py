"""What each service's NATS user may do, and what it is refused when it tries."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import nats
import pytest
from nats.aio.client import Client
from nats.js.api import AckPolicy, ConsumerConfig

from contracts.services import GATEWAY, SERVICES
from heli.engines import Engines
from kit.bus import Bus, Outgoing
from kit.clock import new_id

NAMES = [service.name for service in SERVICES]


@dataclass(slots=True)
class Tried:
    """One service's raw connection, and what the server said against it."""

    client: Client
    said: list[str] = field(default_factory=list)

    async def refused(self, text: str) -> bool:
        """Say whether the server refused what named `text`, once all was sent."""
        await self.client.flush()
        async with asyncio.timeout(5):
            while not any(text.lower() in one.lower() for one in self.said):  # noqa: ASYNC110 - told by a callback
                await asyncio.sleep(0.01)
        return True


@pytest.fixture(params=NAMES)
async def me(
    request: pytest.FixtureRequest, engines: Engines, nats_admin: Client
) -> AsyncIterator[tuple[str, Tried]]:
    assert nats_admin.is_connected
    name: str = request.param
    said: list[str] = []

    async def heard(error: Exception) -> None:
        said.append(str(error))

    prefix = f"_INBOX.{name}".encode()
    client = await nats.connect(engines.nats_url(name), inbox_prefix=prefix, error_cb=heard)
    yield name, Tried(client, said)
    await client.close()


def other_of(name: str) -> str:
    return next(one for one in NAMES if one != name)


async def test_what_is_forbidden_is_refused(me: tuple[str, Tried], nats_admin: Client) -> None:
    name, tried = me
    other = other_of(name)
    durable = ConsumerConfig(
        durable_name=other, ack_policy=AckPolicy.EXPLICIT, filter_subjects=[f"heli.{name}.>"]
    )
    with contextlib.suppress(nats.js.errors.NotFoundError):  # another test's
        await nats_admin.jetstream().delete_consumer(name, other)
    await nats_admin.jetstream().add_consumer(name, config=durable)
    mine = f"heli.{name}.thing.done.v1.{new_id()}"
    await tried.client.jetstream().publish(mine, b"{}")
    held = (await nats_admin.jetstream().stream_info(name)).state.messages

    forbidden = [
        f"heli.{other}.thing.done.v1.x",  # speak in another's name
        "heli.thing",
        *(f"$JS.API.STREAM.{verb}.{name}" for verb in ("CREATE", "UPDATE", "DELETE", "PURGE")),
        f"$JS.API.STREAM.MSG.DELETE.{name}",
        f"$JS.API.STREAM.MSG.GET.{name}",  # past its consumer's filter
        f"$JS.API.DIRECT.GET.{other}",
        f"$JS.API.STREAM.SNAPSHOT.{name}",
        f"$JS.API.STREAM.RESTORE.{name}",
        f"$JS.API.CONSUMER.CREATE.{name}.{other}",  # another's durable, in every way
        f"$JS.API.CONSUMER.DURABLE.CREATE.{name}.{other}",
        f"$JS.API.CONSUMER.DELETE.{name}.{other}",
        f"$JS.API.CONSUMER.DELETE.{name}.{name}",  # its own neither: it would begin anew
        f"$JS.API.CONSUMER.MSG.NEXT.{name}.{other}",
        f"$JS.API.CONSUMER.INFO.{name}.{other}",
        f"$JS.API.CONSUMER.PAUSE.{name}.{other}",
        f"$JS.ACK.{name}.{other}.1.1.1.1.1",
        "$JS.API.ACCOUNT.PURGE.HELI",
        "$SYS.REQ.SERVER.PING",
        f"_INBOX.{other}.x",
    ]
    for subject in forbidden:
        await tried.client.publish(subject, b"{}")
        assert await tried.refused(f'publish to "{subject}"'), subject
    for subject in (
        f"_INBOX.{other}.>",
        "_INBOX.>",
        "heli.>",
        f"heli.{other}.>",
        "$SYS.>",
        "$JS.>",
        ">",
    ):
        await tried.client.subscribe(subject)
        assert await tried.refused(f'subscription to "{subject}"'), subject

    streams = nats_admin.jetstream()
    assert (await streams.stream_info(name)).state.messages == held
    assert (await streams.consumer_info(name, other)).num_ack_pending == 0
    await streams.delete_consumer(name, other)


async def test_what_a_service_needs_is_allowed(engines: Engines, nats_admin: Client) -> None:
    assert nats_admin.is_connected
    for name in NAMES:
        found = await Bus.connect(name, engines.nats_url(name), lambda: None)
        try:
            mark = new_id()
            said = Outgoing(mark, f"heli.{name}.thing.done.v1.{mark}", b"{}")
            assert (await found.publish(name, [said])).stored == {mark}
            pull = await found.subscribe(name, [f"heli.{name}.thing.done.v1.{mark}"])
            (message,) = await pull.fetch(10, 5)
            await message.still_working()
            await message.done()
            await pull.stands()
            assert await found.drift() == []
            if name == GATEWAY.name:
                pulse = await found.overhear(other_of(name), 60)
                await pulse.fetch(1, 0.2)
        finally:
            await found.close()
            await nats_admin.jetstream().delete_consumer(name, name)


async def test_nobody_may_delete_or_purge_what_was_announced(nats_admin: Client) -> None:
    streams = nats_admin.jetstream()
    ack = await streams.publish(f"heli.{NAMES[0]}.thing.done.v1.{new_id()}", b"{}")
    for ask in (
        streams.delete_msg(NAMES[0], ack.seq),
        streams.purge_stream(NAMES[0]),
    ):
        with pytest.raises(nats.js.errors.APIError):
            await ask
    assert (await streams.get_msg(NAMES[0], ack.seq)).data == b"{}"


async def test_nobody_comes_in_without_a_password(engines: Engines) -> None:
    place = engines.nats_admin_url.rpartition("@")[2]
    for who in ("", "admin@", f"{NAMES[0]}:wrong@"):
        with pytest.raises(nats.errors.Error):
            await nats.connect(
                f"nats://{who}{place}",
                allow_reconnect=False,
                connect_timeout=2,
                max_reconnect_attempts=0,
            )
