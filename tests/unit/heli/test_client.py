"""The small client of the gateway."""

import json
from collections.abc import Callable

import httpx
import pytest

from heli.client import ApiProblem, Client

Answer = Callable[[httpx.Request], httpx.Response]


def client(answer: Answer, *, patience_s: float = 0.0) -> Client:
    def both(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token":
            return httpx.Response(200, json={"access_token": "t", "expires_in": 300})
        return answer(request)

    transport = httpx.MockTransport(both)
    return Client("http://gateway", "c", "s", patience_s=patience_s, transport=transport)


def test_a_token_is_fetched_once_and_sent_with_every_request() -> None:
    tokens: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        tokens.append(request.headers["authorization"])
        return httpx.Response(200, json={"path": request.url.path})

    with client(answer) as api:
        assert api.get("/me") == {"path": "/api/v1/me"}
        api.get("/me")
    assert tokens == ["Bearer t", "Bearer t"]


def test_a_refused_token_is_fetched_anew_once() -> None:
    answers = [httpx.Response(401, json={"code": "token-refused"}), httpx.Response(200, json=1)]
    with client(lambda _request: answers.pop(0)) as api:
        assert api.get("/me") == 1


def test_a_service_that_is_away_is_waited_for_under_the_same_key() -> None:
    keys: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["idempotency-key"])
        return httpx.Response(503 if len(keys) == 1 else 201, json={"id": "x"})

    with client(answer, patience_s=5.0) as api:
        assert api.post("/clues", {"a": 1}) == {"id": "x"}
    assert len(keys) == 2
    assert keys[0] == keys[1]


def test_a_gateway_that_gives_no_token_for_moments_is_waited_for() -> None:
    tokens = [httpx.Response(503, json={}), httpx.Response(200, json={"access_token": "t"})]

    def answer(request: httpx.Request) -> httpx.Response:
        is_token = request.url.path == "/oauth/token"
        return tokens.pop(0) if is_token else httpx.Response(200, json=1)

    transport = httpx.MockTransport(answer)
    with Client("http://gateway", "c", "s", patience_s=5.0, transport=transport) as api:
        assert api.get("/me") == 1


def test_wrong_credentials_are_said_at_once() -> None:
    refused = httpx.MockTransport(lambda _request: httpx.Response(401, json={"code": "no"}))
    with (
        Client("http://gateway", "c", "s", patience_s=60.0, transport=refused) as api,
        pytest.raises(ApiProblem),
    ):
        api.get("/me")


def test_a_problem_says_code_field_and_what_would_be_right() -> None:
    body = {
        "code": "code-check-digit",
        "title": "校验位不符",
        "errors": [{"field": "code", "got": "l", "expected": "1"}],
    }
    with (
        client(lambda _request: httpx.Response(422, json=body)) as api,
        pytest.raises(ApiProblem) as no,
    ):
        api.post("/entities", {})
    assert no.value.code == "code-check-digit"
    assert str(no.value) == ("422 code-check-digit: 校验位不符\n  field: code; got: l; expected: 1")


def test_a_list_goes_through_all_pages() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        page = request.url.params.get("cursor")
        return httpx.Response(
            200, json={"items": [{"page": page}], "next": None if page else "second"}
        )

    with client(answer) as api:
        assert [item["page"] for item in api.list("/clues", state="open")] == [None, "second"]


def test_a_word_of_python_can_stand_as_a_parameter() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=dict(request.url.params))

    with client(answer) as api:
        assert api.get("/signals", from_="2026-01-01", to=None) == {"from": "2026-01-01"}


def test_an_upload_goes_in_pieces_with_its_form_and_key() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        seen = [request.headers["content-type"], request.headers["idempotency-key"]]
        return httpx.Response(202, json={"id": "j", "seen": seen, "rows": request.read().decode()})

    with client(answer) as api:
        job = api.upload("entities", b"{}\n", media="application/x-ndjson", key="k")
    assert job == {"id": "j", "seen": ["application/x-ndjson", "k"], "rows": "{}\n"}


def test_a_job_is_followed_to_its_end() -> None:
    states = [
        {"status": "queued"},
        {"status": "running"},
        {"status": "done", "accepted": 3},
    ]
    seen: list[str] = []
    with client(lambda _request: httpx.Response(200, content=json.dumps(states.pop(0)))) as api:
        found = api.wait_job("j", seen=lambda state: seen.append(state["status"]))
    assert found["accepted"] == 3
    assert seen == ["queued", "running", "done"]
