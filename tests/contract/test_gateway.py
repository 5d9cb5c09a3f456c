"""The gateway at its boundary: real PostgreSQL, real sockets to stand-ins for the others."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
import uvicorn
from joserfc.jwk import OKPKey
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import ASGIApp

from contracts.clue_dispatch import PenaltyDecided
from contracts.credit_service import EntityBatch, EntityRow
from contracts.gateway import ReportDelivered, ReportRejected
from contracts.item_registry import DepartmentChanged, RegionChanged
from contracts.joint_inspection import ResultRecorded
from contracts.services import SERVICES
from gateway.app import service
from gateway.exchange import jobs
from gateway.forward import api as door
from gateway.forward import domain
from gateway.forward import store as forwarding
from gateway.identity.domain import AUDIENCE
from heli.sandbox.app import Settings as SandboxSettings
from heli.sandbox.app import make as make_sandbox
from kit import idempotency, limits, meters, outbox
from kit.audit import audit
from kit.auth import Verifier, system
from kit.bus import Outgoing
from kit.clock import elapsed_s, real_seconds
from kit.faking import FORGED_HEADERS, forged
from kit.testing import Running, Serve, covers, until

FIRST = ("bootstrap", "the first secret")
Signing = tuple[Path, OKPKey]
OTHERS = [one.name for one in SERVICES if one.name != "gateway"]
SUBJECT = "uscc-91330100799655058B"


# Stand-ins for the other services --------------------------------------------------------------


@dataclass
class Other:
    """A service that writes down what it was asked and answers as it was told."""

    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)

    async def answer(self, request: Request, path: str, raw: str) -> Response:
        body = b"".join([part async for part in request.stream()])
        self.asked.append(
            {
                "path": raw,
                "query": request.url.query,
                "headers": dict(request.headers),
                "size": len(body),
                "body": body[:1000],
            }
        )
        answer = self.answers.get(path, {"said": path})
        if callable(answer) and not isinstance(answer, Response):
            answer = answer(request)
        return answer if isinstance(answer, Response) else JSONResponse(answer)


def together(others: dict[str, Other]) -> Starlette:
    """All stand-ins behind one socket, each under its name."""

    async def answer(request: Request) -> Response:
        name = request.path_params["name"]
        raw = request.scope["raw_path"].decode().removeprefix(f"/{name}")
        return await others[name].answer(request, "/" + request.path_params["rest"], raw)

    app = Starlette()
    app.add_route("/{name}/{rest:path}", answer, methods=["GET", "POST", "PATCH"])
    return app


async def _is_up(server: uvicorn.Server) -> bool:
    return server.started


@contextlib.asynccontextmanager
async def listening(app: ASGIApp) -> AsyncIterator[str]:
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off")
    )
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(server.serve())
        await until(partial(_is_up, server))
        port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            await serving


@dataclass(frozen=True)
class Gate:
    """The gateway with its door, and whoever stands in for the others."""

    run: Running
    url: str
    others: dict[str, Other]

    def client(self, token: str | None = None) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return httpx.AsyncClient(
            base_url=self.url, headers=headers, trust_env=False, timeout=30, verify=False
        )

    @contextlib.asynccontextmanager
    async def raw(
        self, said: str
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Open a connection of its own and say something on it."""
        host, _, port = self.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(said.encode())
            yield reader, writer
        finally:
            writer.close()

    async def token(self, client_id: str = FIRST[0], secret: str = FIRST[1]) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": secret,
        }
        async with self.client() as client:
            answer = await client.post("/oauth/token", data=form)
        assert answer.status_code == 200, answer.text
        given: str = answer.json()["access_token"]
        return given

    async def admin(self) -> httpx.AsyncClient:
        return self.client(await self.token())

    async def made(self, **wanted: object) -> dict[str, Any]:
        async with await self.admin() as client:
            answer = await client.post("/api/v1/clients", json=wanted)
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()
        return body


@contextlib.asynccontextmanager
async def opened(
    serve: Serve, signing: Signing, folder: Path, **settings: object
) -> AsyncIterator[Gate]:
    key = folder / "signing.json"
    key.write_text(json.dumps(signing[1].as_dict(private=True)), "utf-8")
    first = folder / "bootstrap.json"
    first.write_text(json.dumps({"client_id": FIRST[0], "client_secret": FIRST[1]}), "utf-8")
    async with contextlib.AsyncExitStack() as stack:
        others = {name: Other() for name in OTHERS}
        base = await stack.enter_async_context(listening(together(others)))
        values: dict[str, object] = {
            "signing_key": key,
            "bootstrap": first,
            "services": {name: f"{base}/{name}" for name in OTHERS},
        }
        run = await stack.enter_async_context(serve(service, **values | settings))
        url = await stack.enter_async_context(listening(service.edge(run.context, run.app)))
        yield Gate(run, url, others)


@pytest.fixture
async def gate(serve: Serve, signing: Signing, tmp_path: Path) -> AsyncIterator[Gate]:
    async with opened(serve, signing, tmp_path) as one:
        yield one


# Identity --------------------------------------------------------------------------------------


async def test_a_token_is_given_for_form_and_for_basic_credentials(gate: Gate) -> None:
    async with gate.client() as client:
        basic = base64.b64encode(":".join(FIRST).encode()).decode()
        answer = await client.post(
            "/oauth/token",
            data={"grant_type": "client_credentials"},
            headers={"authorization": f"Basic {basic}"},
        )
    assert answer.status_code == 200
    assert answer.json()["token_type"] == "Bearer"
    assert answer.json()["expires_in"] == 3600
    assert answer.headers["cache-control"] == "no-store"
    assert await gate.token()


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, 401, "invalid_client"),
        (
            {"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"},
            401,
            "invalid_client",
        ),
        (
            {"grant_type": "client_credentials", "client_id": FIRST[0], "client_secret": "y"},
            401,
            "invalid_client",
        ),
    ],
)
async def test_a_token_is_refused_as_oauth_asks(
    gate: Gate, form: dict[str, str], status: int, error: str
) -> None:
    async with gate.client() as client:
        answer = await client.post("/oauth/token", data=form)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["error_description"].isascii()
    assert answer.json()["type"] == f"/problems/{answer.json()['code']}"
    assert answer.json()["status"] == answer.status_code
    assert not answer.json()["title"].isascii()


@covers("R15.1")
async def test_a_department_gets_its_own_client_and_is_seen_with_its_line(gate: Gate) -> None:
    await gate.run.hear(
        DepartmentChanged(
            id="tax-330100", name="税务局", line="tax", level=3, territory=("330100",)
        )
    )
    made = await gate.made(department="tax-330100", region="330100", roles=["officer"])
    token = await gate.token(made["client_id"], made["client_secret"])
    async with gate.client(token) as client:
        me = (await client.get("/api/v1/me")).json()
        refused = await client.get("/api/v1/clients")
    assert (me["line"], me["department_known"]) == ("tax", True)
    assert me["keys"] == ["tax-330100", "tax@330100"]
    assert "POST /api/v1/clues/{id}:sign" in me["operations"]
    assert refused.status_code == 403


async def test_a_client_of_a_department_that_nobody_knows_yet_is_accepted(gate: Gate) -> None:
    made = await gate.made(department="nobody-9", region="330100", roles=["integrator"])
    async with gate.client(await gate.token(made["client_id"], made["client_secret"])) as client:
        me = (await client.get("/api/v1/me")).json()
    assert (me["line"], me["department_known"], me["keys"]) == (None, False, ["nobody-9"])


@covers("RX.2")
async def test_below_the_root_no_client_is_made_for_a_department_that_nobody_knows(
    gate: Gate,
) -> None:
    await gate.run.hear(RegionChanged(id="330100", parent=None, name="杭州"))
    made = await gate.made(region="330100", roles=["admin"])
    wanted = {"region": "330100", "roles": ["officer"], "department": "tax-440000"}
    async with gate.client(await gate.token(made["client_id"], made["client_secret"])) as client:
        answer = await client.post("/api/v1/clients", json=wanted)
    assert (answer.status_code, answer.json()["code"]) == (422, "client-department-unknown")


async def test_a_client_is_seen_and_revoked_in_its_region_and_not_by_its_department(
    gate: Gate,
) -> None:
    await gate.run.hear(
        RegionChanged(id="330000", parent=None, name="浙江"),
        RegionChanged(id="330100", parent="330000", name="杭州"),
        DepartmentChanged(
            id="tax-330100", name="税务局", line="tax", level=3, territory=("330100",)
        ),
    )
    above = await gate.made(department="tax-330100", region="330000", roles=["lead"])
    made = await gate.made(department="tax-330100", region="330100", roles=["admin"])
    async with gate.client(await gate.token(made["client_id"], made["client_secret"])) as client:
        seen = (await client.get("/api/v1/clients")).json()["items"]
        answer = await client.post(f"/api/v1/clients/{above['client_id']}:revoke", json={})
    assert [one["id"] for one in seen] == [made["client_id"]]
    assert answer.status_code == 404


async def test_a_purpose_goes_into_the_token_and_an_unclear_one_is_refused(gate: Gate) -> None:
    async with await gate.admin() as client:
        for stated, status in (("%E6%A0%B8%E6%9F%A5", 200), ("", 422), ("x" * 201, 422)):
            answer = await client.get("/api/v1/me", headers={"heli-purpose": stated})
            assert answer.status_code == status, answer.text
    async with gate.run.db.begin(system("gateway"), "test") as tx:
        acts = (await tx.execute(select(audit.c.act, audit.c.reason))).all()
    assert [tuple(one) for one in acts] == [("GET /me", "核查")]


async def test_a_revoked_clients_tokens_stop_within_two_seconds(gate: Gate) -> None:
    made = await gate.made(region="330100", roles=["officer"])
    token = await gate.token(made["client_id"], made["client_secret"])
    async with gate.client(token) as client, await gate.admin() as admin:
        assert (await client.get("/api/v1/me")).status_code == 200
        path = f"/api/v1/clients/{made['client_id']}:revoke"
        assert (await admin.post(path, json={"reason": "离职"})).status_code == 200
        assert (await admin.post(path, json={})).status_code == 409

        async def stopped() -> bool:
            answer = (await client.get("/api/v1/me")).json()
            return bool(answer.get("code") == "client-revoked")

        await until(stopped, 2.5)
        form = {"grant_type": "client_credentials", "client_id": made["client_id"]}
        again = await client.post(
            "/oauth/token", data=form | {"client_secret": made["client_secret"]}
        )
    assert again.status_code == 401


async def test_making_a_client_twice_under_one_key_makes_one_and_stores_no_secret(
    gate: Gate,
) -> None:
    wanted = {"department": "tax-330100", "region": "330100", "roles": ["officer"]}
    async with await gate.admin() as client:
        key = {"idempotency-key": "k1"}
        answers = await asyncio.gather(
            *(client.post("/api/v1/clients", json=wanted, headers=key) for _ in range(5))
        )
        other = await client.post(
            "/api/v1/clients", json=wanted | {"region": "330200"}, headers=key
        )
        clients = (await client.get("/api/v1/clients")).json()["items"]
    assert len({answer.content for answer in answers}) == 1
    assert len(clients) == 1
    assert "secret" not in json.dumps(clients)
    assert other.json()["code"] == "idempotency-key-used-otherwise"
    async with gate.run.db.begin(system("gateway"), "test") as tx:
        assert not (await tx.execute(select(idempotency.idempotency))).all()
        acts = (await tx.execute(select(audit.c.act, audit.c.actor))).all()
    assert [tuple(one) for one in acts] == [("POST /clients", "bootstrap")]


async def test_an_administrator_gives_no_access_beside_its_own_region(gate: Gate) -> None:
    await gate.run.hear(
        RegionChanged(id="000000", parent=None, name="全国"),
        RegionChanged(id="330000", parent="000000", name="浙江"),
        RegionChanged(id="330100", parent="330000", name="杭州"),
        RegionChanged(id="440000", parent="000000", name="广东"),
    )
    made = await gate.made(region="330000", roles=["admin"])
    async with gate.client(await gate.token(made["client_id"], made["client_secret"])) as client:
        below = await client.post("/api/v1/clients", json={"region": "330100", "roles": ["lead"]})
        beside = await client.post("/api/v1/clients", json={"region": "440000", "roles": ["lead"]})
        above = await client.post("/api/v1/clients", json={"region": "000000", "roles": ["admin"]})
        seen = (await client.get("/api/v1/clients")).json()["items"]
    assert (below.status_code, beside.status_code, above.status_code) == (201, 403, 403)
    assert {one["region"] for one in seen} == {"330000", "330100"}


@covers("R15.1")
async def test_an_administrator_gives_no_access_as_a_department_above_it(gate: Gate) -> None:
    await gate.run.hear(
        RegionChanged(id="000000", parent=None, name="全国"),
        RegionChanged(id="330000", parent="000000", name="浙江"),
        RegionChanged(id="330100", parent="330000", name="杭州"),
        DepartmentChanged(
            id="tax-330000", name="税务局", line="tax", level=2, territory=("330000",)
        ),
        DepartmentChanged(
            id="tax-330100", name="税务局", line="tax", level=3, territory=("330100",)
        ),
    )
    made = await gate.made(region="330100", roles=["admin"])
    wanted = {"region": "330100", "roles": ["officer"]}
    async with gate.client(await gate.token(made["client_id"], made["client_secret"])) as client:
        own, above = [
            await client.post("/api/v1/clients", json=wanted | {"department": department})
            for department in ("tax-330100", "tax-330000")
        ]
    assert (own.status_code, above.status_code) == (201, 403)
    assert (above.json()["code"], above.json()["region"]) == (
        "client-outside-your-region",
        "330000",
    )


async def test_a_form_or_a_key_that_is_too_long_is_refused(gate: Gate) -> None:
    async with await gate.admin() as client:
        form = {"grant_type": "client_credentials", "client_id": "x" * 100_000}
        token = await client.post("/oauth/token", data=form | {"client_secret": "y"})
        key = {"idempotency-key": "".join(str(number) for number in range(5000))}
        wanted = {"region": "330100", "roles": ["officer"]}
        made = await client.post("/api/v1/clients", json=wanted, headers=key)
    assert (token.status_code, token.json()["limit"]) == (413, 16 * 1024)
    assert made.status_code == 422


_CRITICAL = base64.urlsafe_b64encode(b'{"alg":"Ed25519","crit":1}').decode().rstrip("=")


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer x.y.z", f"Bearer {_CRITICAL}.e30.eA", "Basic eDp5"]
)
async def test_a_wrong_token_is_refused_before_anybody_is_asked(gate: Gate, header: str) -> None:
    async with gate.client() as client:
        headers = {"authorization": header} if header else {}
        answer = await client.get("/api/v1/clues", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"
    assert gate.others["clue-dispatch"].asked == []


async def test_an_internal_token_does_not_open_the_door(gate: Gate) -> None:
    async with gate.run.client(None) as inner:
        assert (await inner.get("/me")).status_code == 401
    internal = await gate.run.context.extras.door.internal(f"Bearer {await gate.token()}")
    async with gate.client(internal) as client:
        assert (await client.get("/api/v1/me")).status_code == 401


# Forwarding ------------------------------------------------------------------------------------


async def test_only_the_internal_token_and_known_headers_go_in(gate: Gate) -> None:
    token = await gate.token()
    async with gate.client(token) as client:
        answer = await client.get(
            "/api/v1/clues/a%2Fb?subject=x%20y",
            headers={"x-forwarded-user": "root", "cookie": "a=b", "accept-language": "en"},
        )
    assert answer.status_code == 200
    asked = gate.others["clue-dispatch"].asked[0]
    assert (asked["path"], asked["query"]) == ("/clues/a%2Fb", "subject=x%20y")
    assert asked["headers"]["accept-language"] == "en"
    assert not {"x-forwarded-user", "cookie", "user-agent"} & asked["headers"].keys()
    shown = asked["headers"]["authorization"].removeprefix("Bearer ")
    assert shown != token
    actor = Verifier.load(gate.run.context.settings.keys).actor(shown)
    assert (actor.id, actor.regions) == ("bootstrap", ("000000",))
    assert asked["headers"]["traceparent"] == answer.headers["traceparent"]


async def test_a_trace_that_comes_in_goes_on(gate: Gate) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    async with await gate.admin() as client:
        answer = await client.get("/api/v1/clues", headers={"traceparent": trace})
    assert answer.headers["traceparent"] == trace
    assert gate.others["clue-dispatch"].asked[0]["headers"]["traceparent"] == trace


async def test_a_large_body_is_streamed_both_ways(gate: Gate) -> None:
    part, parts = b"x" * 65_536, 320

    async def content() -> AsyncIterator[bytes]:
        for _ in range(parts):
            yield part

    def back(_request: Request) -> Response:
        async def body() -> AsyncIterator[bytes]:
            for _ in range(parts):
                yield part

        return StreamingResponse(body(), 202)

    gate.others["risk-monitor"].answers["/signals:import"] = back
    async with await gate.admin() as client:
        answer = await client.post(
            "/api/v1/signals:import", content=content(), headers={"content-type": "text/csv"}
        )
    asked = gate.others["risk-monitor"].asked[0]
    assert (asked["size"], asked["headers"]["content-type"]) == (len(part) * parts, "text/csv")
    assert (answer.status_code, len(answer.content)) == (202, len(part) * parts)


async def test_answers_keep_status_and_headers(gate: Gate) -> None:
    made = JSONResponse({}, 201, {"location": "/api/v1/jobs/x", "etag": '"3"'})
    gate.others["credit-service"].answers["/entities"] = made
    async with await gate.admin() as client:
        answer = await client.post(
            "/api/v1/entities", json={"a": 1}, headers={"idempotency-key": "k"}
        )
    assert (answer.status_code, answer.headers["etag"]) == (201, '"3"')
    asked = gate.others["credit-service"].asked[0]
    assert (asked["headers"]["idempotency-key"], asked["body"]) == ("k", b'{"a":1}')


async def test_a_public_draw_needs_no_token_and_gets_none(gate: Gate) -> None:
    async with gate.client() as client:
        file = await client.get("/api/v1/draws/d1/file")
        draw = await client.get("/api/v1/draws/d1")
    assert (file.status_code, draw.status_code) == (200, 401)
    assert "authorization" not in gate.others["joint-inspection"].asked[0]["headers"]


async def test_a_service_that_is_down_is_named_and_may_be_tried_again(gate: Gate) -> None:
    gate.run.context.extras.reach.addresses["clue-dispatch"] = "http://127.0.0.1:1"
    async with await gate.admin() as client:
        answer = await client.get("/api/v1/clues", headers={"accept-language": "en"})
    assert (answer.status_code, answer.json()["code"]) == (503, "service-away")
    assert answer.json()["service"] == "clue-dispatch"
    assert "retry-after" in answer.headers


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/", "/nothing", "/audit", "/clients"])
async def test_what_nobody_answers_is_a_problem(gate: Gate, path: str) -> None:
    async with await gate.admin() as client:
        answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "no-such-path")


async def test_a_page_is_only_read(gate: Gate) -> None:
    async with gate.client() as client:
        answer = await client.post("/docs")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_a_method_that_a_path_does_not_take_is_answered_with_all_that_it_takes(
    gate: Gate,
) -> None:
    async with await gate.admin() as client:
        answer = await client.delete("/api/v1/clients", headers={"accept-language": "en"})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
    assert answer.json()["title"] == "/api/v1/clients does not take DELETE; it takes GET, POST."


async def test_broken_json_is_told_with_its_place(gate: Gate) -> None:
    headers = {"content-type": "application/json", "accept-language": "en"}
    async with await gate.admin() as client:
        answer = await client.post(
            "/api/v1/clients", content='{"region": "330106", oops}', headers=headers
        )
    (fault,) = answer.json()["errors"]
    assert (fault["field"], fault["code"]) == ("body", "json-invalid")
    assert fault["got"] == '{"region": "330106", oops}'[1:]
    assert "character 22 " in fault["expected"]


async def test_a_parameter_of_an_operation_without_any_is_refused_as_one_of_none(
    gate: Gate,
) -> None:
    async with await gate.admin() as client:
        answer = await client.get("/api/v1/me?limit=1")
    assert answer.json()["title"].endswith("可用的查询参数：无。")


async def test_a_client_of_places_that_nobody_knows_is_made_and_told_so(gate: Gate) -> None:
    wanted = {"department": "nobody-1", "region": "999999", "roles": ["officer"]}
    async with await gate.admin() as client:
        made = (await client.post("/api/v1/clients", json=wanted)).json()
    assert (made["department_known"], made["region_known"]) == (False, False)


async def test_the_session_to_the_others_is_closed_at_the_end(
    serve: Serve, signing: Signing, tmp_path: Path
) -> None:
    async with opened(serve, signing, tmp_path) as gate, await gate.admin() as client:
        await client.get("/api/v1/clues")
        session = gate.run.context.extras.reach.session
        assert not session.closed
    assert session.closed


# Composed --------------------------------------------------------------------------------------


def page(*items: object) -> dict[str, Any]:
    return {"items": list(items), "next": None}


def entity(gate: Gate) -> None:
    core = {"id": SUBJECT, "version": 3, "name": "某公司", "status": "active"}
    credit = gate.others["credit-service"].answers
    credit[f"/entities/{SUBJECT}"] = core
    credit[f"/entities/{SUBJECT}/grades"] = page({"grade": "C", "version": 2})
    credit[f"/entities/{SUBJECT}/records"] = page()
    gate.others["risk-monitor"].answers["/warnings"] = page({"id": "w1"})
    gate.others["clue-dispatch"].answers |= {"/clues": page({"id": "c1"}), "/cases": page()}
    gate.others["joint-inspection"].answers |= {"/visits": page(), "/targets": page()}


async def test_an_entity_is_composed_of_what_all_services_know(gate: Gate) -> None:
    entity(gate)
    async with await gate.admin() as client:
        whole = (await client.get(f"/api/v1/entities/{SUBJECT.removeprefix('uscc-')}")).json()
    assert (whole["id"], whole["name"], whole["version"]) == (SUBJECT, "某公司", 3)
    assert whole["parts"]["grades"]["items"] == [{"grade": "C", "version": 2}]
    assert whole["parts"]["clues"] == {
        "service": "clue-dispatch",
        "items": [{"id": "c1"}],
        "next": None,
        "refused": None,
    }
    assert whole["degraded"] == []
    assert gate.others["risk-monitor"].asked[0]["query"] == f"subject={SUBJECT}"


async def test_who_does_not_answer_is_named_and_the_rest_is_there(gate: Gate) -> None:
    entity(gate)
    gate.run.context.extras.reach.addresses["risk-monitor"] = "http://127.0.0.1:1"
    async with await gate.admin() as client:
        whole = (await client.get(f"/api/v1/entities/{SUBJECT}")).json()
    assert whole["degraded"] == ["risk-monitor"]
    assert "warnings" not in whole["parts"]
    assert whole["parts"]["clues"]["items"] == [{"id": "c1"}]


async def test_an_entity_that_its_owner_does_not_know_is_not_found(gate: Gate) -> None:
    problem = {"code": "not-found", "title": "没有", "status": 404}
    gate.others["credit-service"].answers["/entities/uscc-x"] = JSONResponse(problem, 404)
    async with await gate.admin() as client:
        answer = await client.get("/api/v1/entities/uscc-x")
    assert (answer.status_code, answer.json()) == (404, problem)


@pytest.mark.parametrize("id_", ["x%3Flimit=1", "a%20b", "%E5%8E%82", "x%23y"])
async def test_an_id_of_strange_characters_is_asked_for_as_it_came(gate: Gate, id_: str) -> None:
    async with await gate.admin() as client:
        answer = await client.get(f"/api/v1/entities/{id_}")
    assert answer.json()["degraded"] == []
    assert gate.others["credit-service"].asked[0]["query"] == ""
    raw = gate.others["credit-service"].asked[0]["path"]
    assert unquote(raw) == unquote(f"/entities/{id_}")


async def test_a_list_of_all_six_that_one_refuses_is_refused(gate: Gate) -> None:
    problem = {"code": "root-needed", "title": "不行", "status": 403}
    for name in OTHERS:
        gate.others[name].answers["/audit"] = JSONResponse(problem, 403)
    async with await gate.admin() as client:
        answer = await client.get("/api/v1/audit")
    assert (answer.status_code, answer.json()) == (403, problem)


async def test_audit_of_all_six_is_one_list_by_time(gate: Gate) -> None:
    await gate.made(region="330100", roles=["officer"])
    for number, name in enumerate(OTHERS):
        row = {"service": name, "at": f"2020-01-0{number + 1}T00:00:00Z"}
        gate.others[name].answers["/audit"] = page(row)
    async with await gate.admin() as client:
        first = (await client.get("/api/v1/audit?limit=4")).json()
        rest = (await client.get(f"/api/v1/audit?limit=4&cursor={first['next']}")).json()
    found = [row["service"] for row in first["items"] + rest["items"]]
    assert found == [*OTHERS, "gateway"]
    assert (rest["next"], rest["degraded"]) == (None, [])


async def test_a_dead_letter_is_requeued_where_it_lies(gate: Gate) -> None:
    for name in OTHERS:
        missing = JSONResponse({"code": "not-found"}, 404)
        gate.others[name].answers["/operations/dead-letters/e1:requeue"] = missing
    async with await gate.admin() as client:
        nowhere = await client.post("/api/v1/operations/dead-letters/e1:requeue")
        path = "/operations/dead-letters/e1:requeue"
        gate.others["risk-monitor"].answers[path] = {"handled": 2}
        done = await client.post(f"/api/v1{path}")
        gate.others["risk-monitor"].answers[path] = JSONResponse({}, 503)
        away = await client.post(f"/api/v1{path}")
    assert nowhere.status_code == 404
    assert (away.status_code, away.json()["service"]) == (503, ["risk-monitor"])
    assert done.json() == {"handled": 2, "services": ["risk-monitor"]}


async def test_the_merged_document_and_its_pages_need_no_token_and_no_net(gate: Gate) -> None:
    for other in gate.others.values():
        other.answers["/openapi.json"] = {"paths": {}, "components": {}}
    async with gate.client() as client:
        document = (await client.get("/openapi.json")).json()
        docs = await client.get("/docs")
        script = await client.get("/docs/assets/swagger-ui-bundle.js")
        start = await client.get("/")
    assert document["openapi"] == "3.1.0"
    assert {"/api/v1/entities/{entity_id}", "/api/v1/audit", "/oauth/token"} <= set(
        document["paths"]
    )
    assert "x-degraded" not in document
    assert next(iter(document["paths"])) == "/api/v1/me"
    assert "跨部门综合监管" in docs.text
    for page in (docs, start):
        outside = page.text.replace(gate.url, "")
        assert "http://" not in outside
        assert "https://" not in outside
        assert "default-src 'self'" in page.headers["content-security-policy"]
    assert len(script.content) > 1_000_000


async def test_the_document_is_told_in_the_language_that_is_asked_for(gate: Gate) -> None:
    for other in gate.others.values():
        other.answers["/openapi.json"] = {"paths": {}, "components": {}}
    path = "/api/v1/me"
    async with gate.client() as client:
        first = (await client.get("/openapi.json")).json()
        english = (await client.get("/openapi.json", headers={"accept-language": "en"})).json()
        chosen = await client.get("/openapi.json?lang=zh", headers={"accept-language": "en"})
    assert first["paths"][path]["get"]["summary"].startswith("我是谁")
    assert english["paths"][path]["get"]["summary"].startswith("Say who is calling")
    assert chosen.json()["paths"][path]["get"]["summary"].startswith("我是谁")


# What people look at ---------------------------------------------------------------------------


async def test_the_start_page_says_who_is_ready_and_shows_no_ids(gate: Gate) -> None:
    for name, other in gate.others.items():
        ready = name != "risk-monitor"
        other.answers["/readyz"] = JSONResponse({"ready": ready}, 200 if ready else 503)
    pulse = gate.run.context.extras.pulse
    pulse.count("risk-monitor.warning.raised.v1", real_seconds())
    async with gate.client() as client:
        page = await client.get("/", headers={"accept-language": "zh"})
        beat = (await client.get("/pulse?lang=en")).json()
    states = {one["name"]: one["state"] for one in beat["services"]}
    assert states["risk-monitor"] == "not-ready"
    assert set(states.values()) == {"ready", "not-ready"}
    assert beat["events"] == {"risk-monitor.warning.raised.v1": 1}
    assert beat["arrows"]["risk-monitor>clue-dispatch"] == 1
    assert beat["counting"] is False
    assert "未就绪" in page.text
    assert 'curl -s "$GATEWAY/api/v1/me"' in page.text
    assert "heli env" in page.text
    assert "docs/guides/README.md" in page.text
    assert 'href="/demo' not in page.text
    own = next(one for one in beat["services"] if one["name"] == "gateway")
    assert own["since"].endswith("(Beijing time, UTC+8)")


async def test_readiness_is_asked_once_for_all_viewers(gate: Gate) -> None:
    async with gate.client() as client:
        await asyncio.gather(*(client.get("/pulse") for _ in range(20)))
        asked = [one for one in gate.others["credit-service"].asked if one["path"] == "/readyz"]
    assert len(asked) == 1


async def test_a_slow_service_is_away_and_holds_nobody_up(
    serve: Serve, signing: Signing, tmp_path: Path
) -> None:
    hung = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = hung.sockets[0].getsockname()[1]
    addresses = dict.fromkeys(OTHERS, f"http://127.0.0.1:{port}")
    async with opened(serve, signing, tmp_path, services=addresses) as gate, gate.client() as http:
        begun = elapsed_s()
        first = (await http.get("/pulse")).json()["services"]
        assert elapsed_s() - begun < 4

        async def found() -> bool:
            states = (await http.get("/pulse")).json()["services"]
            known = {one["state"] for one in states if one["name"] != "gateway"}
            return bool(known == {"away"})

        await until(found)
    hung.close()
    assert {one["state"] for one in first if one["name"] != "gateway"} == {"unknown"}


async def test_what_is_announced_on_a_stream_is_counted_by_type(
    serve: Serve, signing: Signing, tmp_path: Path
) -> None:
    async with opened(serve, signing, tmp_path, with_bus=True) as gate:
        bus = gate.run.context.connection.bus
        assert bus is not None
        type_ = "gateway.report.delivered.v1"
        window = [Outgoing(f"e{n}-{tmp_path.name}", f"heli.{type_}.r{n}", b"{}") for n in range(3)]
        assert len((await bus.publish("gateway", window)).stored) == 3
        pulse = gate.run.context.extras.pulse

        async def counted() -> bool:
            return bool(pulse.told()[type_] >= 3)

        await until(counted)
        async with gate.client() as client:
            assert (await client.get("/pulse")).json()["counting"] is True


async def test_the_demos_page_is_shown_where_there_is_one_and_reaches_nothing(
    serve: Serve, signing: Signing, tmp_path: Path
) -> None:
    file = tmp_path / "demo.html"
    async with opened(serve, signing, tmp_path, demo_page=file) as gate, gate.client() as client:
        assert (await client.get("/demo")).status_code == 404
        file.write_text("<h1>演示（示例）</h1>", "utf-8")
        shown = await client.get("/demo")
        assert 'href="/demo?lang=zh"' in (await client.get("/")).text
    assert shown.text == "<h1>演示（示例）</h1>"
    assert "default-src 'none'" in shown.headers["content-security-policy"]


async def test_every_type_of_a_problem_is_a_page_in_two_languages(gate: Gate) -> None:
    async with gate.client() as client:
        refused = (await client.get("/api/v1/me")).json()
        page = await client.get(refused["type"], headers={"accept": "text/html"})
        english = await client.get(f"{refused['type']}?lang=en", headers={"accept": "text/html"})
        data = (await client.get(refused["type"], headers={"accept": "application/json"})).json()
        listed = await client.get("/problems", headers={"accept": "application/json"})
        every = await client.get("/problems")
        nothing = await client.get("/problems/no-such-code")
    assert data["status"] == 401
    assert data["cause_zh"] in page.text
    assert data["remedy_en"] in english.text.replace("&#39;", "'")
    assert {one["code"] for one in listed.json()["items"]} >= {"unauthorized", "code-excel"}
    assert "code-excel" in every.text
    assert nothing.status_code == 404


async def test_a_refusal_names_outside_paths(gate: Gate) -> None:
    made = await gate.made(department="tax-330100", region="000000", roles=["officer"])
    token = await gate.token(made["client_id"], made["client_secret"])
    async with gate.client(token) as client:
        refused = (await client.get("/api/v1/operations/invariants")).json()
        job = (await client.get("/api/v1/jobs/42")).json()
    assert refused["operation"] == "GET /api/v1/operations/invariants"
    assert job["code"] == "no-such-job"


# Verification ----------------------------------------------------------------------------------


def calm(name: str) -> dict[str, Any]:
    return {"service": name, "checks": [], "handled": [], "replicas": [], "jobs_open": 0}


NOTHING: dict[str, Any] = {"count": 0, "buckets": ["0"] * 64, "rows": {}}


def quiet(gate: Gate) -> None:
    """Let the others have nothing to say."""
    for name in OTHERS:
        gate.others[name].answers |= {
            "/operations/invariants": calm(name),
            "/operations/published": NOTHING,
        }


async def test_everything_holds_when_both_sides_of_every_stream_agree(gate: Gate) -> None:
    quiet(gate)
    async with await gate.admin() as client:
        answer = (await client.get("/api/v1/operations/invariants?wait_s=0")).json()
    assert answer["ok"], [check for check in answer["checks"] if not check["ok"]]
    names = {check["name"] for check in answer["checks"]}
    assert "I2 gateway handled what item-registry announced" in names
    assert "I3 gateway keeps item-registry.region.changed.v1" in names


async def test_a_row_that_the_owner_never_announced_is_named(gate: Gate) -> None:
    quiet(gate)
    await gate.run.hear(RegionChanged(id="330100", parent=None, name="杭州"))
    async with await gate.admin() as client:
        answer = (await client.get("/api/v1/operations/invariants?wait_s=0")).json()
    assert not answer["ok"]
    wrong = {check["name"]: check["detail"] for check in answer["checks"] if not check["ok"]}
    assert wrong["I3 gateway keeps item-registry.region.changed.v1"].endswith(
        "unknown to the owner 330100"
    )


async def test_a_silent_service_fails_the_verification(gate: Gate) -> None:
    quiet(gate)
    gate.run.context.extras.reach.addresses["risk-monitor"] = "http://127.0.0.1:1"
    async with await gate.admin() as client:
        answer = (await client.get("/api/v1/operations/invariants?wait_s=0")).json()
    wrong = [check["name"] for check in answer["checks"] if not check["ok"]]
    assert "risk-monitor answers" in wrong


# Exchange --------------------------------------------------------------------------------------


def result(**more: object) -> ResultRecorded:
    return ResultRecorded.model_validate(
        {
            "result": "r1",
            "visit": "v1",
            "department": "tax-330100",
            "code14": "01234567890123",
            "subject": SUBJECT,
            "region": "330100",
            "categories": ["5"],
            "disposal": "correct",
            "inspected_on": date(2026, 3, 2),
        }
        | more
    )


def visit(people: int) -> dict[str, Any]:
    members = [
        {
            "inspector": f"i{n}",
            "name": f"检查员{n}",
            "certificate": f"Z{n}",
            "valid_until": "2030-01-01",
        }
        for n in range(people)
    ]
    found = result().model_dump(mode="json") | {
        "id": "r1",
        "requests": [],
        "draw": None,
        "item": None,
        "findings": None,
        "inspectors": members,
        "form": "01",
    }
    dates = dict.fromkeys(("on", "from", "to"), "2026-03-02")
    nones = dict.fromkeys(("item", "started_on", "finished_at", "publish_due_at", "published_at"))
    lists: dict[str, list[str]] = {
        name: [] for name in ("departments", "requests", "duties", "teams", "left_out")
    }
    flags = dict.fromkeys(("publish_due_provisional", "publish_overdue", "elsewhere"), False)
    return {
        "id": "v1",
        "kind": "daily",
        "state": "finished",
        "target": "t1",
        "target_name": "某加油站",
        "address": "某路 1 号",
        "subject": SUBJECT,
        "region": "330100",
        "lead": "tax-330100",
        "separate_visits": 1,
        "version": 3,
        "results": [found],
        **dates,
        **nones,
        **lists,
        **flags,
    }


@contextlib.asynccontextmanager
async def reporting(
    serve: Serve, signing: Signing, folder: Path, other: ASGIApp | None = None
) -> AsyncIterator[Gate]:
    settings = SandboxSettings(sandbox_state=folder / "sandbox.sqlite", sandbox_delay_s=0.05)
    async with (
        listening(other or make_sandbox(settings)) as platform,
        opened(serve, signing, folder, platform_url=platform) as gate,
    ):
        row = EntityRow.model_validate(
            {
                "id": SUBJECT,
                "version": 1,
                "name": "某公司",
                "kind": "legal_person",
                "status": "active",
            }
        )
        await gate.run.hear(
            RegionChanged(id="000000", parent=None, name="全国"),
            RegionChanged(id="330000", parent="000000", name="浙江"),
            RegionChanged(id="330100", parent="330000", name="杭州"),
            EntityBatch(batch="b1", rows=(row,)),
        )
        yield gate


async def states(gate: Gate) -> list[str]:
    async with await gate.admin() as client:
        items = (await client.get("/api/v1/reports")).json()["items"]
    return [item["state"] for item in items]


@covers("R15.3")
async def test_a_result_is_reported_and_its_receipt_names_the_fact_as_cause(
    serve: Serve, signing: Signing, tmp_path: Path
) -> None:
    async with reporting(serve, signing, tmp_path) as gate:
        gate.others["joint-inspection"].answers["/visits/v1"] = visit(2)
        await gate.run.hear(result())

        async def delivered() -> bool:
            return await states(gate) == ["delivered"]

        await until(delivered)
        said = await gate.run.said(ReportDelivered)
        async with gate.run.db.begin(system("gateway"), "test") as tx:
            text = (await tx.execute(select(outbox.outbox.c.envelope))).scalar_one()
        asked = gate.others["joint-inspection"].asked[0]["headers"]["authorization"]
    envelope = json.loads(text)
    assert [one.model_dump()["source"] for one in said] == [
        {"service": "joint-inspection", "id": "r1"}
    ]
    assert said[0].model_dump()["cd_batch"].endswith("00001")
    assert envelope["causationid"]
    assert envelope["actor"] == "system:gateway"
    reader = Verifier.load(gate.run.context.settings.keys).actor(asked.removeprefix("Bearer "))
    assert (reader.id, reader.purpose) == ("gateway:exchange", "report-up")


@covers("R15.3")
async def test_a_refused_row_is_mended_at_its_owner_and_goes_again(
    serve: Serve, signing: Signing, tmp_path: Path
) -> None:
    async with reporting(serve, signing, tmp_path) as gate:
        gate.others["joint-inspection"].answers["/visits/v1"] = visit(1)
        await gate.run.hear(result())

        async def refused() -> bool:
            return await states(gate) == ["rejected"]

        await until(refused)
        said = (await gate.run.said(ReportRejected))[0].model_dump()
        assert (said["field"], said["code"]) == ("check_personnel", "too-few-people")
        gate.others["joint-inspection"].answers["/visits/v1"] = visit(2)
        async with await gate.admin() as client:
            path = f"/api/v1/reports/{said['report']}:resend"
            again = await client.post(path, json={"reason": "已补录"})
        assert (again.status_code, again.json()["cd_operation"]) == (200, "u")

        async def delivered() -> bool:
            return await states(gate) == ["delivered"]

        await until(delivered)


async def test_a_platform_that_answers_nonsense_or_loses_a_batch_loses_no_receipt(
    serve: Serve, signing: Signing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_AWAY", timedelta(seconds=0.1))
    posted: list[list[str]] = []
    looked: list[int] = []

    async def take(request: Request) -> Response:
        posted.append([row["cd_id"] for row in (await request.json())["rows"]])
        return JSONResponse({}, 202)

    async def read(_request: Request) -> Response:
        looked.append(1)
        rows = [{"cd_id": one, "state": "delivered"} for one in posted[-1]]
        answers: list[tuple[object, int]] = [
            ({"detail": "who are you"}, 401),
            ({}, 200),
            ({"rows": [1, {"state": "delivered"}, rows[0]]}, 200),
            ({}, 404),
            ({"rows": rows}, 200),
        ]
        body, status = answers[min(len(looked), len(answers)) - 1]
        return JSONResponse(body, status)

    platform = Starlette()
    platform.add_route("/batches", take, methods=["POST"])
    platform.add_route("/batches/{id}", read)
    both = visit(2)
    both["results"] = [both["results"][0], both["results"][0] | {"id": "r2"}]
    async with reporting(serve, signing, tmp_path, platform) as gate:
        gate.others["joint-inspection"].answers["/visits/v1"] = both
        await gate.run.hear(result(), result(result="r2"))

        async def delivered() -> bool:
            return await states(gate) == ["delivered", "delivered"]

        await until(delivered)
    assert [len(rows) for rows in posted] == [2, 1]
    assert posted[0][1:] == posted[1]


async def test_a_penalty_that_its_owner_cannot_show_waits_and_says_what_it_lacks(
    serve: Serve, signing: Signing, tmp_path: Path
) -> None:
    async with reporting(serve, signing, tmp_path) as gate:
        missing = JSONResponse({"code": "not-found"}, 404)
        gate.others["clue-dispatch"].answers["/cases/k1"] = missing
        await gate.run.hear(
            PenaltyDecided.model_validate(
                {
                    "penalty": "p1",
                    "case": "k1",
                    "clue": "c1",
                    "subject": SUBJECT,
                    "code14": "01234567890123",
                    "department": "market-330100",
                    "kinds": ["fine"],
                    "fine_fen": 100,
                    "tier": "general",
                    "decided_on": date(2026, 3, 2),
                    "region": "330100",
                }
            )
        )
        lacks: list[str] = []

        async def waits() -> bool:
            async with await gate.admin() as client:
                items = (await client.get("/api/v1/reports?state=pending")).json()["items"]
            lacks[:] = [item["lacks"] for item in items if item["lacks"]]
            return bool(lacks)

        await until(waits)
        assert lacks == ["cases"]


async def test_without_a_platform_reports_stay_pending_and_say_so(gate: Gate) -> None:
    await gate.run.hear(result())
    await gate.run.hear(result(), sequence=2)
    async with await gate.admin() as client:
        answer = (await client.get("/api/v1/reports?state=pending")).json()
    assert len(answer["items"]) == 1
    assert answer["platform"] is False


async def test_a_report_is_seen_by_its_department_and_its_region_only(gate: Gate) -> None:
    await gate.run.hear(result())
    seen = []
    for department, region in (("tax-330100", "330100"), ("market-330200", "330200")):
        made = await gate.made(department=department, region=region, roles=["officer"])
        token = await gate.token(made["client_id"], made["client_secret"])
        async with gate.client(token) as client:
            seen.append(len((await client.get("/api/v1/reports")).json()["items"]))
    assert seen == [1, 0]


@contextlib.asynccontextmanager
async def breaking(times: int) -> AsyncIterator[tuple[str, list[int]]]:
    """A service that breaks off its first connections, and counts all of them."""
    asked: list[int] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.append(1)
        if len(asked) > times:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked


@pytest.mark.parametrize(
    ("method", "headers", "status", "tries"),
    [
        ("GET", {}, 200, 3),
        ("POST", {"idempotency-key": "k"}, 200, 3),
        ("POST", {}, 503, 1),
    ],
)
async def test_what_has_one_effect_is_sent_again_and_nothing_else(
    gate: Gate, *, method: str, headers: dict[str, str], status: int, tries: int
) -> None:
    async with breaking(2) as (address, asked), await gate.admin() as client:
        gate.run.context.extras.reach.addresses["clue-dispatch"] = address
        answer = await client.request(method, "/api/v1/clues", headers=headers)
    # aiohttp itself may open one more connection where a kept one turns out closed.
    assert (answer.status_code, len(asked)) == (status, tries)


async def test_an_outage_is_not_made_worse_by_trying_again(gate: Gate) -> None:
    async with breaking(1000) as (address, asked), await gate.admin() as client:
        gate.run.context.extras.reach.addresses["clue-dispatch"] = address
        answers = [await client.get("/api/v1/clues") for _ in range(30)]
    assert {one.status_code for one in answers} == {503}
    assert len(asked) <= 30 + 10 + 30 * 0.1


async def test_a_service_that_hangs_holds_up_no_other_and_its_queue_is_short(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarding, "_AT_ONCE", 2)
    go_on = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await go_on.wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    async with server, await gate.admin() as client, asyncio.TaskGroup() as group:
        port = server.sockets[0].getsockname()[1]
        reach = gate.run.context.extras.reach
        reach.addresses["clue-dispatch"] = f"http://127.0.0.1:{port}"
        held = [group.create_task(client.get("/api/v1/clues")) for _ in range(2)]

        async def full() -> bool:
            return bool(reach.bulkhead("clue-dispatch", files=False).free.locked())

        await until(full)
        refused = await client.get("/api/v1/clues")
        other = await client.get("/api/v1/visits")
        go_on.set()
    assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
    assert "retry-after" in refused.headers
    assert other.status_code == 200
    assert [(await one).status_code for one in held] == [200, 200]


async def test_a_body_that_trickles_in_holds_no_place_and_is_given_up(
    serve: Serve, signing: Signing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "_BODY_S", 2.0)
    async with opened(serve, signing, tmp_path, at_once=1) as gate:
        token = await gate.token()
        for path in ("/oauth/token", "/api/v1/clients", "/api/v1/clues"):
            begun = (
                f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n"
                "content-length: 1000\r\n\r\n{"
            )
            async with gate.raw(begun) as (reader, writer), gate.client(token) as client:
                others = []
                for _ in range(5):
                    writer.write(b" ")
                    await asyncio.sleep(0.2)
                    others.append((await client.get("/api/v1/me")).status_code)
                answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
            assert answer.startswith(b"HTTP/1.1 400")
            assert set(others) == {200}


async def test_a_file_takes_no_place_of_other_requests_and_waits_for_no_reader_that_is_gone(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "_SILENT_S", 1.0)

    async def body() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield b"x" * 65_536
            await asyncio.sleep(0)

    gate.others["joint-inspection"].answers["/draws/d1/file"] = StreamingResponse(body())
    reach = gate.run.context.extras.reach
    full = reach.bulkhead("joint-inspection", files=True)

    async def taken(places: int) -> bool:
        return bool(full.free._value == forwarding._FILES_AT_ONCE - places)

    async with gate.raw("GET /api/v1/draws/d1/file HTTP/1.1\r\nhost: x\r\n\r\n"):
        await until(partial(taken, 1))
        await until(partial(taken, 0))


async def test_a_method_that_nobody_knows_makes_no_series_of_its_own(gate: Gate) -> None:
    async with await gate.admin() as client:
        await client.request("BREW", "/api/v1/clues")
    written = meters.written().decode()
    assert "BREW" not in written
    assert "other → clue-dispatch" in written


async def test_a_length_beside_a_transfer_encoding_is_not_passed_on(gate: Gate) -> None:
    both = {"content-length": "3", "transfer-encoding": "chunked"}
    async with await gate.admin() as client:
        await client.post("/api/v1/clues", content=b"", headers=both)
    (asked,) = gate.others["clue-dispatch"].asked
    assert asked["headers"].get("content-length", "0") == "0"


async def test_a_service_is_told_how_long_its_answer_is_waited_for_and_no_caller_says_so(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await gate.admin() as client:
        await client.get("/api/v1/clues", headers={"x-deadline-ms": "1"})
        told = int(gate.others["clue-dispatch"].asked[0]["headers"]["x-deadline-ms"])
        assert 5_000 < told <= 10_000
        monkeypatch.setattr(domain, "READ_S", 0.0)
        late = await client.get("/api/v1/clues")
    assert (late.status_code, late.json()["code"]) == (503, "deadline-passed")
    form = {"grant_type": "password"}
    async with gate.client() as client:
        for said in ("0", "--5", "9" * 400):
            answer = await client.post("/oauth/token", data=form, headers={"x-deadline-ms": said})
            assert answer.status_code == 400


async def test_what_the_gateway_asks_for_a_caller_has_its_trace_and_a_deadline(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    async with await gate.admin() as client:
        await client.get(f"/api/v1/entities/{SUBJECT}", headers={"traceparent": trace})
    for other in gate.others.values():
        for asked in other.asked:
            assert asked["headers"]["traceparent"] == trace
            assert int(asked["headers"]["x-deadline-ms"]) == 5_000

    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(gate.run.context.extras.reach, "own", hang)
    with pytest.raises(forwarding.ServiceAway):
        await gate.run.context.extras.reach.ask("gateway", "/audit", token=None, wait_s=0.2)


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [(b"x" * (1024**2 + 1), 413, "too-large"), (b"", 200, None)],
)
async def test_a_body_past_its_limit_goes_to_no_service(
    gate: Gate, content: bytes, status: int, code: str | None
) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield content

    async with await gate.admin() as client:
        for body in (content, parts()):
            answer = await client.post("/api/v1/clues", content=body)
            assert (answer.status_code, answer.json().get("code")) == (status, code)
    assert len(gate.others["clue-dispatch"].asked) == (0 if code else 2)


async def test_a_body_that_is_shorter_than_it_says_is_refused(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "IDLE_S", 0.2)
    token = await gate.token()
    for path in ("/api/v1/clues", "/api/v1/signals:import"):
        short = (
            f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n"
            "content-type: text/csv\r\ncontent-length: 100\r\n\r\n{}"
        )
        async with gate.raw(short) as (reader, _):
            answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
        assert answer.startswith(b"HTTP/1.1 400"), answer


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        *((header, {}) for header in FORGED_HEADERS),
        ({}, {"aud": "heli-internal"}),
        ({}, {"iss": "stranger"}),
        ({}, {"exp": 1}),
        ({}, {"exp": None}),
        ({}, {"sub": None}),
    ],
)
@covers("R15.1")
async def test_a_token_that_is_not_ours_is_401_with_its_code(
    gate: Gate, signing: Signing, header: dict[str, Any], claims: dict[str, Any]
) -> None:
    token = forged(signing[1], AUDIENCE, header, claims)
    async with gate.client(token) as client:
        answer = await client.get("/api/v1/me")
    assert (answer.status_code, answer.json()["code"]) == (401, "access-token-refused")
    assert answer.headers["www-authenticate"] == "Bearer"
