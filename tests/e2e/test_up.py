"""`heli up`: everything starts, what dies is started again, and nothing is lost on the way."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from contracts.services import SERVICES
from heli.background import Background, UpFailed, started
from heli.child import wait_until

HELI = [sys.executable, "-m", "heli"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Blanks, Chinese letters and more than a Unix socket's path may have are no matter."""
    return tmp_path_factory.mktemp("up") / "数据 folder" / ("long-" * 24)


@pytest.fixture(scope="module")
def stack(folder: Path) -> Iterator[Background]:
    with started(folder, sandbox=True) as up:
        yield up


def heli(*arguments: str, data: Path) -> subprocess.CompletedProcess[str]:
    command = [*HELI, *arguments, "--data", str(data), "--json"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def ready(stack: Background, service: str) -> bool:
    about = stack.state()["services"][service]
    try:
        return httpx.get(f"{about['url']}/readyz", trust_env=False).is_success
    except httpx.TransportError:
        return False


def test_the_first_line_names_the_gateway_and_all_six_are_ready(stack: Background) -> None:
    assert stack.gateway.startswith("http://127.0.0.1:")
    status = json.loads(heli("status", data=stack.data).stdout)
    assert status["ok"]
    assert set(status["services"]) == {"sandbox", *(service.name for service in SERVICES)}


def test_a_client_can_be_made_and_is_who_it_is(stack: Background) -> None:
    asked = ("--department", "nobody-yet", "--region", "330000", "--role", "lead")
    made = json.loads(heli("client", "create", *asked, data=stack.data).stdout)
    form = {"grant_type": "client_credentials"} | {
        name: made[name] for name in ("client_id", "client_secret")
    }
    token = httpx.post(f"{stack.gateway}/oauth/token", data=form, trust_env=False).json()
    bearer = {"Authorization": f"Bearer {token['access_token']}"}
    me = httpx.get(f"{stack.gateway}/api/v1/me", headers=bearer, trust_env=False).json()
    assert me["roles"] == ["lead"]


def test_secrets_are_readable_by_their_owner_alone(stack: Background) -> None:
    for name in ("secrets.json", "bootstrap.json", "signing.json", "state.json"):
        assert (stack.data / name).stat().st_mode & 0o077 == 0


def test_a_second_start_on_the_folder_says_who_has_it(stack: Background) -> None:
    with pytest.raises(UpFailed) as no, started(stack.data):
        pass
    assert str(stack.first["pid"]) in str(no.value.facts["words"])
    assert stack.gateway in str(no.value.facts["words"])
    assert json.loads(heli("status", data=stack.data).stdout)["ok"]


@pytest.mark.parametrize("service", ["clue-dispatch", "gateway"])
def test_a_killed_service_is_started_again(stack: Background, service: str) -> None:
    before = stack.state()["services"][service]["pid"]
    os.kill(before, signal.SIGKILL)
    assert wait_until(
        lambda: stack.state()["services"][service]["pid"] != before and ready(stack, service),
        seconds=60,
    )


def test_what_can_be_done_now_is_said_for_the_stack_that_runs(stack: Background) -> None:
    assert json.loads(heli(data=stack.data).stdout)["gateway"] == stack.gateway
    said = subprocess.run(
        [*HELI, "--data", str(stack.data)], capture_output=True, text=True, check=True
    ).stdout
    assert stack.gateway in said
    assert "/api/v1/me" in said
    token = json.loads(heli("env", data=stack.data).stdout)["TOKEN"]
    bearer = {"Authorization": f"Bearer {token}"}
    me = httpx.get(f"{stack.gateway}/api/v1/me", headers=bearer, trust_env=False).json()
    assert me == json.loads(heli("me", data=stack.data).stdout)


def test_a_refusal_of_the_gateway_leads_to_the_page_of_its_code(stack: Background) -> None:
    no = heli("dlq", "requeue", "nobody-parked-this", data=stack.data)
    told = json.loads(no.stderr)
    assert (no.returncode, told["code"], told["status"]) == (1, "not-found", 404)
    page = f"{stack.gateway}/problems/not-found"
    assert page in told["remedy"][1]


def test_everything_holds(stack: Background) -> None:
    answer = json.loads(heli("verify", data=stack.data).stdout)
    assert [check for check in answer["checks"] if not check["ok"]] == []
    assert answer["ok"]


def test_a_killed_stack_takes_all_its_processes_down(stack: Background) -> None:
    state = stack.state()
    pids = [about["pid"] for about in state["services"].values()]
    pids += state["engines"].values()
    os.kill(state["pid"], signal.SIGKILL)
    assert wait_until(lambda: _gone(pids), seconds=60)
    assert json.loads(heli(data=stack.data).stdout) == {"running": False}


def _gone(pids: list[int]) -> bool:
    return not any(Path("/proc", str(pid), "exe").exists() for pid in pids)


def test_after_a_kill_it_starts_on_the_same_folder_and_two_interrupts_stop_all_of_it(
    folder: Path,
) -> None:
    assert (folder / "state.json").exists()  # left by the killed one
    with started(folder) as up:
        state = up.state()
        pids = [about["pid"] for about in state["services"].values()]
        pids += state["engines"].values()
        for _ in range(3):  # an impatient Ctrl-C
            os.kill(state["pid"], signal.SIGINT)
            time.sleep(0.05)
        assert up.process.wait(60) == 0
        assert _gone(pids)
        assert not (folder / "state.json").exists()
