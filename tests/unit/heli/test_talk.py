"""What the command says when something goes wrong."""

import errno
import json

import httpx
import pytest

from heli import talk
from heli.client import ApiProblem
from heli.credentials import NotStarted
from heli.problems import Problem


def said(problem: Exception, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    talk.explain(problem, as_json=True)
    told: dict[str, object] = json.loads(capsys.readouterr().err)
    return told


def test_a_refusal_carries_code_sentences_and_what_to_try(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = said(NotStarted(folder="/x"), capsys)
    assert told["code"] == "not-started"
    assert told["title"] == ["/x 上没有正在运行的 Heli。", "No Heli runs on /x."]
    assert "heli up" in str(told["remedy"])


def test_for_a_person_the_remedy_follows_the_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    talk.explain(NotStarted(folder="/x"), as_json=False)
    lines = capsys.readouterr().err.splitlines()
    assert lines[1] == "No Heli runs on /x."
    assert lines[2].startswith("试试：")
    assert lines[3].startswith("Try: ")


def test_a_problem_of_the_gateway_says_the_remedy_of_its_code_and_then_the_page(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def page(url: str, *, headers: dict[str, str], **_: object) -> httpx.Response:
        assert headers["Accept"] == "application/json"
        remedies = {"remedy_zh": "先恢复。", "remedy_en": "Reopen it first."}
        return httpx.Response(200, json=remedies, request=httpx.Request("GET", url))

    monkeypatch.setattr(httpx, "get", page)
    problem = ApiProblem(409, {"code": "clue-closed", "title": "已办结"}, "http://gateway")
    address = "http://gateway/problems/clue-closed"
    assert said(problem, capsys)["remedy"] == [
        f"先恢复。（{address}）",
        f"Reopen it first. ({address})",
    ]


@pytest.mark.parametrize("status", [404, 200, None])
def test_a_problem_of_the_gateway_leads_to_the_page_of_its_code(
    status: int | None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def page(url: str, **_: object) -> httpx.Response:
        if status is None:
            raise httpx.ConnectError("refused")
        return httpx.Response(status, text="[]", request=httpx.Request("GET", url))

    monkeypatch.setattr(httpx, "get", page)
    problem = ApiProblem(409, {"code": "clue-closed", "title": "已办结"}, "http://gateway")
    told = said(problem, capsys)
    assert (told["code"], told["status"]) == ("clue-closed", 409)
    assert "http://gateway/problems/clue-closed" in str(told["remedy"])


def test_an_answer_without_a_code_leads_to_no_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(ApiProblem(500, {"title": "oops"}, "http://gateway"), capsys)["remedy"] == []


def test_a_gateway_that_is_away_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    request = httpx.Request("GET", "http://127.0.0.1:9/api/v1/me")
    told = said(httpx.ConnectError("refused", request=request), capsys)
    assert told["code"] == "gateway-away"
    assert "http://127.0.0.1:9 " in str(told["title"])


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.EACCES, "path-refused"),
        (errno.EROFS, "path-refused"),
        (errno.ENOENT, "path-missing"),
        (errno.ENOSPC, "no-space-for-file"),
        (errno.EMFILE, "system-refused"),
    ],
)
def test_what_the_system_refuses_is_named_with_the_path(
    number: int, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = said(OSError(number, "no", "/some/file"), capsys)
    assert told["code"] == code
    assert "/some/file" in str(told["title"])
    assert told["remedy"]


def test_every_problem_of_the_command_is_a_refusal_with_facts() -> None:
    assert NotStarted(folder="/x").facts == {"folder": "/x"}
    assert issubclass(NotStarted, Problem)
