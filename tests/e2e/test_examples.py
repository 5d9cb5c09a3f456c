"""The examples of `/docs` work as they stand, on a world like the demo's."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from heli.client import ApiProblem, Client
from heli.demo.province import world
from heli.testing import Stack

API = "/api/v1"
# What the examples name must be there first, as the demo's world has it.
LINES = ("commerce", "tax", "market", "emergency", "environment", "transport")
# Creates of the first hour, in an order in which each finds what it needs.
CREATES = (
    "/clients",
    "/regions",
    "/departments",
    "/items",
    "/responsibilities",
    "/calendars",
    "/caps",
    "/entities",
    "/targets",
    "/inspectors",
    "/pools",
    "/signals",
    "/clues",
)


@pytest.fixture(scope="module")
def document(stack: Stack) -> dict[str, Any]:
    found = httpx.get(f"{stack.gateway}/openapi.json?lang=zh", trust_env=False).json()
    assert "x-degraded" not in found
    return dict(found)


@pytest.fixture(scope="module")
def lead(stack: Stack) -> Iterator[Client]:
    """The demo's places, agencies and item, and a client that may do what the examples do."""
    admin = stack.admin
    regions = [
        {"id": "000000", "name": "全国"},
        {"id": "330000", "parent": "000000", "name": "示范省（示例）"},
        {"id": "330100", "parent": "330000", "name": "甲市（示例）"},
        {"id": "330200", "parent": "330000", "name": "乙市（示例）"},
        {"id": "330106", "parent": "330100", "name": "甲西区（示例）"},
    ]
    assert stack.load(admin, "regions", regions)["status"] == "done"
    departments = [
        {"id": f"{line}-{id_}", "name": f"{line}（示例）", "line": line, "level": level}
        | {"territory": [id_]}
        for line in LINES
        for id_, level in (("330000", 2), ("330100", 3), ("330200", 3))
    ]
    assert stack.load(admin, "departments", departments)["status"] == "done"
    stack.settle()
    item = {
        "id": world.ITEM,
        "name": "成品油流通综合监管",
        "kind": "shared",
        "region": "330000",
        "codes14": [code for _, code in world.LINES.values()],
        "basis": "示例",
        "from": "2024-01-01",
        "duties": [
            {"stage": "daily", "line": "commerce", "role": "lead", "basis": "示例"},
            {"stage": "daily", "line": "tax", "role": "cooperate", "basis": "示例"},
        ],
    }
    admin.post("/items", item)
    admin.post(f"/items/{world.ITEM}:publish", {"reason": "示例"})
    stack.settle()
    roles = ("integrator", "lead", "officer")
    client = stack.client("commerce-330100", "330100", *roles)
    yield client
    client.close()


def example(document: dict[str, Any], path: str) -> object:
    content = document["paths"][API + path]["post"]["requestBody"]["content"]
    found: object = content["application/json"]["example"]
    return found


def test_the_first_call_and_its_token_are_first(document: dict[str, Any]) -> None:
    assert list(document["paths"])[:2] == [f"{API}/me", "/oauth/token"]


def test_the_first_creates_work_as_they_stand(
    stack: Stack, lead: Client, document: dict[str, Any]
) -> None:
    refused: dict[str, object] = {}
    for path in CREATES:
        # Whoever may: the administrator for what belongs to no department, else commerce.
        admins = path in {
            "/clients",
            "/regions",
            "/departments",
            "/items",
            "/responsibilities",
            "/calendars",
            "/caps",
            "/signals",
        }
        try:
            (stack.admin if admins else lead).post(path, example(document, path))
        except ApiProblem as no:
            refused[path] = (no.status, no.code, no.errors)
        stack.settle()
    assert refused == {}


@pytest.mark.usefixtures("lead")
def test_every_read_with_known_parameters_answers(stack: Stack, document: dict[str, Any]) -> None:
    wrong = {}
    done = 0
    for path, operations in document["paths"].items():
        reading = operations.get("get")
        if reading is None or not path.startswith(API):
            continue
        asked = {one["name"]: one for one in reading.get("parameters", []) if one.get("required")}
        if any("example" not in one for one in asked.values()):
            continue
        inside = {name for name, one in asked.items() if one["in"] == "path"}
        if inside - {"region_id", "department_id", "item_id"}:
            continue  # what the demo makes as it runs
        known = {name: str(one["example"]) for name, one in asked.items()}
        filled = path.format_map(known)
        query = {name: one["example"] for name, one in asked.items() if one["in"] == "query"}
        try:
            stack.admin.get(filled.removeprefix(API), **query)
            done += 1
        except ApiProblem as no:
            wrong[path] = (no.status, no.code, no.errors)
    assert wrong == {}
    assert done > 30
