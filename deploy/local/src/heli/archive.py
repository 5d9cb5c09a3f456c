"""Continuous archiving: one `pg_receivewal` beside the server, which receives the log as it grows.

It runs as the operator and over the network, so the archive needs nothing of PostgreSQL's uid and
may be a mounted disk. A replication slot keeps what was not yet received; the slot bears the name
of the run that it fills, so an archive that was left for a while is never taken up where it breaks.
"""

import re
import signal
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

from heli import backups
from heli.child import Child, executed
from heli.launch import DIRECT

_SLOTS: Final = re.compile(r"heli_\d{8}t\d+z")


@dataclass(frozen=True, slots=True)
class Archive:
    """A backup folder that receives the log while the stack runs."""

    folder: Path
    bin: Path
    stack: str

    def start(self, dsn: str, *, log: Path, now: datetime) -> Child:
        """Start receiving from the server that `dsn` names; refuses BackupOfAnother."""
        backups.prepare(self.folder, self.stack)
        with psycopg.connect(dsn, autocommit=True) as admin:
            run = self._run(admin, now)
        argv = DIRECT.argv([self.bin / "pg_receivewal", "-D", run, "-S", _slot(run)])
        return Child("pg_receivewal", executed(argv, env=coming(dsn)), log=log)

    def _run(self, admin: psycopg.Connection, now: datetime) -> Path:
        """Give the run to fill: the newest while the server keeps what it lacks, else a new one."""
        newest = backups.last_run(self.folder)
        if newest is not None and _slot(newest) in _slots(admin, whole=True):
            return newest
        _drop_slots(admin)
        run = backups.new_run(self.folder, now)
        admin.execute("SELECT pg_create_physical_replication_slot(%s, true)", [_slot(run)])
        return run


def coming(dsn: str) -> dict[str, str]:
    """Give the environment in which PostgreSQL's programs come to a server: no password is argued.

    A command line can be read by everybody on the machine, an environment by its owner alone.
    """
    at = conninfo_to_dict(dsn)
    return {
        "PATH": "/usr/bin:/bin",
        "LC_ALL": "C",
        "TZ": "UTC",
        "PGHOST": str(at["host"]),
        "PGPORT": str(at["port"]),
        "PGUSER": str(at["user"]),
        "PGPASSWORD": str(at["password"]),
    }


def _slot(run: Path) -> str:
    return f"heli_{run.name.lower()}"


def _slots(admin: psycopg.Connection, *, whole: bool) -> list[str]:
    query = "SELECT slot_name, wal_status FROM pg_replication_slots"
    found = [(str(name), status) for name, status in admin.execute(query)]
    return [n for n, s in found if _SLOTS.fullmatch(n) and not (whole and s in {"lost", None})]


def forget(dsn: str) -> None:
    """Let the server keep nothing for an archive that is no longer asked for."""
    with psycopg.connect(dsn, autocommit=True) as admin:
        _drop_slots(admin)


def _drop_slots(admin: psycopg.Connection) -> None:
    for name in _slots(admin, whole=False):
        admin.execute("SELECT pg_drop_replication_slot(%s)", [name])


def stop(child: Child) -> None:
    """Stop orderly; the server, stopped before, has waited until all was received."""
    child.stop((signal.SIGINT, 10.0))
