"""The composition root of a service: what it is made of, and how it is started.

`python -m <package>.app serve | migrate | describe | draft`; `draft` writes the next migration from
what the tables say. How it runs stands in `kit.serving`.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from pydantic import ValidationError
from sqlalchemy import MetaData
from starlette.types import ASGIApp

from contracts.errors import Refusal
from contracts.roles import OPERATIONS
from contracts.services import SERVICES
from kit import (
    bus,
    calendars,
    entities,
    errors,
    failpoints,
    health,
    items,
    log,
    places,
    policy,
    revisions,
)
from kit.auth import Verifier
from kit.checks import Invariant
from kit.clock import Clock
from kit.context import Connection, Context, operation_of
from kit.crypto import KeyMissing, Ring, Sealed
from kit.db import Database, standing
from kit.imports import import_router
from kit.inbox import Subscription
from kit.intake import Intake, Places
from kit.jobs import Import
from kit.operations import Reads, operations_router
from kit.policies import policies_router
from kit.policy import PolicyWrong
from kit.replicas import Replica
from kit.serving import Background, Loops, serve
from kit.settings import MigrateSettings, ServiceSettings
from kit.sheets import Columns
from kit.ticker import Every
from kit.timers import Kind, recounting

T = TypeVar("T")
Edge = Callable[[Context, FastAPI], ASGIApp]

_REPLICATED = (places, items, calendars, entities)


@dataclass(frozen=True, slots=True)
class Service:
    """All that makes one service; everything else is in `kit`.

    `extras` makes the service's own parts of the Context (clients, keys) when it starts;
    `timers` is what time does (`kit.ticker`); `background` are loops of its own that run beside
    the readers; `edge` wraps the HTTP side, for the gateway, which alone is reached from outside.
    """

    package: str
    settings: type[ServiceSettings]
    metadata: MetaData
    routers: tuple[APIRouter, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    replicas: tuple[Replica, ...] = ()
    imports: tuple[Import, ...] = ()
    invariants: tuple[Invariant, ...] = ()
    timers: tuple[Kind | Every, ...] = ()
    background: tuple[Background, ...] = ()
    edge: Edge = field(default=lambda _context, app: app)
    extras: Callable[[ServiceSettings, Database], Any] = field(default=lambda _settings, _db: None)

    @property
    def name(self) -> str:
        """Give the service's name, which is also its stream's."""
        return next(one.name for one in SERVICES if one.package == self.package)

    @property
    def folder(self) -> Path:
        """Give the folder of its migrations."""
        source = sys.modules[self.settings.__module__].__file__ or ""
        return Path(source).parent / "migrations"

    def hears(self) -> tuple[Subscription, ...]:
        """Give its own subscriptions and those of the replicas that every service keeps."""
        kinds = [one for one in self.timers if isinstance(one, Kind)]
        every = (one for module in _REPLICATED for one in module.SUBSCRIPTIONS)
        common = (recounting(one, kinds) for one in every)
        return self.subscriptions + tuple(s for s in common if s.event.service() != self.name)

    def keeps(self) -> tuple[Replica, ...]:
        """Give its own read models and those that every service keeps."""
        common = (one for module in _REPLICATED for one in module.REPLICAS)
        return self.replicas + tuple(r for r in common if r.event.service() != self.name)

    def app(self, context: Context) -> FastAPI:
        """Make the HTTP side; a route without a row in `contracts.roles` does not start."""
        made = self._routes()
        made.state.context = context
        made.state.sentences = errors.Sentences.load("kit", self.package)
        errors.install(made, made.state.sentences)
        health.install(made, context, revisions.head(self.folder))
        places = Places(context.settings.at_once)
        made.add_middleware(Intake, sentences=made.state.sentences, places=places)
        return made

    def _routes(self) -> FastAPI:
        made = FastAPI(
            title=f"Heli 合力: {self.name}",
            version=version("heli-shared"),
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,  # a redirect would name the address inside
            generate_unique_id_function=_operation_id,
        )
        for router in self.routers:
            made.include_router(router)
        made.include_router(import_router(self.imports))
        reads = Reads(self.hears(), self.keeps(), self.invariants)
        made.include_router(operations_router(reads))
        made.include_router(policies_router(self.name, self.package))
        known = OPERATIONS[self.name]
        for route in made.openapi()["paths"].items():
            for method in route[1]:
                operation = operation_of(method.upper(), route[0])
                if operation not in known:
                    msg = f"{operation} of {self.name} has no row in contracts.roles"
                    raise LookupError(msg)
        return made

    def context(self, settings: ServiceSettings) -> Context:
        """Make the one Context from settings."""
        policy.use(self.package, settings.policy)
        clock = Clock(settings.clock_offset_days)
        database = Database.connect(
            self.name,
            settings.database_url,
            clock=clock,
            pool_size=settings.pool_size,
            ring=self._ring(settings),
        )
        return Context(
            service=self.name,
            settings=settings,
            db=database,
            clock=clock,
            verifier=Verifier.load(settings.keys),
            operations=OPERATIONS[self.name],
            connection=Connection(),
            extras=self.extras(settings, database),
        )

    def _ring(self, settings: ServiceSettings) -> Ring | None:
        """Read the keys of sealed columns; a service that has some does not start without."""
        if settings.column_keys is not None:
            return Ring.load(settings.column_keys)
        tables = self.metadata.tables.values()
        if any(isinstance(column.type, Sealed) for one in tables for column in one.c):
            raise KeyMissing("HELI_COLUMN_KEYS")
        return None

    def main(self) -> None:
        """Run a command line: serve, migrate, describe or draft."""
        parser = argparse.ArgumentParser(prog=f"python -m {self.package}.app")
        parser.add_argument("command", choices=["serve", "migrate", "describe", "draft"])
        parser.add_argument("--owner-url", help="the owner role's database URL, for migrate")
        parser.add_argument("--app-role", help="the role that `serve` uses, for migrate")
        parser.add_argument("--nats-admin-url", help="makes the streams too, for migrate")
        parser.add_argument("--replicas", type=int, help="copies of a stream, for migrate")
        asked = parser.parse_args()
        match asked.command:
            case "serve":
                settings = _read(self.settings, parser)
                log.configure(settings.log)
                failpoints.arm(settings.failpoints)
                try:
                    context = self.context(settings)
                except PolicyWrong as no:
                    parser.error(f"HELI_POLICY: {no}")
                loops = Loops(
                    self.hears(), self.keeps(), self.imports, self.timers, self.background
                )
                asyncio.run(serve(self.edge(context, self.app(context)), context, loops))
            case "migrate":
                given = {name: value for name, value in vars(asked).items() if value is not None}
                wanted = _read(partial(MigrateSettings, **given), parser)
                from kit import migrations  # noqa: PLC0415 - a process that serves needs no Alembic

                migrations.migrate(self.folder, wanted.owner_url, wanted.app_role)
                if wanted.nats_admin_url:
                    asyncio.run(bus.ensure_streams(wanted.nats_admin_url, wanted.replicas))
            case "draft":
                from kit import migrations  # noqa: PLC0415

                migrations.next_step(self.folder, asked.owner_url, metadata_of(self))
            case _:
                sys.stdout.write(json.dumps(self.describe(), ensure_ascii=False) + "\n")

    def describe(self) -> dict[str, Any]:
        """Say what the service offers and hears, for the generated pages."""
        return {
            "service": self.name,
            "openapi": self._routes().openapi(),
            "hears": sorted(one.event.type for one in self.hears()),
            "imports": {one.collection: Columns.of(one.row).described() for one in self.imports},
            "refusals": _refusals(Refusal),
        }


def _read(settings: Callable[[], T], parser: argparse.ArgumentParser) -> T:
    """Read settings; what is missing or wrong ends the program, named by its variable."""
    try:
        return settings()
    except ValidationError as no:
        wrong = [
            f"HELI_{'_'.join(str(part) for part in one['loc']).upper()}: {one['msg']}"
            for one in no.errors()
        ]
        parser.error("settings: " + "; ".join(wrong))


def _refusals(kind: type[Refusal]) -> dict[str, int]:
    """Give code → HTTP status of every refusal that this process knows."""
    found: dict[str, int] = {}
    for one in kind.__subclasses__():
        found |= {one.code: errors.status_of(one)} | _refusals(one)
    return found


def _operation_id(route: APIRoute) -> str:
    return route.name


def metadata_of(service: Service) -> Sequence[MetaData]:
    """Give all tables of a service: its own and those that every service has."""
    return (standing, service.metadata)
