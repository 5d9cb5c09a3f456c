"""The one document of all six services: what every list and every read has in common."""

from collections.abc import Iterator
from inspect import iscoroutinefunction
from typing import Any

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from clue_dispatch.app import service as clue_dispatch
from credit_service.app import service as credit_service
from gateway.app import service as gateway
from item_registry.app import service as item_registry
from joint_inspection.app import service as joint_inspection
from kit.openapi import merge
from kit.testing import covers
from risk_monitor.app import service as risk_monitor

ALL = (gateway, item_registry, joint_inspection, clue_dispatch, credit_service, risk_monitor)
DOCUMENT = merge({one.name: one.describe()["openapi"] for one in ALL})
API = "/api/v1"
# Parts of one object, answered whole: `next` is always null.
WHOLE = {
    "/sources",
    "/draws/{draw_id}/inspectors",
    "/draws/{draw_id}/openings",
    "/entities/{entity_id}/grades",
    "/policies",
}
# Merged from six services by time: no other order can be had.
ONE_ORDER = {"/audit", "/operations/events", "/operations/dead-letters"}


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield path.removeprefix(API), method, operation


def body(operation: dict[str, Any]) -> dict[str, Any]:
    content = operation["responses"].get("200", {}).get("content", {})
    reference = content.get("application/json", {}).get("schema", {}).get("$ref", "")
    schema: dict[str, Any] = DOCUMENT["components"]["schemas"].get(reference.split("/")[-1], {})
    return schema


LISTS = [
    (path, operation)
    for path, method, operation in operations()
    if method == "get" and {"items", "next"} <= body(operation).get("properties", {}).keys()
]


@covers("R15.1")
@pytest.mark.parametrize(("path", "operation"), LISTS, ids=[path for path, _ in LISTS])
def test_every_list_takes_limit_cursor_and_sort(path: str, operation: dict[str, Any]) -> None:
    taken = {one.get("name") for one in operation["parameters"]}
    if path in WHOLE:
        assert not taken & {"limit", "cursor", "sort"}
    elif path in ONE_ORDER:
        assert taken >= {"limit", "cursor"}
    else:
        assert taken >= {"limit", "cursor", "sort"}


def test_the_exceptions_are_lists_that_exist() -> None:
    assert {path for path, _ in LISTS} >= WHOLE | ONE_ORDER


@covers("R15.1")
def test_every_read_has_an_etag_and_answers_304_and_every_status_is_named() -> None:
    for path, method, operation in operations():
        answers = operation["responses"]
        assert "default" not in answers, (method, path)
        if method == "get":
            assert "304" in answers, path
            assert "ETag" in answers["200"]["headers"], path
        if not path.startswith("/oauth"):
            assert answers.keys() >= {"401", "403", "404", "422", "503"}, (method, path)


@covers("RX.7")
def test_every_patch_says_what_a_stale_or_missing_version_is_answered() -> None:
    patches = [operation for _, method, operation in operations() if method == "patch"]
    assert patches
    for operation in patches:
        assert operation["responses"].keys() >= {"412", "428"}
        assert "if-match" in {one.get("name", "").lower() for one in operation["parameters"]}


def beneath(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for one in dependant.dependencies:
        yield from beneath(one)


def test_no_request_is_sent_to_a_thread_for_a_dependency() -> None:
    routes = [route for one in ALL for router in one.routers for route in router.routes]
    asked = [
        one for route in routes if isinstance(route, APIRoute) for one in beneath(route.dependant)
    ]
    assert len(asked) > len(routes) > 100
    assert {one.call for one in asked if not iscoroutinefunction(one.call)} == set()
