"""What the command shows, and what it refuses before it asks anybody."""

import json
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from typer.testing import CliRunner

from heli import access, command
from heli.command import app
from heli.credentials import NotStarted
from heli.demo.play import StackEnded, stay_until
from heli.demo.province.world import LINES
from heli.reach import HalfCredentials, reach

WIDE = {"COLUMNS": "200"}
ME = {
    "id": "c-1",
    "department": "tax-330100",
    "regions": ["330100"],
    "roles": ["lead", "officer"],
    "keys": ["tax@330100"],
    "operations": [f"GET /things-{number}" for number in range(117)],
}
CHECKS = [{"name": "I1 order", "ok": True, "detail": None}] * 3


class Gateway:
    """Gives one answer to whatever is asked."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def get(self, _path: str) -> Any:  # noqa: ANN401  whatever JSON stands there
        return self.answer


def heli(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, arguments, env=WIDE)
    return done.exit_code, done.output


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GATEWAY", "DATA", "CLIENT_ID", "CLIENT_SECRET"):
        monkeypatch.delenv(f"HELI_{name}", raising=False)


@pytest.fixture
def _local_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    local = {"gateway": "http://local", "services": {"tax": {"url": "http://local", "pid": 1}}}
    monkeypatch.setattr(command, "running", lambda _data: local)


@pytest.mark.usefixtures("_local_stack")
def test_status_of_a_named_gateway_is_of_that_one_and_not_of_the_local_stack(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def get(_http: httpx.Client, url: str) -> httpx.Response:
        return httpx.Response(200 if url == "http://far/readyz" else 500)

    monkeypatch.setattr(httpx.Client, "get", get)
    code, said = heli("status", "--gateway", "http://far/", "--json")
    told = json.loads(said)
    assert (code, told["ok"]) == (0, True)
    assert list(told["services"]) == ["gateway"]
    assert told["services"]["gateway"]["url"] == "http://far/"


@pytest.mark.usefixtures("_local_stack")
def test_status_of_a_named_gateway_that_does_not_answer_fails_as_any_call_does() -> None:
    done = CliRunner().invoke(app, ["status", "--gateway", "http://127.0.0.1:9"])
    assert isinstance(done.exception, httpx.TransportError)


@pytest.mark.parametrize(
    ("given", "missing"),
    [("HELI_CLIENT_ID", "HELI_CLIENT_SECRET"), ("HELI_CLIENT_SECRET", "HELI_CLIENT_ID")],
)
def test_half_of_the_credentials_is_refused_by_the_name_of_the_other_half(
    given: str, missing: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(given, "x")
    with pytest.raises(HalfCredentials) as no:
        reach("http://gateway", tmp_path)
    assert no.value.facts == {"given": given, "missing": missing}


def test_a_line_that_is_not_there_is_refused_with_those_that_are() -> None:
    code, said = heli("demo", "--silent", "foo")
    assert code == 2
    assert all(line in said for line in LINES)
    assert all(line in heli("demo", "--help")[1] for line in LINES)


def test_too_few_stations_are_refused_with_the_least() -> None:
    code, said = heli("demo", "--stations", "19")
    assert code == 2
    assert "20" in said


def test_the_folder_on_which_nothing_runs_is_named_whole(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for gateway in (None, "http://gateway"):
        with pytest.raises(NotStarted) as no:
            reach(gateway, None)
        assert no.value.facts == {"folder": str(tmp_path / ".heli")}
    assert str(tmp_path / ".heli") in heli()[1]
    refused = CliRunner().invoke(app, ["status"]).exception
    assert isinstance(refused, NotStarted)
    assert refused.facts == {"folder": str(tmp_path / ".heli")}


def test_who_i_am_is_short_and_all_of_it_is_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "caller", lambda *_: Gateway(ME))
    said = heli("me")[1]
    words = ("c-1", "tax-330100", "330100", "lead", "officer", "tax@330100", "117")
    assert all(word in said for word in words)
    assert len(said.splitlines()) < 12
    assert json.loads(heli("me", "--json")[1]) == ME


def test_verify_shows_what_fails_and_how_much_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "caller", lambda *_: Gateway({"ok": True, "checks": CHECKS}))
    code, said = heli("verify")
    assert (code, "I1 order" in said, "3" in said) == (0, False, True)
    assert heli("verify", "--all")[1].count("I1 order") == 3

    wrong = [*CHECKS, {"name": "I2 copies", "ok": False, "detail": "seq 7"}]
    monkeypatch.setattr(command, "caller", lambda *_: Gateway({"ok": False, "checks": wrong}))
    code, said = heli("verify")
    assert (code, "I1 order" in said, "I2 copies" in said) == (1, False, True)
    assert "seq 7" in said


@pytest.mark.parametrize("code", [0, 130])
def test_a_demo_whose_stack_was_told_to_stop_ends_quietly(code: int, tmp_path: Path) -> None:
    stay_until(lambda: code, tmp_path)


def test_a_demo_whose_stack_failed_says_so(tmp_path: Path) -> None:
    with pytest.raises(StackEnded):
        stay_until(lambda: 1, tmp_path)
