"""Ports on this machine: picked free once, kept afterwards; and who has one that is not free."""

import secrets
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from heli import keep

HOST: Final = "127.0.0.1"
# Below what the kernel gives to outgoing connections (from 32768 on Linux): while a server is away,
# a client that tries again and again could be given the server's own port, and keep it.
_RANGE: Final = range(15_000, 32_000)
FILE: Final = "ports.json"


_UNKNOWN: Final = "?"
_LISTENING: Final = "0A"  # the state in /proc/net/tcp


def is_free(port: int) -> bool:
    """Say whether a server could listen on a port now (a closed connection does not count)."""
    return reason_against(port) is None


def reason_against(port: int) -> OSError | None:
    """Try to listen on a port; give the system's refusal."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as no:
            return no
    return None


def holder(port: int) -> str:
    """Name the program that listens on a port, as far as we may see it."""
    sockets = {f"socket:[{inode}]" for inode in _listening(port)}
    for handle in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(handle.readlink()) in sockets:
                pid = handle.parts[2]
                name = Path("/proc", pid, "comm").read_text(encoding="utf-8", errors="replace")
                return f"{name.strip()}, pid {pid}"
        except OSError:
            continue  # it ended, or is somebody else's
    return _UNKNOWN


def _listening(port: int) -> Iterator[str]:
    for file in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        if not file.exists():
            continue
        for line in file.read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]


def pick(count: int) -> list[int]:
    """Give ports that are free now and differ from each other."""
    found: set[int] = set()
    while len(found) < count:
        port = secrets.choice(_RANGE)
        if is_free(port):
            found.add(port)
    return list(found)


def kept(file: Path, name: str, *, movable: bool = False) -> int:
    """Give the port kept under a name, picked at the first question and not another name's.

    A movable one is picked anew when somebody else has it now.
    """
    found = keep.read_json(file)
    others = {port for other, port in found.items() if other != name}
    port = found.get(name)
    while port is None or (movable and (port in others or not is_free(int(port)))):
        (picked,) = pick(1)
        port = None if picked in others else picked
    if port != found.get(name):
        keep.write_json(file, found | {name: port})
    return int(port)
