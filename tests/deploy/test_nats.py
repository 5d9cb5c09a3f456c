"""The component's NATS, three real nodes on this machine: only addresses and folders differ."""

import asyncio
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import PubAck

from contracts.services import CLUE_DISPATCH, SERVICES
from heli import cluster
from heli.child import wait_until
from heli.nats import answers, find
from heli.ports import pick
from kit.bus import ensure_streams

NAMES = [f"nats-{node}" for node in range(cluster.NODES)]


class Node:
    """One node, with the very configuration of the component."""

    def __init__(self, folder: Path, at: int, conf: str, port: int) -> None:
        self.folder, self.name, self.port = folder, NAMES[at], port
        folder.mkdir(parents=True)
        (folder / "nats.conf").write_text(conf, "utf-8")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [str(find(None)), "-c", str(self.folder / "nats.conf")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, env={"POD_NAME": self.name}, stdout=log, stderr=log
            )

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Node]]:
    place = tmp_path_factory.mktemp("nats")
    made = cluster.manifests(place / "keys", database="db", message="nats")["items"]
    secret = next(one for one in made if one["metadata"]["name"] == "heli-nats")
    passwords = secret["stringData"]["passwords.conf"]
    ports = pick(3 * cluster.NODES)
    clients, routes, monitors = (ports[at :: cluster.NODES] for at in range(3))
    for name, port in zip(NAMES, routes, strict=True):
        assert f"{name}.nats-nodes:6222" in passwords
        passwords = passwords.replace(f"{name}.nats-nodes:6222", f"127.0.0.1:{port}")
    found = []
    for at in range(cluster.NODES):
        folder = place / NAMES[at]
        here = {
            "0.0.0.0:4222": f"127.0.0.1:{clients[at]}",
            "0.0.0.0:6222": f"127.0.0.1:{routes[at]}",
            "0.0.0.0:8222": f"127.0.0.1:{monitors[at]}",
            '"/data"': f'"{folder}/data"',
            "/run/nats/nats.pid": f"{folder}/nats.pid",
        }
        conf = cluster.nats_conf()
        for old, new in here.items():
            assert old in conf
            conf = conf.replace(old, new)
        found.append(Node(folder, at, conf, clients[at]))
        (folder / "passwords").mkdir()
        (folder / "passwords" / "passwords.conf").write_text(passwords, "utf-8")
    for node in found:
        node.start()
    try:
        for node in found:
            assert wait_until(partial(answers, node.port, node.name), seconds=60)
        yield found
    finally:
        for node in found:
            node.kill()


@pytest.fixture(scope="module")
def urls(nodes: list[Node]) -> dict[str, list[str]]:
    """Give each user's addresses of the nodes."""
    kept = nodes[0].folder.parent / "keys"
    users = ["admin", CLUE_DISPATCH.name]
    return {
        user: [
            cluster._nats_url(kept, user, "127.0.0.1").replace("4222", str(node.port))
            for node in nodes
        ]
        for user in users
    }


async def connected(urls: list[str], user: str) -> Client:
    return await nats.connect(
        urls,
        inbox_prefix=f"_INBOX.{user}".encode(),
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.1,
        error_cb=_ignored,
    )


async def _ignored(_error: Exception) -> None:
    """Leave what is refused on purpose out of the output."""


async def make_streams(url: str) -> None:
    """Make the streams as the Job does, which starts again until the nodes have found a leader."""
    async with asyncio.timeout(120):
        while True:
            try:
                await ensure_streams(url, cluster.NODES)
            except (nats.errors.Error, TimeoutError):
                await asyncio.sleep(0.5)
            else:
                return


async def stored(stream: JetStreamContext, subject: str) -> PubAck:
    """Publish until those who are left have chosen a leader."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await stream.publish(subject, b"{}", headers={"Nats-Msg-Id": "2"})
            except (nats.errors.Error, TimeoutError):
                await asyncio.sleep(0.2)


async def test_streams_have_three_copies_and_a_lost_node_stops_nobody(
    nodes: list[Node], urls: dict[str, list[str]]
) -> None:
    await make_streams(urls["admin"][0])
    admin = await connected(urls["admin"], "admin")
    for service in SERVICES:
        info = await admin.jetstream(timeout=10).stream_info(service.name)
        assert info.config.num_replicas == cluster.NODES
        assert info.cluster is not None
        assert len(info.cluster.replicas or []) == cluster.NODES - 1

    ours = await connected(urls[CLUE_DISPATCH.name], CLUE_DISPATCH.name)
    stream = ours.jetstream(timeout=5)
    subject = f"heli.{CLUE_DISPATCH.name}.clue.signed.v1.x"
    first = await stream.publish(subject, b"{}")
    nodes[-1].kill()
    second = await stored(stream, subject)
    assert second.seq > first.seq
    nodes[-1].start()
    await ours.close()
    await admin.close()


async def test_a_service_may_speak_under_its_own_name_only(
    nodes: list[Node], urls: dict[str, list[str]]
) -> None:
    assert nodes
    ours = await connected(urls[CLUE_DISPATCH.name], CLUE_DISPATCH.name)
    with pytest.raises((nats.errors.Error, TimeoutError)):
        await ours.jetstream(timeout=1).publish("heli.credit-service.grade.changed.v1.x", b"{}")
    await ours.close()
