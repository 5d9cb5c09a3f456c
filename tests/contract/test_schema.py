"""The schema of each service: its steps make what its tables say, and an older code runs on it."""

from functools import partial

import psycopg
import pytest

from clue_dispatch.app import service as clue_dispatch
from credit_service.app import service as credit_service
from gateway.app import service as gateway
from item_registry.app import service as item_registry
from joint_inspection.app import service as joint_inspection
from kit import migrations
from kit.app import Service, metadata_of
from kit.testing import Serve
from risk_monitor.app import service as risk_monitor

SERVICES = (item_registry, credit_service, risk_monitor, clue_dispatch, joint_inspection, gateway)


@pytest.mark.parametrize("service", SERVICES, ids=lambda one: one.name)
async def test_the_steps_make_what_the_tables_say(serve: Serve, service: Service) -> None:
    async with serve(service) as run:
        assert migrations.differences(run.servers.owner_url, metadata_of(service)) == []


async def test_a_version_runs_on_the_schema_of_the_next_one(serve: Serve) -> None:
    service = item_registry
    async with serve(service) as run:

        async def on(head: str) -> int:
            with psycopg.connect(run.owner_url) as owner:
                owner.execute("UPDATE alembic_version SET version_num = %s", [head])
            async with run.client(None) as client:
                return (await client.get("/readyz")).status_code

        migrate = partial(migrations.migrate, service.folder, run.servers.owner_url, "nobody")
        assert await on("9999") == 200
        assert migrate() is False
        assert await on("b59a2c1f") == 503
        with pytest.raises(migrations.SchemaUnknown):
            migrate()
