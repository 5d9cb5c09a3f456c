"""Ports on this machine: picked free once, kept afterwards."""

import socket
from pathlib import Path
from typing import Final

from heli import keep

HOST: Final = "127.0.0.1"
FILE: Final = "ports.json"


def is_free(port: int) -> bool:
    """Say whether a server could listen on a port now (a closed connection does not count)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def pick(count: int) -> list[int]:
    """Give ports that are free now and differ from each other."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind((HOST, 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def kept(file: Path, name: str, *, movable: bool = False) -> int:
    """Give the port kept under a name, picked at the first question.

    A movable one is picked anew when somebody else has it now.
    """
    found = keep.read_json(file)
    if name not in found or (movable and not is_free(int(found[name]))):
        found[name] = pick(1)[0]
        keep.write_json(file, found)
    return int(found[name])
