"""For tests only: what a test proves, a service started on real servers, tokens for its callers."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from joserfc.jwk import KeySet, OKPKey

from contracts.roles import Role
from contracts.says import Fact
from kit import bus, consumer, inbox, outbox, ticker, worker
from kit.app import Service
from kit.auth import Actor, keys_of, mint, system
from kit.clock import elapsed_s
from kit.context import Context
from kit.crypto import new_ring
from kit.db import Database
from kit.relay import Relay

_WAIT_S = 15.0
_LOOK_S = 0.03
_LOAD_S = 120.0
_ERRORS = 200  # the longest page


def covers(*requirements: str) -> pytest.MarkDecorator:
    """Say which requirements of `docs/requirements.md` a test proves."""
    return pytest.mark.covers(*requirements)


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the real servers of this test run are, and the key pair that signs its tokens."""

    database_url: str
    owner_url: str
    nats_url: str
    keys: Path
    key: OKPKey


def key_pair(folder: Path) -> tuple[Path, OKPKey]:
    """Make a signing key and the JWKS file of its public part."""
    key = OKPKey.generate_key("Ed25519", auto_kid=True)
    path = folder / "jwks.json"
    path.write_text(json.dumps(KeySet([key]).as_dict(private=False)), "utf-8")
    return path, key


def actor(
    id_: str,
    department: str | None,
    region: str,
    *roles: Role,
    line: str | None = None,
) -> Actor:
    """Make a caller; the line is the department's first word unless it is given."""
    line = line or (department.rpartition("-")[0] if department else None) or None
    keys = keys_of(department, line, (region,), roles)
    return Actor(id_, department, line, (region,), frozenset(roles), None, keys)


@dataclass(frozen=True, slots=True)
class Running:
    """One service, running in this process against real PostgreSQL and NATS."""

    service: Service
    context: Context
    app: FastAPI
    servers: Servers

    @property
    def owner_url(self) -> str:
        """Give the owner role's libpq URL of its database."""
        return self.servers.owner_url.replace("postgresql+psycopg", "postgresql")

    @property
    def db(self) -> Database:
        """Give its database."""
        return self.context.db

    def client(self, caller: Actor | None) -> httpx.AsyncClient:
        """Give an HTTP client that calls as somebody, or as nobody."""
        headers = {"authorization": f"Bearer {mint(self.servers.key, caller)}"} if caller else {}
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, raise_app_exceptions=False),
            base_url=f"http://{self.service.name}",
            headers=headers,
        )

    async def hear(self, *facts: Fact, sequence: int = 1) -> None:
        """Let the service hear facts, as if their owners had announced them, through its inbox."""
        for fact in facts:
            owner = replace(self.context.db, service=fact.service())
            envelope = outbox.envelope_of(fact, owner.clock.now(), system(fact.service()), sequence)
            readers = inbox.readers(self.context.db, self.service.hears())
            reader = next(one for one in readers if one.stream == fact.service())
            data = envelope.model_dump_json().encode()
            await reader.take([reader.read(envelope.id, data)])
            await self.no_dead_letters()

    async def load(
        self,
        caller: Actor,
        collection: str,
        content: bytes | Sequence[Mapping[str, Any]],
        media: str = "text/csv",
        **headers: str,
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Import a file (rows as dicts go as NDJSON) and wait for its end.

        Gives the job and its first errors. `headers` have `_` for `-`, such as `idempotency_key`.
        """
        if not isinstance(content, bytes):
            lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in content)
            content, media = "".join(lines).encode(), "application/x-ndjson"
        async with self.client(caller) as client:
            client.headers.update({name.replace("_", "-"): headers[name] for name in headers})
            answer = await client.post(
                f"/{collection}:import", content=content, headers={"content-type": media}
            )
            assert answer.status_code == httpx.codes.ACCEPTED, answer.text  # noqa: S101 - a test's own check
            path = f"/jobs/{answer.json()['id']}"

            job: dict[str, Any] = {}

            async def ended() -> bool:
                found = await client.get(path)
                if found.status_code != httpx.codes.SERVICE_UNAVAILABLE:  # told to come again
                    job.update(found.json())
                return job.get("finished_at") is not None

            await until(ended, _LOAD_S)
            errors = (await client.get(f"{path}/errors", params={"limit": _ERRORS})).json()
            return job, errors["items"]

    async def no_dead_letters(self) -> None:
        """Fail if an event could not be handled."""
        async with self.db.begin(system(self.service.name), "test") as tx:
            rows = (await tx.execute(inbox.dead_letter.select())).all()
        assert not rows, rows  # noqa: S101 - a test's own check

    async def said(self, type_: type[Fact]) -> list[Fact]:
        """Give what the service announced of one type, in order."""
        query = outbox.outbox.select().where(outbox.outbox.c.type == type_.type)
        async with self.db.begin(system(self.service.name), "test") as tx:
            rows = (await tx.execute(query.order_by(outbox.outbox.c.id))).all()
        return [type_.model_validate(json.loads(row.envelope)["data"]) for row in rows]


@dataclass(frozen=True, slots=True)
class ByHand:
    """A service whose relay and readers a test moves itself: nothing has to be waited for."""

    run: Running
    bus: bus.Bus

    async def send(self) -> None:
        """Publish everything, and carry an open replay to its end."""
        relay = Relay(self.run.db, self.bus)
        while await relay.step():
            relay.look_at = 0.0

    async def read(self, *streams: str) -> None:
        """Handle everything that the streams hold for it."""
        service = self.run.service
        for reader in inbox.readers(self.run.db, service.hears(), service.keeps()):
            if reader.stream in streams:
                pull = await self.bus.subscribe(reader.stream, reader.subjects)
                while await self._left(reader.stream):
                    await consumer.settle(reader, await pull.fetch(consumer.BATCH, consumer.WAIT_S))

    async def _left(self, stream: str) -> int:
        info = await self.bus.streams.consumer_info(stream, self.run.service.name)
        return int(info.num_pending or 0)


async def until(holds: Callable[[], Awaitable[bool]], wait_s: float = _WAIT_S) -> None:
    """Wait for a condition, with a deadline."""
    end = elapsed_s() + wait_s
    while not await holds():
        if elapsed_s() > end:
            msg = f"did not hold within {wait_s} s"
            raise AssertionError(msg)
        await asyncio.sleep(_LOOK_S)


def _column_keys(path: Path) -> Path:
    if not path.exists():
        path.write_text(json.dumps(new_ring()), "utf-8")
    return path


@contextlib.asynccontextmanager
async def running(
    service: Service, servers: Servers, *, with_bus: bool = True, **settings: object
) -> AsyncIterator[Running]:
    """Run a service in this process; with the bus its readers and its relay run too."""
    values = {
        "mode": "embedded",
        "database_url": servers.database_url,
        "nats_url": servers.nats_url,
        "keys": servers.keys,
        "column_keys": _column_keys(servers.keys.with_name("column-keys.json")),
    }
    context = service.context(service.settings.model_validate(values | settings))
    run = Running(service, context, service.app(context), servers)
    stack = contextlib.AsyncExitStack()
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(worker.run(context.db, service.imports))]
            tasks.append(group.create_task(ticker.run(context.db, service.timers)))
            tasks += [group.create_task(loop(context)) for loop in service.background]  # type: ignore[arg-type]
            if with_bus:
                found = await bus.Bus.connect(service.name, servers.nats_url, lambda: None)
                stack.push_async_callback(found.close)
                context.connection.bus = found
                tasks.append(group.create_task(Relay(context.db, found).run()))
                readers = inbox.readers(context.db, service.hears(), service.keeps())
                tasks += [group.create_task(consumer.consume(one, found)) for one in readers]
            yield run
            for task in tasks:
                task.cancel()
    finally:
        await stack.aclose()
        await context.db.engine.dispose()


Serve = Callable[..., contextlib.AbstractAsyncContextManager[Running]]
