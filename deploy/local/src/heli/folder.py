"""The data folder: made for its owner alone, on a disk with room, locked by the one who runs it."""

import fcntl
import os
import pwd
import re
import shutil
from pathlib import Path
from typing import Final

from heli import keep
from heli.child import wait_until
from heli.problems import Problem

STATE: Final = "state.json"  # what runs now
FILES: Final = "files"  # what services keep by content, a folder each
_LOCK: Final = "lock"
_GRACE: Final = 10.0  # seconds in which the servers of a killed supervisor are gone
_FOREIGN: Final = {"9p", "nfs", "nfs4", "cifs", "smb3", "drvfs", "fuse.sshfs"}
_MB: Final = 1024 * 1024
# Measured: a first start writes 120 MB, and 40 MB of programs where the servers have a uid of
# their own; the log may then grow to max_wal_size, 256 MB.
FIRST_MB: Final = 400
LATER_MB: Final = 64


class InUse(Problem):
    """Another one runs on this data folder."""

    code = "folder-in-use"


class NotWritable(Problem):
    """The folder cannot be made, or nothing can be written into it."""

    code = "folder-not-writable"


class OfAnother(Problem):
    """The folder is another user's."""

    code = "folder-of-another"


class DiskFull(Problem):
    """There is not enough room to start or to go on."""

    code = "disk-full"


def prepare(folder: Path) -> Path:
    """Make the folder for its owner alone and give its resolved path.

    Refuses: NotWritable, OfAnother.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = folder.resolve(strict=True)
        _check_ours(folder)
        (folder / "logs").mkdir(mode=0o700, exist_ok=True)
    except OSError as no:
        raise NotWritable(folder=str(folder.absolute()), reason=no.strerror) from no
    return folder


def _check_ours(folder: Path) -> None:
    """Refuse a folder that another user began, or that is closed to us; root may enter all."""
    me = os.getuid()
    closed = not os.access(folder, os.R_OK | os.W_OK | os.X_OK)
    owner = folder.stat().st_uid
    if not closed and (folder / _LOCK).exists():
        owner = (folder / _LOCK).stat().st_uid
    elif not closed:
        owner = me  # nobody began it
    if owner != me:
        raise OfAnother(folder=str(folder), owner=_name(owner), you=_name(me))
    if closed:
        raise NotWritable(folder=str(folder), reason=_reason(folder))


def _reason(folder: Path) -> str:
    try:
        (folder / f".{os.getpid()}").touch()
    except OSError as no:
        return no.strerror or str(no)
    return "?"


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def check_room(folder: Path, needed_mb: int) -> None:
    """Refuse DiskFull where a server could not write what it must."""
    free = free_mb(folder)
    if free < needed_mb:
        raise DiskFull(folder=str(folder), free_mb=free, needed_mb=needed_mb)


def free_mb(folder: Path) -> int:
    """Say how much room the disk of a folder has."""
    return shutil.disk_usage(folder).free // _MB


def lock(folder: Path) -> int:
    """Take the folder's lock and give the open file that holds it; refuses InUse.

    The file names the holder. Whoever died without stopping leaves it to nats-server, which goes
    within moments: then we wait; a living holder is refused at once.
    """
    handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)

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
        address = keep.read_json(folder / STATE).get("gateway", "…")
        raise InUse(folder=str(folder), pid=holder, address=address)
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return handle


def in_use(folder: Path) -> bool:
    """Say whether somebody holds the folder's lock; true as well where we may not look."""
    try:
        handle = os.open(folder / _LOCK, os.O_RDONLY)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


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
        # The kernel writes blanks and the like as octal numbers.
        mount = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), left.split()[4])
        if folder.is_relative_to(mount) and len(mount) > best:
            best, kind = len(mount), right.split()[0]
    return kind


def warnings(folder: Path) -> list[str]:
    """Give the codes of what a person should know about where the data are."""
    kind = file_system(folder)
    if kind in {"tmpfs", "ramfs"}:
        return ["data-in-memory"]
    return ["data-on-network"] if kind in _FOREIGN else []
