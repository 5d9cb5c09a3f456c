"""Whose a path is."""

import pytest

from contracts.roles import ANY, PUBLIC
from gateway.forward.domain import (
    NoSuchJob,
    Way,
    counted_as,
    gives_file,
    public_operations,
    traced,
    way,
)


@pytest.mark.parametrize(
    ("method", "path", "service", "inside"),
    [
        ("GET", "/clues/0197", "clue-dispatch", "/clues/0197"),
        ("POST", "/clues/0197:sign", "clue-dispatch", "/clues/0197:sign"),
        ("POST", "/entities:import", "credit-service", "/entities:import"),
        ("GET", "/responsibilities:resolve", "item-registry", "/responsibilities:resolve"),
        ("GET", "/warning-models", "risk-monitor", "/warning-models"),
        ("GET", "/draws/d1/file", "joint-inspection", "/draws/d1/file"),
        ("GET", "/entities/uscc-1/grades", "credit-service", "/entities/uscc-1/grades"),
        ("POST", "/entities", "credit-service", "/entities"),
        ("GET", "/jobs/risk-monitor-0197/errors", "risk-monitor", "/jobs/risk-monitor-0197/errors"),
        ("GET", "/entities/uscc-1", "gateway", "/entities/uscc-1"),
        ("GET", "/audit", "gateway", "/joined/audit"),
        ("GET", "/policies", "gateway", "/joined/policies"),
        ("GET", "/operations/events", "gateway", "/joined/operations/events"),
        ("GET", "/me", "gateway", "/me"),
    ],
)
def test_the_first_word_of_a_path_says_who_answers(
    method: str, path: str, service: str, inside: str
) -> None:
    assert way(method, path) == Way(service, inside)


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/", "", "/jobs", "/Clues", "/joined/audit", "/clues/", "/clues/1%2F", "/me/"],
)
def test_a_path_that_is_nobodys_has_no_way(path: str) -> None:
    assert way("GET", path) is None


@pytest.mark.parametrize("path", ["/jobs/0197", "/jobs/other-0197/errors"])
def test_a_jobs_id_that_begins_with_no_service_is_said_to_be_none(path: str) -> None:
    with pytest.raises(NoSuchJob) as no:
        way("GET", path)
    assert no.value.facts["job"] == path.split("/")[2]


def test_an_encoded_path_stays_as_it_came() -> None:
    found = way("GET", "/clues/%2e%2e/operations%2fpublished")
    assert found == Way("clue-dispatch", "/clues/%2e%2e/operations%2fpublished")


def test_only_operations_that_are_public_need_no_token() -> None:
    table = {"joint-inspection": {"GET /draws/{id}/file": PUBLIC, "GET /draws/{id}": ANY}}
    pattern = public_operations(table)["joint-inspection"]
    assert pattern.fullmatch("GET /draws/d1/file")
    assert not pattern.fullmatch("GET /draws/d1")
    assert not pattern.fullmatch("POST /draws/d1/file")
    assert not pattern.fullmatch("GET /draws/d1/x/file")


def test_a_trace_is_kept_only_where_it_is_one() -> None:
    good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert traced(good) == good
    assert traced(good.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32)) is None
    assert traced(good + "\r\nx: y") is None
    assert traced(None) is None


@pytest.mark.parametrize(
    ("method", "path", "file"),
    [
        ("GET", "/draws/d1/file", True),
        ("GET", "/jobs/risk-monitor-0197/errors.xlsx", True),
        ("GET", "/jobs/risk-monitor-0197/errors", False),
        ("POST", "/draws/d1/file", False),
        ("GET", "/clues/d1/file", False),
        ("GET", "/clues/errors.1", False),
    ],
)
def test_a_file_is_known_by_its_method_and_whole_path(
    method: str, path: str, *, file: bool
) -> None:
    assert gives_file(method, path) is file


def test_a_method_of_no_operation_is_counted_with_all_others() -> None:
    assert counted_as("PATCH", "item-registry") == "PATCH → item-registry"
    assert counted_as("BREW", "item-registry") == "other → item-registry"
