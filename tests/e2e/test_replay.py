"""`heli replay`: a stream and a reader's tables are lost, and what they held comes back."""

import asyncio
import json
from typing import Any

import nats
import psycopg

from contracts.services import RISK_MONITOR
from heli.databases import Database
from heli.engines import Engines
from heli.testing import Stack
from kit import bus
from kit.testing import covers

OWNER = "item-registry"
TABLES = ("known_region", "known_department", "known_item", "known_calendar", "inbox")


def rows(connection: psycopg.Connection[Any]) -> dict[str, list[str]]:
    """Give what risk-monitor keeps of item-registry, without when and in which run it took it."""
    found = {}
    for table in TABLES:
        only = f" WHERE stream = '{OWNER}'" if table == "inbox" else ""
        query = f"SELECT to_jsonb(t) - 'run' - 'handled_at' FROM {table} AS t{only}"
        kept = connection.execute(query).fetchall()
        found[table] = sorted(json.dumps(row, sort_keys=True) for (row,) in kept)
    return found


async def lose_the_stream(url: str) -> None:
    client = await nats.connect(url)
    await client.jetstream().delete_stream(OWNER)
    await client.close()
    await bus.ensure_streams(url)  # as `heli up` and `migrate` do


@covers("R15.4")
def test_a_lost_stream_and_an_emptied_reader_come_back(stack: Stack) -> None:
    places = [{"id": "000000", "name": "全国"}]
    places += [{"id": f"rp-{n}", "parent": "000000", "name": f"示例{n}"} for n in range(30)]
    assert stack.load(stack.admin, "regions", places)["status"] == "done"
    stack.settle()
    engines = Engines(stack.folder)
    database = Database(RISK_MONITOR, engines)
    url = database.url(database.owner).replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        before = rows(connection)
        assert len(before["inbox"]) > 30
        asyncio.run(lose_the_stream(engines.nats_admin_url))
        for table in TABLES:
            connection.execute(f"TRUNCATE {table}")  # the facts of the other streams go as well
        done = stack.heli("replay", OWNER, "--json")
        assert done.stdout, done.stderr
        told = json.loads(done.stdout)
        assert (done.returncode, told["ok"]) == (0, True), told
        assert told["events"] >= len(before["inbox"])
        assert rows(connection) == before
    for owner in ("clue-dispatch", "credit-service"):
        assert stack.heli("replay", owner, "--json").returncode == 0
    assert stack.heli("verify", "--json").returncode == 0
    assert stack.heli("replay", "no-such-service").returncode == 2
