"""The embedded PostgreSQL: found, initialised, configured, started and stopped."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from heli.binaries import Binaries
from heli.child import Child, executed, wait_until
from heli.launch import NOBODY, Mode, Way, for_initdb, has_entry
from heli.ports import HOST
from heli.problems import Problem

SUPERUSER: Final = "postgres"
_ENV: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
_BUILTIN_LOCALES_FROM: Final = 17  # --locale-provider=builtin
_LEAVE_S: Final = 2.0  # for the orphans of a killed server: idle ones go at once
_ASYNC_IO_FROM: Final = 18  # io_method, autovacuum_worker_slots, checksums by default

# Measured: idle 16 MiB instead of 25; connections cost more than settings.
_SETTINGS: Final = {
    "unix_socket_directories": "''",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "work_mem": "4MB",
    "maintenance_work_mem": "32MB",
    "huge_pages": "off",
    "jit": "off",
    "max_wal_size": "256MB",
    "min_wal_size": "64MB",
    "autovacuum_max_workers": "1",
    "max_worker_processes": "1",
    "max_parallel_workers": "0",
    "max_parallel_workers_per_gather": "0",
    "max_logical_replication_workers": "0",
    "wal_level": "replica",
    "max_wal_senders": "4",  # a base backup takes two, the archive one
    "max_slot_wal_keep_size": "2GB",  # an archive that is away may not fill the disk
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "log_error_verbosity": "terse",  # a DETAIL line quotes the row that was refused
    "log_parameter_max_length_on_error": "0",
    "log_line_prefix": "'%m [%p] %u@%d '",
}
_NO_AIM: Final[Mapping[str, str]] = {}
_SETTINGS_18: Final = {"io_method": "sync", "autovacuum_worker_slots": "2"}


class OtherMajor(Problem):
    """The data belong to another major version."""

    code = "postgres-other-major"


class NoPasswdEntry(Problem):
    """initdb needs an entry in /etc/passwd, and there is no way round on this machine."""

    code = "no-passwd-entry"


class InitFailed(Problem):
    """initdb did not finish."""

    code = "initdb-failed"


class Incomplete(Problem):
    """The data folder lacks what every one has."""

    code = "data-incomplete"


def settings(port: int, major: int, aim: Mapping[str, str] = _NO_AIM) -> str:
    """Write postgresql.conf; a person's own settings go to own.conf, which is read last.

    `aim`: what a recovery is to reach.
    """
    lines = {"listen_addresses": f"'{HOST}'", "port": str(port), **_SETTINGS, **aim}
    if major >= _ASYNC_IO_FROM:
        lines |= _SETTINGS_18
    text = "".join(f"{name} = {value}\n" for name, value in lines.items())
    head = "# Written at every start; put your own settings into own.conf beside this file.\n"
    return f"{head}{text}include_if_exists = 'own.conf'\n"


def initdb_options(major: int) -> list[str]:
    """Give initdb's options: UTF-8, byte order, checksums, SCRAM everywhere."""
    options = ["-U", SUPERUSER, "--auth=scram-sha-256", "-E", "UTF8"]
    if major >= _BUILTIN_LOCALES_FROM:
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    else:
        options += ["--locale=C.UTF-8"]
    return options if major >= _ASYNC_IO_FROM else [*options, "--data-checksums"]


@dataclass(frozen=True, slots=True)
class Postgres:
    """A PostgreSQL whose data are `home/pg`, run in one way."""

    home: Path
    binaries: Binaries
    way: Way
    major: int

    @property
    def data(self) -> Path:
        """Give the data folder."""
        return self.home / "pg"

    @property
    def draft(self) -> Path:
        """Give the place where a data folder is made: a half-made one starts too well."""
        return self.home / "pg.new"

    def ensure(self, password: str) -> None:
        """Make the data folder if there is none; refuse one of another major version."""
        if not self.data.exists():
            self._initialise(password)
        version = self.data / "PG_VERSION"
        if not version.exists():
            raise Incomplete(folder=str(self.data), missing=version.name)
        found = version.read_text(encoding="ascii").strip()
        if found != str(self.major):
            raise OtherMajor(folder=str(self.data), found=found, have=self.major)

    def _initialise(self, password: str) -> None:
        """Make the data folder beside its place and rename it."""
        draft, secret = self.draft, self.home / "su.pw"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        secret.touch(mode=0o600)
        secret.write_text(password + "\n", encoding="utf-8")
        way = for_initdb(self.way, has_entry=has_entry(os.getuid()))
        if way.mode is Mode.DROP:
            os.chown(draft, NOBODY, way.gid)
            os.chown(secret, NOBODY, way.gid)
        command: list[str | Path] = [
            self.binaries.bin / "initdb",
            "-D",
            draft,
            f"--pwfile={secret}",
        ]
        try:
            made = subprocess.run(  # noqa: S603  our own program, no shell
                way.argv([*command, *initdb_options(self.major)]),
                capture_output=True,
                text=True,
                check=False,
                env=_ENV,
                cwd="/",
            )
        finally:
            secret.unlink()
        if made.returncode != 0:
            raise self._failure(way, made.stderr.strip())
        (draft / "own.conf").touch(mode=0o600)
        self.adopt(draft)

    def adopt(self, draft: Path) -> None:
        """Take a whole folder of data that was made beside its place."""
        if self.way.mode is Mode.DROP:
            _give(draft, self.way.uid, self.way.gid)
        draft.rename(self.data)

    def _failure(self, way: Way, words: str) -> Problem:
        if way != self.way and words.startswith("unshare:"):
            return NoPasswdEntry(uid=os.getuid(), reason=words)
        return InitFailed(words=words)

    def start(self, port: int, aim: Mapping[str, str] = _NO_AIM, *, seconds: float = 120) -> Child:
        """Start the server as our child and wait until it takes writes; `aim` of a recovery."""
        self._clear_leftovers()
        file = self.data / "postgresql.conf"
        file.write_text(settings(port, self.major, aim), encoding="utf-8")
        if self.way.mode is Mode.DROP:
            os.chown(file, self.way.uid, self.way.gid)
        child = Child(
            "postgres",
            executed(self.way.argv([self.binaries.bin / "postgres", "-D", self.data]), env=_ENV),
            log=self.home / "logs" / "postgres.log",
        )
        child.wait_ready(lambda: self._ready(child.pid), seconds=seconds)
        return child

    def keeps_for_receivers(self) -> bool:
        """Say whether the server keeps log that somebody was to receive."""
        return any((self.data / "pg_replslot").iterdir())

    def _ready(self, pid: int) -> bool:
        """Believe postmaster.pid only when it is this child's: a stale one says ready too."""
        match self._pid_file():
            case [first, *_, eighth] if eighth.strip() == "ready":
                return first == str(pid)
            case _:
                return False

    def _pid_file(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[:8]
        except FileNotFoundError:
            return []

    def _clear_leftovers(self) -> None:
        """End what an earlier supervisor left behind: we hold the lock, so it is nobody else's."""
        if not wait_until(lambda: not self._running(), seconds=_LEAVE_S):
            for pid in self._running():
                os.kill(pid, signal.SIGQUIT)
            wait_until(lambda: not self._running(), seconds=10)
        # A pid file whose process is a zombie or another program would block the start.
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _running(self) -> list[int]:
        """Find PostgreSQL processes that work in this data folder, the orphans of one too."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                here = (entry / "cwd").readlink() == self.data
                ours = here and (entry / "exe").readlink().name.startswith("postgres")
            except OSError:
                continue
            if ours:
                found.append(int(entry.name))
        return found


def stop(child: Child) -> None:
    """Stop fast: clients are cut off, the log is written (a smart stop waits for them for ever)."""
    child.stop((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0))


def _give(folder: Path, uid: int, gid: int) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, uid, gid, follow_symlinks=False)
