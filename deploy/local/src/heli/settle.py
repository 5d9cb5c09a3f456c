"""Where the embedded servers live and as whom they run, settled once a start."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from heli import launch
from heli import nats as server
from heli.binaries import Binaries
from heli.launch import Mode, Option, Way
from heli.nats import Nats
from heli.postgres import Postgres
from heli.problems import Problem

_ELSEWHERE: Final = Path("/var/lib/heli")
Note = tuple[str, dict[str, object]]


class NoWay(Problem):
    """PostgreSQL does not run as root, and every way round is closed on this machine."""

    code = "no-way-as-root"


@dataclass(frozen=True, slots=True)
class Parts:
    """The servers to run; one that exists elsewhere is None."""

    home: Path
    postgres: Postgres | None
    nats: Nats | None

    def wanted(self) -> Iterator[str]:
        """Name what is to run, in order of start."""
        if self.postgres is not None:
            yield "postgres"
        if self.nats is not None:
            yield "nats"


@dataclass(frozen=True, slots=True)
class _Programs:
    """What is to be run; None for a server that exists elsewhere."""

    postgres: Binaries | None
    nats: Path | None

    def probe(self) -> Path | None:
        """Give a program to try a way with."""
        return self.postgres.bin / "postgres" if self.postgres else self.nats

    def runnable_by_others(self, target: Path) -> "_Programs":
        """Copy whatever other users cannot reach and read."""
        postgres, nats = self.postgres, self.nats
        if postgres is not None and not launch.readable(postgres.files()):
            postgres = postgres.copied_to(target)
        if nats is not None and not launch.readable([nats]):
            target.mkdir(mode=0o755, exist_ok=True)
            nats = Path(shutil.copy(nats, target / "nats-server"))
        return _Programs(postgres, nats)


def settle(
    folder: Path,
    home: str | None,
    *,
    pg_bin: Path | None,
    nats_bin: Path | None,
    postgres: bool,
    nats: bool,
) -> tuple[Parts, list[Note]]:
    """Take the first way that is open, and what a person should know about it; refuses NoWay.

    `home` is where an earlier start put the data, if not into the folder; `postgres` and `nats`
    say which servers are ours to run.
    """
    place = Path(home) if home else folder
    programs = _Programs(
        Binaries.find(pg_bin) if postgres else None, server.find(nats_bin) if nats else None
    )
    major = programs.postgres.major() if programs.postgres else 0
    refused = {}
    for option in _options(folder, place):
        target = elsewhere(folder) if option.elsewhere else place
        usable = _usable(option.way, target, programs)
        probe = usable.probe()
        reason = launch.reason_against(option.way, probe) if probe else None
        if reason is None:
            parts = Parts(
                target,
                Postgres(target, usable.postgres, option.way, major) if usable.postgres else None,
                Nats(target, usable.nats, option.way) if usable.nats else None,
            )
            return parts, _notes(option) if probe else []
        refused[option.way.mode] = reason
    raise NoWay(
        unshare=refused.get(Mode.MAP, refused.get(Mode.UNMAPPED, "-")),
        setgroups=refused.get(Mode.DROP, "-"),
    )


def _options(folder: Path, home: Path) -> tuple[Option, ...]:
    data = home / "pg"
    return launch.options(
        uid=os.getuid(),
        owner=data.stat().st_uid if data.exists() else None,
        reachable=launch.reachable(folder),
        private=launch.private_uid(folder),
    )


def elsewhere(folder: Path) -> Path:
    """Name a place for a folder's data that no other folder's name gives."""
    name = folder.as_posix().strip("/").replace("%", "%25").replace("-", "%2D")
    return _ELSEWHERE / name.replace("/", "-")


def _usable(way: Way, home: Path, programs: _Programs) -> _Programs:
    """Make folder and programs reachable for the identity that will run them."""
    (home / "logs").mkdir(mode=0o700, parents=True, exist_ok=True)
    if way.mode is not Mode.DROP:
        return programs
    os.chown(home, 0, way.gid)
    home.chmod(0o710)  # its servers may pass, nobody else
    return programs.runnable_by_others(home / "programs")


def _notes(option: Option) -> list[Note]:
    notes: list[Note] = []
    if option.way.mode in {Mode.MAP, Mode.UNMAPPED}:
        notes.append(("root-has-no-protection", {}))
    if option.elsewhere:
        notes.append(("data-elsewhere", {"folder": str(_ELSEWHERE)}))
    return notes
