"""Six databases, each with a role that owns and migrates it and a role that serves from it."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import Connection, sql

from contracts.services import SERVICES, ServiceName
from heli.engines import Engines
from heli.problems import Problem
from kit.migrations import SchemaUnknown, migrate


class UnknownSchema(Problem):
    """The data were written by another unreleased version."""

    code = "schema-unknown"


class NotInstalled(Problem):
    """A service's package is not installed in this environment."""

    code = "not-installed"


@dataclass(frozen=True, slots=True)
class Database:
    """Where one service's database is, and as whom to come."""

    service: ServiceName
    engines: Engines

    @property
    def owner(self) -> str:
        """Name the role that owns the tables and migrates."""
        return f"{self.service.package}_owner"

    @property
    def app(self) -> str:
        """Name the role that serves; it cannot change a table."""
        return f"{self.service.package}_app"

    def password(self, role: str) -> str:
        """Give a role's password, made when first asked for."""
        return self.engines.secret(f"postgres {role}")

    def url(self, role: str) -> str:
        """Give SQLAlchemy's URL of the database for a role."""
        server = urlsplit(self.engines.admin_dsn)
        place = server.netloc.rpartition("@")[2]
        who = f"{role}:{quote(self.password(role), safe='')}"
        asked = f"?{server.query}" if server.query else ""  # an existing server's sslmode
        return f"postgresql+psycopg://{who}@{place}/{self.service.package}{asked}"


def provision(engines: Engines) -> None:
    """Make whatever is missing: roles, databases, and the rights between them."""
    with psycopg.connect(engines.admin_dsn, autocommit=True) as admin:
        for service in SERVICES:
            _provision_one(admin, Database(service, engines))
    for service in SERVICES:
        database = Database(service, engines)
        with psycopg.connect(engines.admin_dsn, dbname=service.package, autocommit=True) as inside:
            inside.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
            inside.execute(
                sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(sql.Identifier(database.app))
            )


def _provision_one(admin: Connection, database: Database) -> None:
    for role in (database.owner, database.app):
        _role(admin, role, database.password(role))
    name = sql.Identifier(database.service.package)
    found = admin.execute(
        "SELECT 1 FROM pg_database WHERE datname = %s", [database.service.package]
    )
    if found.fetchone() is None:
        owner = sql.Identifier(database.owner)
        admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, owner))
    admin.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
    admin.execute(
        sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, sql.Identifier(database.app))
    )


def _role(admin: Connection, role: str, password: str) -> None:
    """Make a role or set its password, hashed on our side: the server's log never sees it."""
    hashed = admin.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    exists = admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    verb = sql.SQL("ALTER" if exists else "CREATE")
    admin.execute(
        sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(
            verb, sql.Identifier(role), sql.Literal(hashed.decode())
        )
    )


def migrations(service: ServiceName) -> Path:
    """Find a service's migrations without importing the service."""
    spec = importlib.util.find_spec(service.package)
    places = spec.submodule_search_locations if spec else None
    if not places:
        raise NotInstalled(package=service.package)
    return Path(places[0]) / "migrations"


def migrate_all(engines: Engines) -> list[str]:
    """Bring all six schemas to the head of this code, and name those where something was to do."""
    changed = []
    for service in SERVICES:
        database = Database(service, engines)
        try:
            if migrate(migrations(service), database.url(database.owner), database.app):
                changed.append(service.name)
        except LookupError as missing:
            raise NotInstalled(package=service.package) from missing
        except SchemaUnknown as unknown:
            raise UnknownSchema(
                service=service.name, head=str(unknown), folder=str(engines.folder)
            ) from unknown
    return changed
