"""As whom the embedded servers run: PostgreSQL refuses to be root, so there is an order of ways.

An ordinary user starts them directly. Root drops to a private uid where that uid can reach the data
and the binaries (real separation); else a user namespace makes PostgreSQL content (no protection,
and we say so); else the data go to a folder of their own under /var/lib. An existing data folder's
owner decides: nothing changes silently.
"""

import os
import pwd
import stat
import subprocess
import sys
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

NOBODY: Final = 65534  # has an entry in /etc/passwd wherever there is one, which initdb needs
_LAUNCHER = Path(__file__).with_name("launcher.py")
# Uids that no distribution gives to people or services (systemd's table of uids, "unused").
_PRIVATE: Final = range(60578, 61184)


class Mode(StrEnum):
    """How the identity is changed; the words of launcher.py."""

    DIRECT = "direct"
    MAP = "map"
    UNMAPPED = "unmapped"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to start a server: the mode, and the identity that the server has afterwards."""

    mode: Mode
    uid: int = 0
    gid: int = 0

    def argv(self, command: Sequence[str | Path]) -> list[str]:
        """Give the command line that turns into `command` under this identity."""
        return [
            *(sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid())),
            *(self.mode, str(self.uid), str(self.gid)),
            *map(str, command),
        ]


@dataclass(frozen=True, slots=True)
class Option:
    """A way that may be tried, and whether the data must leave the folder for it."""

    way: Way
    elsewhere: bool = False


DIRECT: Final = Way(Mode.DIRECT)
MAP: Final = Way(Mode.MAP, NOBODY, NOBODY)
UNMAPPED: Final = Way(Mode.UNMAPPED, NOBODY, NOBODY)


def private_uid(folder: Path) -> int:
    """Give a uid for a data folder: the same each time, unlikely to be another folder's."""
    return _PRIVATE[zlib.crc32(str(folder).encode()) % len(_PRIVATE)]


def options(*, uid: int, owner: int | None, reachable: bool, private: int) -> tuple[Option, ...]:
    """List the ways to try, best first.

    `owner` is the uid that owns an existing database, None before the first start; `reachable` says
    whether every parent of the folder can be traversed by everybody.
    """
    if uid != 0:
        return (Option(DIRECT),)
    if owner == 0:
        return (Option(MAP), Option(UNMAPPED))
    if owner is not None:
        return (Option(Way(Mode.DROP, owner, owner)),)
    drop = Way(Mode.DROP, private, private)
    if reachable:
        return (Option(drop), Option(MAP), Option(UNMAPPED))
    return (Option(MAP), Option(UNMAPPED), Option(drop, elsewhere=True))


def for_initdb(way: Way, *, has_entry: bool) -> Way:
    """Say as whom initdb runs: it alone looks its uid up in /etc/passwd."""
    match way.mode:
        case Mode.DROP:
            return Way(Mode.DROP, NOBODY, way.gid)
        case Mode.DIRECT if not has_entry:
            return MAP
        case _:
            return way


def has_entry(uid: int) -> bool:
    """Say whether the user data base knows a uid."""
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def reachable(folder: Path) -> bool:
    """Say whether everybody may traverse every parent of a folder (the folder itself is ours)."""
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in folder.parents)


def readable(paths: Iterable[Path]) -> bool:
    """Say whether everybody can reach and read all of these files and folders."""
    return all(reachable(path) and path.stat().st_mode & stat.S_IROTH for path in paths)


def reason_against(way: Way, program: Path) -> str | None:
    """Try a way with a harmless call of the program; give the reason when it is closed."""
    tried = subprocess.run(  # noqa: S603  our own programs, no shell
        way.argv([program, "--version"]),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        cwd="/",
        env={"LC_ALL": "C"},
    )
    if tried.returncode == 0:
        return None
    return (tried.stderr or tried.stdout).strip() or f"exit code {tried.returncode}"
