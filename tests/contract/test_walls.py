"""The wall of scope: what the app role sees by raw SQL, whatever a query forgets."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Table, text
from sqlalchemy.exc import ProgrammingError

from clue_dispatch.app import service as clue_dispatch
from credit_service.app import service as credit_service
from gateway.app import service as gateway
from item_registry.app import service as item_registry
from joint_inspection.app import service as joint_inspection
from kit.app import Service, metadata_of
from kit.auth import Actor, system
from kit.db import INTERNAL, OPEN, Database, write_as_service
from kit.faking import fitting
from kit.testing import Running, Serve, covers
from risk_monitor.app import service as risk_monitor

SERVICES = (
    clue_dispatch,
    credit_service,
    gateway,
    item_registry,
    joint_inspection,
    risk_monitor,
)
MINE = Actor("mine", keys=("market-330100", "market@330100"))
THEIRS = Actor("theirs", keys=("market-440100", "market@440100", "*@440100"))
WITHOUT = {"alembic_version"}


@pytest.fixture(params=SERVICES, ids=lambda one: one.package)
async def run(request: pytest.FixtureRequest, serve: Serve) -> AsyncIterator[Running]:
    async with serve(request.param) as running:
        yield running


def tables_of(service: Service) -> dict[str, Table]:
    return {one.name: one for metadata in metadata_of(service) for one in metadata.tables.values()}


def scoped(service: Service) -> list[Table]:
    return [one for one in tables_of(service).values() if "readers" in one.c]


def row_of(table: Table, readers: Iterable[str]) -> dict[str, object]:
    given = {one.key: fitting(one) for one in table.c if not one.identity}
    return given | {"readers": list(readers)}


async def put(database: Database, table: Table, readers: Iterable[str]) -> None:
    async with database.begin(system(database.service), "test") as tx:
        await tx.execute(table.insert().values(row_of(table, readers)))


def app(run: Running) -> psycopg.Connection[Any]:
    """Connect as the role that serves, as a stranger to our code would."""
    url = run.servers.database_url.replace("postgresql+psycopg", "postgresql")
    return psycopg.connect(url)


def become(connection: psycopg.Connection[Any], actor: Actor) -> None:
    keys = "{" + ",".join(actor.keys) + "}"
    connection.execute(
        "SELECT set_config('heli.actor', %s, true), set_config('heli.keys', %s, true)",
        [actor.id, keys],
    )


def count(connection: psycopg.Connection[Any], table: Table) -> int:
    asked = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table.name))
    found = connection.execute(asked).fetchone()
    assert found is not None
    return int(found[0])


def unguarded(connection: psycopg.Connection[Any], service: Service) -> set[str]:
    """Name the tables that are of no class, or whose wall does not stand."""
    rows = connection.execute(
        "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity,"
        " (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid"
        " AND p.polqual IS NOT NULL AND p.polwithcheck IS NOT NULL AND p.polcmd = '*'),"
        " EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'readers')"
        " FROM pg_class c WHERE c.relkind IN ('r', 'p')"
        " AND c.relnamespace = 'public'::regnamespace"
    ).fetchall()
    known = tables_of(service)
    wrong = set()
    for name, walled, policies, has_readers in rows:
        table = known.get(name)
        of_class = table is not None and table.info in (OPEN, INTERNAL)
        right = not of_class and walled and policies == 1 if has_readers else of_class
        if name not in WITHOUT and not right:
            wrong.add(name)
    return wrong


@covers("RX.2")
async def test_every_table_is_open_internal_or_walled(run: Running) -> None:
    with psycopg.connect(run.owner_url) as owner:
        assert unguarded(owner, run.service) == set()
        owner.execute("CREATE TABLE planted_scoped (id text, readers text[])")
        owner.execute("CREATE TABLE planted_plain (id text)")
        assert unguarded(owner, run.service) == {"planted_scoped", "planted_plain"}
        for table in scoped(run.service)[:1]:
            name = sql.Identifier(table.name)
            owner.execute(sql.SQL("ALTER TABLE {} NO FORCE ROW LEVEL SECURITY").format(name))
            assert table.name in unguarded(owner, run.service)
        owner.rollback()


@covers("RX.2")
async def test_a_stranger_reads_changes_and_writes_no_row_by_raw_sql(run: Running) -> None:
    for table in scoped(run.service):
        await put(run.db, table, MINE.keys)
        name = sql.Identifier(table.name)
        with app(run) as connection:
            become(connection, MINE)
            assert count(connection, table) == 1, table.name
            row = connection.execute(sql.SQL("SELECT to_jsonb(t) FROM {} t").format(name))
            kept = json.dumps(row.fetchone()[0])  # type: ignore[index]
            connection.rollback()

            become(connection, THEIRS)
            assert count(connection, table) == 0, table.name
            update = sql.SQL("UPDATE {} SET readers = %s").format(name)
            assert connection.execute(update, [list(THEIRS.keys)]).rowcount == 0, table.name
            delete = sql.SQL("DELETE FROM {}").format(name)
            assert connection.execute(delete).rowcount == 0, table.name
            connection.rollback()

            become(connection, THEIRS)
            add = sql.SQL("INSERT INTO {0} SELECT * FROM jsonb_populate_record(null::{0}, %s)")
            with pytest.raises(InsufficientPrivilege):
                connection.execute(add.format(name), [kept])
            connection.rollback()

            become(connection, MINE)
            with pytest.raises(InsufficientPrivilege):  # nor is a row given away unseen
                connection.execute(update, [list(THEIRS.keys)])
            connection.rollback()
            # No actor at all: before anything was set, and after a transaction that set it.
            assert count(connection, table) == 0, table.name
        with app(run) as fresh:
            assert count(fresh, table) == 0, table.name


@covers("RX.2")
async def test_what_a_service_concludes_passes_the_wall_in_one_statement_alone(
    serve: Serve,
) -> None:
    async with serve(joint_inspection) as run:
        table = tables_of(joint_inspection)["target"]
        row = table.insert().values(row_of(table, MINE.keys))
        with pytest.raises(ProgrammingError, match="row-level security"):
            async with run.db.begin(THEIRS, "test") as tx:
                await tx.execute(row)
        asked = text("SELECT count(*) FROM target")
        async with run.db.begin(THEIRS, "test") as tx:
            await write_as_service(tx, row)
            assert (await tx.execute(asked)).scalar_one() == 0
        async with run.db.begin(MINE, "test") as tx:
            assert (await tx.execute(asked)).scalar_one() == 1


async def test_the_serving_role_owns_nothing_and_passes_no_wall(run: Running) -> None:
    with app(run) as connection:
        found = connection.execute(
            "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb,"
            " (SELECT count(*) FROM pg_class c WHERE c.relowner = r.oid),"
            " (SELECT count(*) FROM pg_auth_members m WHERE m.member = r.oid)"
            " FROM pg_roles r WHERE rolname = current_user"
        ).fetchone()
        assert found == (False, False, False, False, 0, 0)
        for table in tables_of(run.service).values():
            for forbidden in (
                "ALTER TABLE {} DISABLE ROW LEVEL SECURITY",
                "ALTER TABLE {} ADD COLUMN planted text",
                "DROP TABLE {}",
                "TRUNCATE {}",
            ):
                connection.rollback()
                with pytest.raises(InsufficientPrivilege):
                    connection.execute(sql.SQL(forbidden).format(sql.Identifier(table.name)))
        for forbidden in ("UPDATE audit SET reason = 'x'", "DELETE FROM audit"):
            connection.rollback()
            with pytest.raises(InsufficientPrivilege):
                connection.execute(forbidden)
        connection.rollback()
        with pytest.raises(InsufficientPrivilege):
            connection.execute("CREATE TABLE planted (id text)")


# One connection, two tenants ------------------------------------------------------------------


@covers("RX.2")
async def test_one_connection_shows_a_tenant_nothing_of_the_one_before(serve: Serve) -> None:
    async with serve(joint_inspection) as run:
        table = tables_of(joint_inspection)["target"]
        await put(run.db, table, MINE.keys)
        one = Database.connect(
            "joint-inspection", run.servers.database_url, clock=run.db.clock, pool_size=1
        )
        asked = text("SELECT count(*), pg_backend_pid() FROM target")

        async def seen(actor: Actor) -> tuple[int, int]:
            async with one.begin(actor, "test") as tx:
                found, pid = (await tx.execute(asked)).one()
                return found, pid

        async def nobody() -> tuple[int, str | None, str | None]:
            keys = "current_setting('heli.keys', true)"
            actor = "current_setting('heli.actor', true)"
            async with one.engine.connect() as connection:
                query = text(f"SELECT (SELECT count(*) FROM target), {keys}, {actor}")
                return tuple((await connection.execute(query)).one())

        async def fails() -> None:
            async with one.begin(MINE, "test") as tx:
                await tx.execute(asked)
                raise LookupError

        async def is_cancelled() -> None:
            async with one.begin(MINE, "test") as tx:
                await tx.execute(text("SELECT pg_sleep(30)"))

        try:
            mine, pid = await seen(MINE)
            assert mine == 1
            assert await seen(THEIRS) == (0, pid)
            with pytest.raises(LookupError):
                await fails()
            assert await seen(THEIRS) == (0, pid)
            assert await nobody() == (0, "", "")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await is_cancelled()
            assert (await seen(THEIRS))[0] == 0
            assert await nobody() == (0, "", "")
            assert (await seen(MINE))[0] == 1
            assert (await seen(system("joint-inspection")))[0] == 1
            assert await nobody() == (0, "", "")
        finally:
            await one.engine.dispose()
