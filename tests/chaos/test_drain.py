"""SIGTERM: what is in hand is finished, what comes later is told to come again.

`HELI_RESTARTS` services are started again one after another (2; the nightly run: all 6).
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import httpx
import pytest

from contracts.services import GATEWAY, SERVICES
from heli.child import wait_until
from heli.testing import Stack

ONE_OF_EACH = ("/regions", "/visits", "/clues", "/entities", "/warnings", "/me")
PAUSE_S = 0.05
RESTARTS = int(os.environ.get("HELI_RESTARTS", "2"))  # noqa: TID251 - a parameter of the nightly run


@dataclass
class Trickle:
    """Requests one after another, and what became of them."""

    stack: Stack
    headers: dict[str, str]
    over: threading.Event = field(default_factory=threading.Event)
    wrong: list[str] = field(default_factory=list)
    cut: list[float] = field(default_factory=list)  # when a connection broke or was refused
    made: list[str] = field(default_factory=list)
    answered: int = 0

    def run(self) -> None:
        number = 0
        with httpx.Client(
            base_url=f"{self.stack.gateway}/api/v1",
            headers=self.headers,
            timeout=60,
            trust_env=False,
        ) as http:
            while not self.over.wait(PAUSE_S):
                number += 1
                try:
                    for path in ONE_OF_EACH:
                        self._note(http.get(path, params={} if path == "/me" else {"limit": 1}))
                    self._write(http, f"drain-{os.getpid()}-{number}")
                except httpx.TransportError:
                    self.cut.append(time.monotonic())

    def _write(self, http: httpx.Client, id_: str) -> None:
        body = {"id": id_, "name": "示例", "parent": "000000"}
        if self._note(http.post("/regions", json=body, headers={"Idempotency-Key": id_})):
            self.made.append(id_)

    def _note(self, answer: httpx.Response) -> bool:
        self.answered += 1
        again = answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
        if not answer.is_success and not (again and answer.headers.get("retry-after")):
            self.wrong.append(f"{answer.request.url.path}: {answer.status_code} {answer.text}")
        return answer.is_success


@contextmanager
def trickling(stack: Stack) -> Iterator[Trickle]:
    trickle = Trickle(stack, {"Authorization": f"Bearer {stack.admin.token()}"})
    thread = threading.Thread(target=trickle.run)
    thread.start()
    try:
        yield trickle
    finally:
        trickle.over.set()
        thread.join()


@pytest.fixture
def rooted(stack: Stack) -> Stack:
    stack.load(stack.admin, "regions", [{"id": "000000", "name": "全国"}])
    stack.settle()
    return stack


def test_a_rolling_restart_fails_no_request_besides_those_told_to_come_again(
    rooted: Stack,
) -> None:
    refused_from, refused_to = 0.0, 0.0
    with trickling(rooted) as trickle:
        for service in SERVICES[-RESTARTS:]:
            before, began = rooted.pid(service.name), time.monotonic()
            os.kill(before, signal.SIGTERM)
            assert rooted.came_back(service.name, before)
            assert wait_until(partial(rooted.ready, service.name), seconds=180)
            if service is GATEWAY:
                refused_from, refused_to = began, time.monotonic()
    assert trickle.wrong == []
    # The gateway has nobody before it here: while it starts again nobody answers.
    assert [at for at in trickle.cut if not refused_from <= at <= refused_to] == []
    assert trickle.answered > 6 * len(ONE_OF_EACH)
    assert trickle.made
    rooted.drained_s()
    names = ", ".join(f"'region/{id_}'" for id_ in trickle.made)
    query = f"SELECT count(*), count(DISTINCT aggregate) FROM outbox WHERE aggregate IN ({names})"
    assert rooted.sql("item-registry", query) == [(len(trickle.made), len(trickle.made))]


@pytest.mark.parametrize("service", ["item-registry", "gateway"])
def test_an_upload_in_hand_is_taken_whole_by_a_process_that_was_told_to_go(
    rooted: Stack, service: str
) -> None:
    assert wait_until(rooted.all_ready, seconds=180)
    before = rooted.pid(service)

    def pieces() -> Iterator[bytes]:
        yield b"id,name,parent\n000000,\xe5\x85\xa8\xe5\x9b\xbd,\n"
        assert wait_until(lambda: rooted.in_flight("item-registry") > 0, seconds=60)
        os.kill(before, signal.SIGTERM)
        assert wait_until(lambda: not rooted.ready(service), seconds=15)
        yield b"drained-%s,x,000000\n" % service.encode()

    token = rooted.admin.token()
    answer = httpx.post(
        f"{rooted.gateway}/api/v1/regions:import",
        content=pieces(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "text/csv"},
        timeout=60,
        trust_env=False,
    )
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text
    assert rooted.came_back(service, before)
    job = rooted.admin.wait_job(answer.json()["id"], seconds=180)
    assert (job["status"], job["accepted"], job["rejected"]) == ("done", 2, 0)
