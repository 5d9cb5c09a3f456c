"""For tests only: a whole stack, started as an operator would start it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg

from contracts.services import SERVICES
from heli import keep, ports
from heli.child import wait_until
from heli.client import Client
from heli.engines import Engines
from heli.reach import STATE
from kit.clock import elapsed_s
from kit.failpoints import Place


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack: its gateway, its data folder, its administrator."""

    gateway: str
    folder: Path
    admin: Client

    def client(self, department: str, region: str, *roles: str) -> Client:
        """Make a client of a department."""
        body = {"department": department, "region": region, "roles": list(roles)}
        made = self.admin.post("/clients", body)
        return Client(self.gateway, made["client_id"], made["client_secret"])

    def pid(self, service: str) -> int:
        """Give a service's process id as `heli up` recorded it."""
        return self.pids()[service]

    def pids(self) -> dict[str, int]:
        """Give the process ids of services and engines; 0 for one that does not run now."""
        state = self.state()
        services = ((name, about["pid"]) for name, about in state["services"].items())
        return {name: int(pid or 0) for name, pid in (*services, *state["engines"].items())}

    def state(self) -> dict[str, Any]:
        """Give what `heli up` recorded of what runs."""
        return keep.read_json(self.folder / STATE)

    def came_back(self, name: str, before: int, *, seconds: float = 180) -> bool:
        """Wait until another process has a dead one's place."""
        return wait_until(lambda: self.pids().get(name, 0) not in {0, before}, seconds=seconds)

    def ready(self, service: str) -> bool:
        """Ask a service itself whether it is ready."""
        url = self.state()["services"][service]["url"]
        try:
            return httpx.get(f"{url}/readyz", timeout=10, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    def in_flight(self, service: str) -> int:
        """Ask a service how many requests it has in hand."""
        url = self.state()["services"][service]["url"]
        text = httpx.get(f"{url}/metrics", timeout=10, trust_env=False).text
        lines = (line.split() for line in text.splitlines())
        return next(int(float(line[1])) for line in lines if line[0] == "heli_requests_in_flight")

    def who_is_ready(self) -> set[str]:
        """Ask all six services side by side."""
        names = [service.name for service in SERVICES]
        with ThreadPoolExecutor(len(names)) as threads:
            return {
                name for name, yes in zip(names, threads.map(self.ready, names), strict=True) if yes
            }

    def all_ready(self) -> bool:
        """Say whether all six services are ready."""
        return len(self.who_is_ready()) == len(SERVICES)

    # Faults ------------------------------------------------------------------------------------

    def arm(self, service: str, place: Place) -> Path:
        """Let a service die when it next passes a failpoint; gives the file, which goes then."""
        file = self.folder / "failpoints" / service / place
        file.touch()
        return file

    @contextmanager
    def without(self, engine: str) -> Iterator[None]:
        """Kill an engine, and let nothing that dies be started again meanwhile."""
        up = self.state()["pid"]
        os.kill(up, signal.SIGSTOP)
        try:
            os.kill(self.pids()[engine], signal.SIGKILL)
            yield
        finally:
            os.kill(up, signal.SIGCONT)

    @contextmanager
    def frozen_postgres(self) -> Iterator[None]:
        """Stop PostgreSQL with all its processes: sockets stand, and nothing answers."""
        home = keep.read_json(self.folder / ports.FILE).get("home", self.folder)
        data = (Path(home) / "pg").resolve()
        frozen: set[int] = set()
        while more := set(_working_in(data)) - frozen:  # until none was forked meanwhile
            for pid in more:
                os.kill(pid, signal.SIGSTOP)
            frozen |= more
        try:
            yield
        finally:
            for pid in frozen:
                os.kill(pid, signal.SIGCONT)

    # What must hold afterwards -----------------------------------------------------------------

    def drained_s(self, *, seconds: float = 60) -> float:
        """Wait until all invariants hold; gives how long that took, or says what does not."""
        began = elapsed_s()
        while True:
            answer = self.admin.get("/operations/invariants", wait_s=0)
            took = elapsed_s() - began
            if answer["ok"]:
                return took
            bad = [check for check in answer["checks"] if not check["ok"]]
            assert took < seconds, bad  # noqa: S101 - a test's own check

    def sql(self, service: str, query: str) -> list[tuple[Any, ...]]:
        """Ask a service's database directly, past all scopes."""
        engines = Engines(self.folder)
        database = next(one.package for one in SERVICES if one.name == service)
        dsn = engines.dsn("postgres", engines.secret("postgres"), database)
        with psycopg.connect(dsn) as connection:
            return connection.execute(query.encode()).fetchall()

    def heli(self, *words: str, caller: Client | None = None) -> subprocess.CompletedProcess[str]:
        """Run the command on this stack, as its administrator or as a client."""
        command = [sys.executable, "-m", "heli", *words, "--data", str(self.folder)]
        id_, secret = (caller or self.admin).credentials
        return subprocess.run(  # noqa: S603 - our own command
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env={"LANG": "C.UTF-8", "HELI_CLIENT_ID": id_, "HELI_CLIENT_SECRET": secret},
        )

    def settle(self) -> None:
        """Wait until every service has heard all that was announced."""
        self.admin.get("/operations/invariants", wait_s=30)

    def load(self, client: Client, collection: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Load rows and wait for the job."""
        data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
        job = client.upload(collection, data, media="application/x-ndjson")
        return client.wait_job(job["id"], seconds=120)


def _working_in(folder: Path) -> Iterator[int]:
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").readlink() == folder:
                yield int(entry.name)
        except OSError:
            continue  # it ended, or is somebody else's
