"""PostgreSQL and nats-server on one data folder, under its lock: started, tended and stopped.

With `archive`, the log of PostgreSQL is received into that backup folder as long as both run.
"""

import contextlib
import os
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

import psycopg

from contracts.services import SERVICES
from heli import archive as archiving
from heli import backups, keep, nats, ports, postgres
from heli import folder as place
from heli.archive import Archive
from heli.child import Child
from heli.nats import Nats
from heli.postgres import Postgres
from heli.problems import Problem
from heli.settings import Settings
from heli.settle import Parts, settle
from kit.clock import Clock

RESTORING: Final = "restoring.json"  # in a data folder from the first to the last step of a restore
_AGAIN_S: Final = 5.0  # between two starts of a receiver that ends
_RECOVERY_S: Final = 1800.0


class PortTaken(Problem):
    """Another program uses the port that this folder's server has."""

    code = "port-taken"


class NotOurs(Problem):
    """A database server that Heli did not start is backed up by its own means."""

    code = "backup-not-ours"


class RestoreUnfinished(Problem):
    """A restore into this folder was interrupted: the data are not whole."""

    code = "restore-unfinished"


class Engines:
    """The two servers that everything stands on; `database_url` and `nats_url` name existing ones.

    Start it from the main thread: the servers go when the thread that started them ends.
    """

    def __init__(
        self,
        folder: Path,
        *,
        pg_bin: Path | None = None,
        nats_bin: Path | None = None,
        database_url: str | None = None,
        nats_url: str | None = None,
        archive: Path | None = None,
    ) -> None:
        if archive is not None and database_url is not None:
            raise NotOurs
        self.folder = place.prepare(folder)
        self.notes: list[tuple[str, dict[str, object]]] = []
        settings = Settings()
        self._pg_bin = pg_bin or settings.pg_bin
        self._nats_bin = nats_bin or settings.nats_bin
        self._database_url, self._nats_url = database_url, nats_url
        self._archive = archive.resolve() if archive else None
        self._received_at = 0.0
        self._lock: int | None = None
        self._parts: Parts | None = None
        self._children: dict[str, Child] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # What others need to know ------------------------------------------------------------------

    @property
    def admin_dsn(self) -> str:
        """Give the superuser's libpq URL."""
        if self._database_url is not None:
            return self._database_url
        return self.dsn(postgres.SUPERUSER, self.secret("postgres"), "postgres")

    def dsn(self, role: str, password: str, database: str) -> str:
        """Give a role's libpq URL of a database on the embedded server."""
        port = self.port("postgres")
        return f"postgresql://{role}:{quote(password, safe='')}@{ports.HOST}:{port}/{database}"

    @property
    def nats_admin_url(self) -> str:
        """Give the URL of the user that makes streams."""
        return self.nats_url(nats.ADMIN)

    def nats_url(self, service: str) -> str:
        """Give the URL of a service's user."""
        if self._nats_url is not None:
            return self._nats_url
        password = quote(self.secret(f"nats {service}"), safe="")
        return f"nats://{service}:{password}@{ports.HOST}:{self.port('nats')}"

    def secret(self, name: str) -> str:
        """Give a secret of this folder, made when first asked for."""
        return keep.secret(self.folder / "secrets.json", name)

    def pids(self) -> dict[str, int]:
        """Give the process ids of what runs."""
        return {name: child.pid for name, child in self._children.items()}

    # Start, tend, stop -------------------------------------------------------------------------

    def claim(self) -> None:
        """Take the folder, unless it is ours already; refuses when it is in use."""
        if self._lock is None:
            self._lock = place.lock(self.folder)

    def start(self) -> None:
        """Start both; refuses when the folder is in use, its disk is full, or no way is open."""
        self.claim()
        try:
            self.notes += [(c, {"folder": str(self.folder)}) for c in place.warnings(self.folder)]
            self._check_whole()
            self._parts = self._settle()
            first = self._parts.postgres is not None and not self._parts.postgres.data.exists()
            place.check_room(self._parts.home, place.FIRST_MB if first else place.LATER_MB)
            if self._parts.postgres is not None:
                self._parts.postgres.ensure(self.secret("postgres"))
            self.tend()
            self._begin_archive()
        except BaseException:
            self.stop()
            raise

    def _check_whole(self) -> None:
        if (self.folder / RESTORING).exists():
            raise RestoreUnfinished(folder=str(self.folder))

    def recover(self, lay: Callable[[Postgres], None], aim: Mapping[str, str]) -> None:
        """Start PostgreSQL alone on files that `lay` brings, and wait until it reached its aim."""
        self.claim()
        self._parts = self._settle()
        server = self._parts.postgres
        if server is None:
            raise NotOurs
        lay(server)
        port = self.port("postgres")
        self._children["postgres"] = server.start(port, aim, seconds=_RECOVERY_S)

    def tend(self) -> list[str]:
        """Start whatever does not run, and name it."""
        started = []
        for name in self._parts.wanted() if self._parts else ():
            child = self._children.get(name)
            if child is None or not child.alive:
                self._children[name] = self._start(name)
                started.append(name)
        self._tend_archive()
        return started

    def _begin_archive(self) -> None:
        """Start the receiver of the log, or let the server keep nothing for one."""
        server = self._parts.postgres if self._parts else None
        if server is None:
            return
        if self._archive is not None:
            self._receive(server, self._archive)
            if backups.lacks_base(self._archive):
                self.notes.append(("archive-lacks-base", {"folder": str(self._archive)}))
        elif server.keeps_for_receivers():
            archiving.forget(self.admin_dsn)

    def _receive(self, server: Postgres, folder: Path) -> None:
        self._received_at = time.monotonic()
        target = Archive(folder, server.binaries.bin, backups.identity(self.folder))
        log = self.folder / "logs" / "archive.log"
        self._children["archive"] = target.start(self.admin_dsn, log=log, now=Clock().now())

    def _tend_archive(self) -> None:
        """Start the receiver again if it ended; what it cannot reach, it tries again later."""
        server = self._parts.postgres if self._parts else None
        child = self._children.get("archive")
        waits = time.monotonic() < self._received_at + _AGAIN_S
        if server is None or self._archive is None or child is None or child.alive or waits:
            return
        with contextlib.suppress(psycopg.OperationalError, OSError):
            self._receive(server, self._archive)

    def stop(self) -> None:
        """Stop nats-server, PostgreSQL, and the receiver of its last words; unlock the folder."""
        ends = {"nats": nats.stop, "postgres": postgres.stop, "archive": archiving.stop}
        for name, end in ends.items():
            child = self._children.pop(name, None)
            if child is not None:
                end(child)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _start(self, name: str) -> Child:
        port = self.port(name)
        if not ports.is_free(port):
            by = ports.holder(port)
            raise PortTaken(port=port, by=by, program=name, file=str(self._ports_file))
        match name, self._parts, self._lock:
            case "postgres", Parts(postgres=Postgres() as server), _:
                return server.start(port)
            case "nats", Parts(nats=Nats() as server), int() as lock:
                users = (nats.ADMIN, *(service.name for service in SERVICES))
                passwords = {user: self.secret(f"nats {user}") for user in users}
                mark = f"heli-{secrets.token_hex(6)}"
                return server.start(port, passwords, name=mark, lock=lock)
            case _:
                raise LookupError(name)

    def _settle(self) -> Parts:
        parts, notes = settle(
            self.folder,
            keep.read_json(self._ports_file).get("home"),
            pg_bin=self._pg_bin,
            nats_bin=self._nats_bin,
            postgres=self._database_url is None,
            nats=self._nats_url is None,
        )
        self.notes += notes
        if parts.home != self.folder:
            kept = keep.read_json(self._ports_file)
            keep.write_json(self._ports_file, kept | {"home": str(parts.home)})
        return parts

    @property
    def _ports_file(self) -> Path:
        return self.folder / ports.FILE

    def port(self, name: str) -> int:
        """Give the port of a server: picked free once, then kept."""
        return ports.kept(self._ports_file, name)
