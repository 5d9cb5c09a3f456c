"""NATS or PostgreSQL away for a while: what is taken, what is refused, and that it ends by itself.

`HELI_OUTAGE_S` is how long each is away: 8 seconds, a minute in the nightly run.
"""

import itertools
import os
import time
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest

from contracts.services import SERVICES
from heli.child import wait_until
from heli.testing import Stack
from kit.testing import covers

AWAY_S = float(os.environ.get("HELI_OUTAGE_S", "8"))  # noqa: TID251 - a parameter of the nightly run
REFUSED_S = 9.5  # a caller hears at the latest then that it should come again
BACK_S = 30.0  # until all are ready again, of which the engine's own start is a part

_COUNT = itertools.count(1)


@pytest.fixture
def http(stack: Stack) -> Iterator[httpx.Client]:
    """Call the gateway once, with no second try."""
    stack.load(stack.admin, "regions", [{"id": "000000", "name": "全国"}])
    stack.settle()
    assert wait_until(stack.all_ready, seconds=60)
    headers = {"Authorization": f"Bearer {stack.admin.token()}"}
    with httpx.Client(
        base_url=f"{stack.gateway}/api/v1", headers=headers, timeout=60, trust_env=False
    ) as client:
        yield client


def read(http: httpx.Client) -> httpx.Response:
    return http.get("/regions/000000")


def write(http: httpx.Client, made: list[str]) -> httpx.Response:
    id_ = f"out-{next(_COUNT)}-{os.getpid()}"
    body = {"id": id_, "name": "示例", "parent": "000000"}
    answer = http.post("/regions", json=body, headers={"Idempotency-Key": id_})
    if answer.is_success:
        made.append(id_)
    return answer


@covers("R15.4")
def test_without_nats_writes_are_taken_and_everything_drains_afterwards(
    stack: Stack, http: httpx.Client
) -> None:
    before, made = stack.pids(), list[str]()
    with stack.without("nats"):
        end = time.monotonic() + AWAY_S
        while time.monotonic() < end:
            assert write(http, made).status_code == httpx.codes.CREATED
            assert read(http).status_code == httpx.codes.OK
        assert stack.all_ready()
    stack.drained_s()
    for service in ("clue-dispatch", "risk-monitor"):
        query = "SELECT count(*) FROM inbox WHERE aggregate IN "
        names = ", ".join(f"'region/{id_}'" for id_ in made)
        assert stack.sql(service, f"{query} ({names})") == [(len(made),)]
    assert {name: pid for name, pid in stack.pids().items() if name != "nats"} == {
        name: pid for name, pid in before.items() if name != "nats"
    }


@pytest.mark.parametrize("how", ["down", "frozen"])
def test_without_postgresql_callers_are_told_to_come_again_and_nobody_needs_a_restart(
    stack: Stack, http: httpx.Client, how: str
) -> None:
    before, made, seen = stack.pids(), list[str](), Counter[int]()
    with stack.without("postgres") if how == "down" else stack.frozen_postgres():
        end = time.monotonic() + AWAY_S
        while time.monotonic() < end:
            for answer in (read(http), write(http, made)):
                seen[answer.status_code] += 1
                assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, answer.text
                assert int(answer.headers["retry-after"]) > 0
                assert answer.elapsed.total_seconds() < REFUSED_S
        assert stack.who_is_ready() == set()
    assert seen.total() >= 2
    assert wait_until(stack.all_ready, seconds=BACK_S)
    assert write(http, made).status_code == httpx.codes.CREATED
    stack.drained_s()
    services = [service.name for service in SERVICES]
    assert [stack.pids()[name] for name in services] == [before[name] for name in services]
