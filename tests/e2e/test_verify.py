"""`heli verify`: it holds, and it names the place after a row was altered by SQL."""

import json
from typing import Any

import psycopg
import pytest

from contracts.services import SERVICES
from heli.databases import Database
from heli.engines import Engines
from heli.testing import Stack


def checks(stack: Stack) -> tuple[bool, list[dict[str, Any]]]:
    done = stack.heli("verify", "--json")
    answer = json.loads(done.stdout)
    assert (done.returncode == 0) == answer["ok"]
    return answer["ok"], answer["checks"]


def owner_url(stack: Stack, package: str) -> str:
    service = next(one for one in SERVICES if one.package == package)
    database = Database(service, Engines(stack.folder))
    return database.url(database.owner).replace("postgresql+psycopg", "postgresql")


@pytest.fixture(scope="module")
def region(stack: Stack) -> str:
    rows = [{"id": "000000", "name": "全国"}, {"id": "vf-1", "parent": "000000", "name": "示例区"}]
    assert stack.load(stack.admin, "regions", rows)["status"] == "done"
    stack.settle()
    return "vf-1"


@pytest.mark.usefixtures("region")
def test_everything_holds(stack: Stack) -> None:
    ok, found = checks(stack)
    assert ok, [check for check in found if not check["ok"]]
    names = " ".join(check["name"] for check in found)
    for invariant in ("I1", "I2", "I3", "I5", "I6", "I8", "I9"):
        assert invariant in names


@pytest.mark.parametrize(
    ("package", "change", "undo", "named"),
    [
        (
            "clue_dispatch",
            "UPDATE known_region SET name = 'altered' WHERE id = 'vf-1'",
            "UPDATE known_region SET name = '示例区' WHERE id = 'vf-1'",
            "vf-1",
        ),
        (
            "risk_monitor",
            "UPDATE inbox SET digest = 'x' || digest WHERE aggregate = 'region/vf-1'",
            "UPDATE inbox SET digest = substr(digest, 2) WHERE aggregate = 'region/vf-1'",
            "risk-monitor",
        ),
        (
            "item_registry",
            "UPDATE outbox SET envelope = envelope || ' ' WHERE aggregate = 'region/vf-1'",
            "UPDATE outbox SET envelope = rtrim(envelope) WHERE aggregate = 'region/vf-1'",
            "item-registry",
        ),
        (
            "item_registry",
            "UPDATE head SET sequence = sequence + 1 WHERE aggregate = 'region/vf-1'",
            "UPDATE head SET sequence = sequence - 1 WHERE aggregate = 'region/vf-1'",
            "head of region/vf-1",
        ),
        (
            "item_registry",
            (
                "INSERT INTO idempotency (client, key, operation, digest, at)"
                " VALUES ('vf', 'half', '', '', now())"
            ),
            "DELETE FROM idempotency WHERE client = 'vf'",
            "I6 every kept key has its answer vf half",
        ),
        (
            "credit_service",
            (
                "INSERT INTO dead_letter SELECT event_id, stream, type, aggregate, sequence, '{}',"
                " digest, 'vf', now() FROM inbox WHERE aggregate = 'region/vf-1'"
            ),
            "DELETE FROM dead_letter WHERE why = 'vf'",
            "I8 nothing is handled and parked",
        ),
    ],
    ids=[
        "a read model's row",
        "an inbox row",
        "an outbox row",
        "a head of an aggregate",
        "a key without its answer",
        "an event handled and parked",
    ],
)
def test_an_altered_row_is_found_and_its_place_is_named(
    stack: Stack, region: str, *, package: str, change: str, undo: str, named: str
) -> None:
    assert region
    with psycopg.connect(owner_url(stack, package), autocommit=True) as connection:
        assert connection.execute(change).rowcount >= 1
        try:
            ok, found = checks(stack)
        finally:
            connection.execute(undo)
    assert not ok
    broken = [f"{one['name']} {one['detail']}" for one in found if not one["ok"]]
    assert any(named in text for text in broken), broken
    assert checks(stack)[0]
