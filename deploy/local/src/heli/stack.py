"""Everything that `heli up` starts: both engines, six services, and the sandbox when asked."""

import asyncio
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import httpx
import psycopg
from sqlalchemy.exc import OperationalError

from contracts.services import CREDIT_SERVICE, GATEWAY, SERVICES, ServiceName
from heli import credentials, databases, keep, ports
from heli.child import StartFailed, last_words
from heli.credentials import Credentials
from heli.databases import Database
from heli.engines import Engines
from heli.folder import FILES
from heli.fork import warm
from heli.problems import Problem
from heli.reach import STATE
from heli.settings import Settings
from heli.supervisor import Program, Supervisor
from kit.bus import ensure_streams
from kit.clock import Clock
from kit.deadlines import SHANGHAI

_SANDBOX: Final = "sandbox"
_DEMO_PAGE: Final = "demo.html"  # `heli demo` writes it there, and the gateway shows it
_READY_S: Final = 120.0
LAST_STEP: Final = "step-services"
_TRIES: Final = 3  # deaths of one service before a first start is given up
_LOOK_S: Final = 0.1
_PLACE: Final = SHANGHAI


class GatewayPortTaken(Problem):
    """The port asked for the gateway is used by another program."""

    code = "gateway-port-taken"


class GatewayPortNotAllowed(Problem):
    """The system does not let us have the port asked for the gateway."""

    code = "gateway-port-not-allowed"


class DatabaseAway(Problem):
    """The database server does not let us in or does not answer."""

    code = "database-away"


class NatsAway(Problem):
    """The NATS server does not let us in or does not answer."""

    code = "nats-away"


class NotReady(Problem):
    """Services run but do not become ready."""

    code = "not-ready"


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for: the gateway's port (0: any), the day to play, the sandbox."""

    port: int = 0
    today: date | None = None
    sandbox: bool = False
    log: str = "json"


class Stack:
    """One running Heli on one data folder."""

    def __init__(self, settings: Settings, plan: Plan) -> None:
        self.plan = plan
        self.engines = Engines(
            settings.data,
            database_url=settings.database_url,
            nats_url=settings.nats_url,
            archive=settings.archive,
        )
        self.folder = self.engines.folder
        self._supervisor = Supervisor(())
        self._addresses: dict[str, str] = {}
        self._failpoints = settings.failpoints
        self.ours = False  # the folder, once its lock is taken

    @property
    def gateway(self) -> str:
        """Give the gateway's address."""
        return self._addresses[GATEWAY.name]

    def start(self, tell: Callable[[str], None]) -> None:
        """Bring everything up and wait until all six are ready; `tell` hears each step's code."""
        tell("step-engines")
        self.engines.claim()
        self.ours = True
        self._check_port()
        self.engines.start()
        tell("step-databases")
        self._provision()
        tell("step-migrations")
        self._migrate()
        self._make_streams()
        self._addresses = self._choose_addresses()
        made = credentials.prepare(self.folder)
        tell(LAST_STEP)
        warm()
        self._supervisor = Supervisor(self._programs(made))
        self._supervisor.start()
        self._wait_ready()
        self._write_state()

    def _provision(self) -> None:
        try:
            databases.provision(self.engines)
        except psycopg.OperationalError as no:
            raise DatabaseAway(reason=str(no).strip()) from no

    def _migrate(self) -> None:
        try:
            databases.migrate_all(self.engines)
        except OperationalError as no:
            raise DatabaseAway(reason=str(no.orig).strip()) from no

    def _make_streams(self) -> None:
        try:
            asyncio.run(ensure_streams(self.engines.nats_admin_url))
        except Exception as no:  # only kit.bus knows nats-py's errors by name
            raise NatsAway(reason=str(no) or type(no).__name__) from no

    def watch(self) -> None:
        """Keep everything running until an exception ends it."""
        while True:
            time.sleep(_LOOK_S)
            if self.engines.tend() + self._supervisor.tend():
                self._write_state()

    def stop(self) -> None:
        """Stop services, then nats-server, then PostgreSQL."""
        if self.ours:
            (self.folder / STATE).unlink(missing_ok=True)
        self._supervisor.stop()
        self.engines.stop()

    def state(self) -> dict[str, Any]:
        """Say what runs where; also the content of state.json."""
        pids = self._supervisor.pids()
        services = {
            name: {"url": url, "pid": pids.get(name)} for name, url in self._addresses.items()
        }
        return {
            "gateway": self.gateway,
            "sandbox": self._addresses.get(_SANDBOX),
            "data": str(self.folder),
            "today": self._today().isoformat(),
            "pid": os.getpid(),
            "services": services,
            "engines": self.engines.pids(),
        }

    def _write_state(self) -> None:
        keep.write_json(self.folder / STATE, self.state())

    # What each process gets --------------------------------------------------------------------

    def _choose_addresses(self) -> dict[str, str]:
        file = self.folder / ports.FILE
        names = [service.name for service in SERVICES]
        names += [_SANDBOX] if self.plan.sandbox else []
        # First, so that whoever has this port from an earlier start gives it up.
        asked = {GATEWAY.name: self.plan.port} if self.plan.port else {}
        keep.write_json(file, keep.read_json(file) | asked)
        chosen = {name: asked.get(name) or ports.kept(file, name, movable=True) for name in names}
        return {name: f"http://{ports.HOST}:{port}" for name, port in chosen.items()}

    def _check_port(self) -> None:
        no = ports.reason_against(self.plan.port)
        if isinstance(no, PermissionError):
            raise GatewayPortNotAllowed(port=self.plan.port, reason=no.strerror)
        if no is not None:
            raise GatewayPortTaken(port=self.plan.port, by=ports.holder(self.plan.port))

    def _programs(self, made: Credentials) -> list[Program]:
        programs = [
            self._program(
                service.name, [f"{service.package}.app", "serve"], self._env(service, made)
            )
            for service in SERVICES
        ]
        if self.plan.sandbox:
            env = {"HELI_SANDBOX_STATE": str(self.folder / "sandbox.sqlite")}
            programs.append(self._program(_SANDBOX, ["heli.sandbox"], env))
        return programs

    def _program(self, name: str, module: list[str], env: dict[str, str]) -> Program:
        port = self._addresses[name].rpartition(":")[2]
        everyone = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HELI_HOST": ports.HOST,
            "HELI_PORT": port,
            "HELI_MODE": "embedded",
            "HELI_LOG": self.plan.log,
            "HELI_CLOCK_OFFSET_DAYS": str(self._offset_days()),
        }
        if self._failpoints:  # for tests: kit.failpoints
            folder = self.folder / "failpoints" / name
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            everyone["HELI_FAILPOINTS"] = str(folder)
        log = self.folder / "logs" / f"{name}.log"
        return Program(name, module, everyone | env, log)

    def _env(self, service: ServiceName, made: Credentials) -> dict[str, str]:
        database = Database(service, self.engines)
        env = {
            "HELI_DATABASE_URL": database.url(database.app),
            "HELI_NATS_URL": self.engines.nats_url(service.name),
            "HELI_KEYS": str(made.keys),
            "HELI_FILES": str(self.folder / FILES / service.name),
        }
        if service is CREDIT_SERVICE:
            env["HELI_COLUMN_KEYS"] = str(made.columns)
        if service is GATEWAY:
            env |= {
                "HELI_SIGNING_KEY": str(made.signing),
                "HELI_BOOTSTRAP": str(made.bootstrap),
                "HELI_SERVICES": json.dumps(self._siblings()),
                "HELI_PLATFORM_URL": self._addresses.get(_SANDBOX, ""),
                "HELI_DEMO_PAGE": str(self.folder / _DEMO_PAGE),
            }
        return env

    def _siblings(self) -> dict[str, str]:
        names = (service.name for service in SERVICES if service is not GATEWAY)
        return {name: self._addresses[name] for name in names}

    # Day and readiness -------------------------------------------------------------------------

    def _real_today(self) -> date:
        return Clock().now().astimezone(_PLACE).date()

    def _today(self) -> date:
        return self.plan.today or self._real_today()

    def _offset_days(self) -> int:
        return (self._today() - self._real_today()).days

    def _wait_ready(self) -> None:
        until = time.monotonic() + _READY_S
        waiting = dict(self._addresses)
        with httpx.Client(timeout=2.0, trust_env=False) as http:
            while waiting:
                self._supervisor.tend()
                for name in list(waiting):
                    if _is_ready(http, waiting[name]):
                        del waiting[name]
                    elif self._supervisor.deaths(name) >= _TRIES:
                        raise self._failed(name)
                if waiting and time.monotonic() > until:
                    raise NotReady(services=", ".join(waiting), logs=str(self.folder / "logs"))
                time.sleep(_LOOK_S)

    def _failed(self, name: str) -> StartFailed:
        log = self.folder / "logs" / f"{name}.log"
        return StartFailed(program=name, exit_code="≠ 0", log=str(log), words=last_words(log))


def _is_ready(http: httpx.Client, address: str) -> bool:
    try:
        return http.get(f"{address}/readyz").is_success
    except httpx.HTTPError:
        return False
