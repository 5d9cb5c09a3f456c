"""The data folder: made for its owner alone, and locked by the one who runs it."""

import fcntl
import os
from pathlib import Path
from typing import Final

from heli.child import wait_until
from heli.problems import Problem

_GRACE: Final = 10.0  # seconds in which the servers of a killed supervisor are gone
_FOREIGN: Final = {"9p", "nfs", "nfs4", "cifs", "smb3", "drvfs", "fuse.sshfs"}


class InUse(Problem):
    """Another one runs on this data folder."""

    code = "folder-in-use"


def prepare(folder: Path) -> Path:
    """Make the folder for its owner alone and give its resolved path."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = folder.resolve()
    (folder / "logs").mkdir(mode=0o700, exist_ok=True)
    return folder


def lock(folder: Path) -> int:
    """Take the folder's lock and give the open file that holds it.

    The file names the holder. Whoever died without stopping leaves it to nats-server, which goes
    within moments: then we wait; a living holder is refused at once.
    """
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)

    def taken() -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    holder = os.pread(handle, 20, 0).decode().strip()
    got = taken() or (not _lives(holder) and wait_until(taken, seconds=_GRACE))
    if not got:
        os.close(handle)
        raise InUse(folder=str(folder), pid=holder)
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return handle


def _lives(pid: str) -> bool:
    if not pid.isdecimal():
        return False
    try:
        state = Path("/proc", pid, "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def file_system(folder: Path) -> str:
    """Name the type of the file system that a folder is on."""
    best, kind = -1, ""
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        left, _, right = line.partition(" - ")
        mount = left.split()[4].encode().decode("unicode_escape")
        if folder.is_relative_to(mount) and len(mount) > best:
            best, kind = len(mount), right.split()[0]
    return kind


def warnings(folder: Path) -> list[str]:
    """Give the codes of what a person should know about where the data are."""
    kind = file_system(folder)
    if kind in {"tmpfs", "ramfs"}:
        return ["data-in-memory"]
    return ["data-on-network"] if kind in _FOREIGN else []
