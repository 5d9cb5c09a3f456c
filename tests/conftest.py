"""Fixtures that all tests share: real PostgreSQL and nats-server, one of each a worker."""

import asyncio
import contextlib
import functools
import itertools
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import nats
import psycopg
import pytest
from joserfc.jwk import OKPKey
from nats.aio.client import Client as NatsClient
from nats.js.errors import NotFoundError
from psycopg import sql

from contracts.services import SERVICES
from heli.background import surroundings
from heli.client import Client
from heli.credentials import bootstrap
from heli.databases import Database, provision
from heli.engines import Engines
from heli.testing import Stack
from kit import bus, migrations
from kit.app import Service
from kit.testing import Running, Serve, Servers, key_pair, running

_COUNT = itertools.count(1)
_MEASURED = "measured"
_ENV = os.environ  # noqa: TID251 - the workers' processes inherit it


def pytest_configure() -> None:
    """Choose the seed of what is random in this run, before the workers start."""
    _ENV.setdefault("HELI_SEED", str(secrets.randbelow(1_000_000)))


@pytest.fixture
def measured(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Say at the end of the run what a test measured."""
    return functools.partial(record_property, _MEASURED)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, value in report.user_properties:
            if name == _MEASURED and report.when == "call":
                terminalreporter.write_line(f"{report.nodeid}: {value}")
    terminalreporter.write_line(f"HELI_SEED={_ENV['HELI_SEED']}")


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """PostgreSQL and nats-server with six empty databases."""
    with Engines(tmp_path_factory.mktemp("engines")) as started:
        provision(started)
        yield started


@pytest.fixture(scope="session")
def signing(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, OKPKey]:
    return key_pair(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
async def streams(engines: Engines) -> None:
    await bus.ensure_streams(engines.nats_admin_url)


def _fresh(engines: Engines, service: Service) -> tuple[str, str]:
    """Clone a database of its own from the service's migrated one; give app and owner URL."""
    of = next(one for one in SERVICES if one.package == service.package)
    template = Database(of, engines)
    migrations.migrate(service.folder, template.url(template.owner), template.app)
    name = f"{of.package}_{next(_COUNT)}"
    with psycopg.connect(engines.admin_dsn, autocommit=True) as admin:
        make = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}")
        parts = (sql.Identifier(part) for part in (name, of.package, template.owner))
        admin.execute(make.format(*parts))
    app_url, owner_url = (
        template.url(role).rpartition("/")[0] + f"/{name}"
        for role in (template.app, template.owner)
    )
    return app_url, owner_url


async def _empty_streams(url: str) -> None:
    """Make the streams anew: what another test said there is not heard."""
    admin = await nats.connect(url)
    try:
        for service in SERVICES:
            with contextlib.suppress(NotFoundError):
                await admin.jetstream().delete_stream(service.name)
    finally:
        await admin.close()
    await bus.ensure_streams(url)


@pytest.fixture(scope="session")
def serve(engines: Engines, signing: tuple[Path, OKPKey]) -> Serve:
    """Run one service in this process on a fresh database: `async with serve(service) as run`.

    With the bus the streams are empty as well, unless another one is on them already.
    """
    on_bus: list[str] = []

    @contextlib.asynccontextmanager
    async def start(
        service: Service, *, with_bus: bool = False, **settings: object
    ) -> AsyncIterator[Running]:
        # In a thread: services that run beside must not wait for a migration.
        app_url, owner_url = await asyncio.to_thread(_fresh, engines, service)
        if with_bus and not on_bus:
            await _empty_streams(engines.nats_admin_url)
        if "signing_key" in service.settings.model_fields:
            private = signing[0].with_name("signing.json")
            private.write_text(json.dumps(signing[1].as_dict(private=True)), "utf-8")
            settings = {"signing_key": private, "services": {}, **settings}
        servers = Servers(
            database_url=app_url,
            owner_url=owner_url,
            nats_url=engines.nats_url(service.name),
            keys=signing[0],
            key=signing[1],
        )
        if with_bus:
            on_bus.append(service.name)
        try:
            async with running(service, servers, with_bus=with_bus, **settings) as run:
                yield run
        finally:
            if with_bus:
                on_bus.remove(service.name)

    return start


@pytest.fixture
async def nats_admin(engines: Engines) -> AsyncIterator[NatsClient]:
    """Connect to NATS as its administrator; streams are as declared before and after."""
    await bus.ensure_streams(engines.nats_admin_url)
    client = await nats.connect(engines.nats_admin_url)
    yield client
    await client.close()
    await bus.ensure_streams(engines.nats_admin_url)


# The whole stack, for journeys and chaos ------------------------------------------------------


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Start `heli up` with the sandbox on a folder of its own, and stop it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="heli-e2e-"))
    command = [sys.executable, "-m", "heli", "up", "--data", str(folder), "--sandbox", "--json"]
    env = surroundings() | {"HELI_FAILPOINTS": "1"}  # tests/chaos arms them
    process = subprocess.Popen(
        [*command, "--port", "0"], stdout=subprocess.PIPE, text=True, env=env
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"heli up did not start (exit {process.poll()})"
        state = json.loads(line)
        admin = Client(state["gateway"], *bootstrap(folder), patience_s=180)
        yield Stack(state["gateway"], folder, admin)
        admin.close()
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
        keep = os.environ.get("HELI_KEEP_TEST_DATA")  # noqa: TID251 - for looking at a failure
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
