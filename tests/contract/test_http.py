"""What every service's HTTP side keeps to, at the boundary of one of them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from datetime import datetime
from typing import Any

import httpx
import pytest
import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.types import Message, Scope

from contracts.item_registry import RegionChanged
from contracts.roles import Role
from item_registry.app import service
from kit import idempotency, imports, inbox, log, outbox
from kit.auth import mint, system
from kit.testing import Running, Serve, actor, covers, until

ADMIN = actor("admin", None, "000000", Role.ADMIN)
OFFICER = actor("officer", "tax-330100", "330100", Role.OFFICER)
JSON = {"content-type": "application/json"}
CSV = {"content-type": "text/csv"}


@pytest.fixture
async def run(serve: Serve) -> AsyncIterator[Running]:
    async with serve(service) as running:
        yield running


def region(id_: str, **more: object) -> dict[str, object]:
    return {"id": id_, "parent": None, "name": f"区域 {id_}"} | more


async def made(run: Running, *ids: str) -> None:
    async with run.client(ADMIN) as client:
        for id_ in ids:
            parent = None if id_ == "000000" else "000000"
            answer = await client.post("/regions", json=region(id_, parent=parent))
            assert answer.status_code == 201, answer.text


async def announced(run: Running) -> int:
    async with run.db.begin(system("item-registry"), "test") as tx:
        return len((await tx.execute(select(outbox.outbox.c.id))).all())


# Once, and the same answer -------------------------------------------------------------------


@covers("RX.7", "R15.1")
async def test_fifty_equal_requests_at_once_have_one_effect_and_fifty_equal_answers(
    run: Running,
) -> None:
    async with run.client(ADMIN) as client:
        client.timeout = httpx.Timeout(60)
        key = {"Idempotency-Key": "fifty"}

        async def ask() -> httpx.Response:
            """Ask until answered: who waited too long for a connection is told to come again."""
            while True:
                answer = await client.post("/regions", json=region("000000"), headers=key)
                if answer.status_code != 503:
                    return answer
                assert answer.headers["retry-after"]

        answers = await asyncio.gather(*(ask() for _ in range(50)))
    assert [answer.status_code for answer in answers] == [201] * 50
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 49
    assert await announced(run) == 1


@covers("RX.7")
async def test_an_answer_lost_after_the_commit_is_given_again_with_its_etag(run: Running) -> None:
    await made(run, "000000")
    draft = json.dumps({"id": "i1", "name": "事项", "kind": "shared", "region": "000000"}).encode()
    headers = {"authorization": f"Bearer {mint(run.servers.key, ADMIN)}", "idempotency-key": "lost"}
    raw = [(name.encode(), value.encode()) for name, value in (headers | JSON).items()]
    scope: Scope = {
        "type": "http",
        "method": "POST",
        "path": "/items",
        "raw_path": b"/items",
        "query_string": b"",
        "headers": raw,
        "http_version": "1.1",
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": draft}

    async def gone(_message: Message) -> None:
        raise ConnectionResetError

    before = await announced(run)
    with suppress(ConnectionResetError, RuntimeError):  # Starlette tells the latter of it
        await run.app(scope, receive, gone)
    async with run.client(ADMIN) as client:
        again = await client.post(
            "/items", content=draft, headers=JSON | {"idempotency-key": "lost"}
        )
    assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
    assert again.headers["etag"] == '"1.1"'
    assert await announced(run) == before


@covers("RX.7")
async def test_a_key_whose_time_ended_is_taken_anew(run: Running) -> None:
    await made(run, "000000")
    async with run.client(ADMIN) as client:
        key = {"Idempotency-Key": "old"}
        first = await client.post("/regions", json=region("r1", parent="000000"), headers=key)
        async with run.db.begin(system("item-registry"), "test") as tx:
            await tx.execute(idempotency.idempotency.delete())
        again = await client.post("/regions", json=region("r1", parent="000000"), headers=key)
    assert (first.status_code, again.status_code) == (201, 409)


# Reads ---------------------------------------------------------------------------------------


@covers("R15.1")
async def test_a_read_has_an_etag_and_what_was_seen_is_not_sent_again(run: Running) -> None:
    await made(run, "000000")
    async with run.client(ADMIN) as client:
        first = await client.get("/regions/000000")
        tag = first.headers["etag"]
        for seen in (tag, f'"x", {tag}', f"W/{tag}", "*"):
            same = await client.get("/regions/000000", headers={"If-None-Match": seen})
            assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
        other = await client.get("/regions/000000", headers={"If-None-Match": '"x"'})
        listed = await client.get("/regions")
    assert other.json() == first.json()
    assert listed.headers["etag"] != tag


@covers("RX.7")
async def test_a_draft_is_changed_with_the_etag_of_its_read_and_only_with_that(
    run: Running,
) -> None:
    await made(run, "000000")
    async with run.client(ADMIN) as client:
        draft = {"id": "i1", "name": "事项", "kind": "shared", "region": "000000"}
        await client.post("/items", json=draft)
        tag = (await client.get("/items/i1")).headers["etag"]
        answers = [
            await client.patch("/items/i1", json={"name": "新名"}, headers=headers)
            for headers in ({}, {"If-Match": tag}, {"If-Match": tag})
        ]
    assert [answer.status_code for answer in answers] == [428, 200, 412]


@covers("R15.1")
async def test_a_list_runs_backwards_on_request_and_names_the_orders_that_it_has(
    run: Running,
) -> None:
    await made(run, "000000", "a", "b", "c")
    async with run.client(ADMIN) as client:
        found: list[str] = []
        cursor: str | None = None
        while True:
            asked = {"sort": "-id", "limit": "3"} | ({"cursor": cursor} if cursor else {})
            page = (await client.get("/regions", params=asked)).json()
            found += [one["id"] for one in page["items"]]
            cursor = page["next"]
            if cursor is None:
                break
        wrong = await client.get("/regions", params={"sort": "colour"})
    assert found == ["c", "b", "a", "000000"]
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["expected"] == ["id", "-id"]


# Limits --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"[" * 10_000 + b"]" * 10_000, 422, "json-too-deep"),
        (json.dumps({str(n): n for n in range(10_001)}).encode(), 422, "json-too-many-keys"),
        (b'{"id": "\xc0\xaf"}', 400, "body-not-utf8"),
        (b'{"id": "' + b"x" * 1024**2 + b'"}', 413, "too-large"),
        (b'{"id": "r1"', 422, "invalid"),
    ],
)
@covers("R15.1")
async def test_a_body_that_no_parser_should_meet_is_refused_by_name(
    run: Running, content: bytes, status: int, code: str
) -> None:
    async with run.client(ADMIN) as client:
        answer = await client.post("/regions", content=content, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_draft_whose_id_ends_like_an_import_has_the_limit_of_any_json(run: Running) -> None:
    body = b'{"name": "' + b"x" * 1024**2 + b'"}'
    async with run.client(ADMIN) as client:
        answer = await client.patch("/items/x:import", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


async def test_who_may_not_send_a_body_is_refused_before_it_is_read(run: Running) -> None:
    read: list[str] = []

    async def never() -> AsyncIterator[bytes]:
        read.append("the body")
        yield b""

    async with run.client(OFFICER) as client:
        for path, headers in (("/regions", JSON), ("/regions:import", CSV)):
            answer = await client.post(path, content=never(), headers=headers)
            assert (answer.status_code, read) == (403, [])


@covers("R15.1")
async def test_a_file_may_be_as_long_as_the_limit_and_not_a_byte_longer(serve: Serve) -> None:
    limits = {"import_bytes": 40, "workbook_bytes": 20}
    async with serve(service, **limits) as run, run.client(ADMIN) as client:
        whole = b"id,name\n000000,".ljust(40, b"x")
        good = await client.post("/regions:import", content=whole, headers=CSV)
        over = await client.post("/regions:import", content=whole + b"x", headers=CSV)
        media = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        book = b"PK\x03\x04".ljust(21, b"x")
        sheet = await client.post("/regions:import", content=book, headers={"content-type": media})
    assert good.status_code == 202
    assert [(one.status_code, one.json()["limit"]) for one in (over, sheet)] == [
        (413, 40),
        (413, 20),
    ]


# Under load ----------------------------------------------------------------------------------


async def test_a_slow_upload_holds_a_place_but_no_connection_and_others_are_told_to_wait(
    serve: Serve,
) -> None:
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"id,name\n"
        arrived.set()
        await go_on.wait()
        yield b"000000,x\n"

    async with serve(service, at_once=1) as run, run.client(ADMIN) as client:
        async with asyncio.TaskGroup() as group:
            upload = group.create_task(client.post("/regions:import", content=slow(), headers=CSV))
            await asyncio.wait_for(arrived.wait(), 30)

            async def idle() -> bool:
                pool: Any = run.db.engine.pool
                return bool(pool.checkedout() == 0)

            await until(idle)
            shed = await client.get("/regions")
            health = [await client.get(path) for path in ("/livez", "/readyz", "/metrics")]
            go_on.set()
        assert (await upload).status_code == 202
    assert (shed.status_code, shed.json()["code"]) == (503, "overloaded")
    assert int(shed.headers["retry-after"]) > 0
    assert [one.status_code for one in health] == [200, 200, 200]


async def test_work_that_nobody_waits_for_is_not_begun(run: Running) -> None:
    async with run.client(ADMIN) as client:
        headers = {"x-deadline-ms": "0"}
        late = await client.post("/regions", json=region("000000"), headers=headers)
        good = await client.get("/regions", headers={"x-deadline-ms": "30000"})
        for said in ("--5", "9" * 400, "soon"):
            answer = await client.get("/regions", headers={"x-deadline-ms": said})
            assert answer.status_code == 200
    assert (late.status_code, late.json()["code"]) == (503, "deadline-passed")
    assert late.headers["retry-after"]
    assert good.json()["items"] == []


async def test_a_statement_takes_no_longer_than_the_answer_is_waited_for(run: Running) -> None:
    await made(run, "000000")
    async with run.db.begin(system("item-registry"), "test") as tx:
        await tx.execute(outbox.head.select().with_for_update())
        async with run.client(ADMIN) as client:
            headers = {"x-deadline-ms": "500"}
            body = region("000000", name="x")
            answer = await client.post("/regions", json=body, headers=headers)
    assert answer.status_code in {409, 503}


async def test_no_file_is_taken_while_too_many_events_wait(
    run: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "MOST_UNPUBLISHED", 2)
    await made(run, "000000", "a", "b")
    async with run.client(ADMIN) as client:
        answer = await client.post("/regions:import", content=b"id,name\nc,x\n", headers=CSV)
    assert (answer.status_code, answer.json()["code"]) == (429, "behind-with-events")
    assert answer.headers["retry-after"]


# Health --------------------------------------------------------------------------------------


async def test_status_and_metrics_say_what_waits_and_readiness_falls_while_draining(
    run: Running,
) -> None:
    await made(run, "000000")
    run.context.connection.drift = ["stream item-registry: max_age differs"]
    async with run.client(None) as client:
        status: dict[str, Any] = (await client.get("/status")).json()
        metrics = (await client.get("/metrics")).text
        ready = await client.get("/readyz")
        run.context.connection.draining = True
        draining = await client.get("/readyz")
        live = await client.get("/livez")
    assert (status["outbox_waiting"], status["dead_letters"], status["jobs_open"]) == (1, 0, 0)
    assert "stream item-registry: max_age differs" in status["degraded"]
    assert any("NATS" in one for one in status["degraded"])
    assert 'heli_requests_total{operation="POST /regions",status="201"}' in metrics
    assert "heli_outbox_waiting 1.0" in metrics
    assert (ready.status_code, draining.status_code, live.status_code) == (200, 503, 200)
    assert draining.json()["draining"] is True


async def test_that_all_connections_are_in_use_does_not_make_it_unready(run: Running) -> None:
    async with run.client(None) as client, AsyncExitStack() as stack:
        before = await client.get("/readyz")
        for _ in range(2 * run.context.settings.pool_size):
            _ = await stack.enter_async_context(run.db.begin(system("item-registry"), "test"))
        during = await client.get("/readyz")
    assert (before.status_code, during.status_code) == (200, 200)


# Traces --------------------------------------------------------------------------------------


async def test_one_trace_leads_from_the_request_through_the_event_to_the_last_handler(
    run: Running,
) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    async with run.client(ADMIN) as client:
        headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
        await client.post("/regions", json=region("000000"), headers=headers)
    async with run.db.begin(system("item-registry"), "test") as tx:
        text = (await tx.execute(select(outbox.outbox.c.envelope))).scalar_one()
    assert log.trace_of(json.loads(text)["traceparent"]) == trace

    async def goes_on(tx: AsyncConnection, event: RegionChanged, _now: datetime) -> None:
        structlog.get_logger().info("handled")
        await outbox.add(tx, [event.model_copy(update={"id": "onward"})])

    heard = [inbox.on(RegionChanged, goes_on)]
    reader = inbox.readers(run.db, heard)[0]
    merge = structlog.contextvars.merge_contextvars
    with structlog.testing.capture_logs(processors=[merge]) as lines:
        await reader.take([reader.read("e1", text.encode())])
    assert [(line["trace"], line["operation"]) for line in lines] == [(trace, RegionChanged.type)]
    async with run.db.begin(system("item-registry"), "test") as tx:
        onward = outbox.outbox.c.aggregate == "region/onward"
        said = (await tx.execute(select(outbox.outbox.c.envelope).where(onward))).scalar_one()
    assert log.trace_of(json.loads(said)["traceparent"]) == trace
