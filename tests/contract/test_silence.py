"""What a service does when its database is silent, or cuts its connection."""

import asyncio
import os
import signal

import psycopg
import pytest
from sqlalchemy import text

from item_registry.app import service
from kit import leader
from kit.auth import system
from kit.db import Database
from kit.testing import Serve, until

ME = system("item-registry")
PID = text("SELECT pg_backend_pid()")


async def backend(database: Database) -> int:
    async with database.begin(ME, "test") as tx:
        return int((await tx.execute(PID)).scalar_one())


async def test_a_connection_whose_server_is_silent_is_given_up_and_replaced(serve: Serve) -> None:
    async with serve(service) as run:
        database = Database.connect("silent", run.servers.database_url, clock=run.context.clock)
        silent = await backend(database)
        os.kill(silent, signal.SIGSTOP)
        try:
            async with asyncio.timeout(20):
                assert await backend(database) != silent
        finally:
            os.kill(silent, signal.SIGCONT)
        await database.engine.dispose()


async def test_who_loses_the_lock_ends_its_loops_and_begins_them_again(serve: Serve) -> None:
    terms: list[str] = []

    async def work() -> None:
        terms.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            terms.append("ended")

    async def begun_again() -> bool:
        return terms == ["begun", "ended", "begun"]

    async def begun() -> bool:
        return terms == ["begun"]

    async with serve(service) as run:
        leading = asyncio.ensure_future(leader.lead(run.db, work))
        await until(begun)
        with psycopg.connect(run.owner_url, autocommit=True) as owner:
            query = "SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
            where = "l.locktype = 'advisory' AND d.datname = current_database()"
            (holder,) = owner.execute(f"{query} WHERE {where}".encode()).fetchone() or (0,)
        os.kill(holder, signal.SIGTERM)
        await until(begun_again)
        leading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leading
    assert terms == ["begun", "ended", "begun", "ended"]


async def test_loops_that_fail_by_themselves_end_the_process(serve: Serve) -> None:
    async def work() -> None:
        raise LookupError

    async with serve(service) as run:
        with pytest.raises(LookupError):
            await leader.lead(run.db, work)
