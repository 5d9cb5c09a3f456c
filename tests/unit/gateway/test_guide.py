"""The interface as it is told: two languages, in order, with examples that are right."""

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter

import contracts.clue_dispatch
import contracts.credit_service
import contracts.gateway
import contracts.item_registry
import contracts.joint_inspection
import contracts.risk_monitor
from contracts.acts import Act, Body
from contracts.roles import OPERATIONS
from gateway.console import store
from gateway.console.domain.guide import dated, labelled, operation_of, title_of, told
from heli.demo.province.world import credit_code
from kit.testing import covers

ROOT = Path(__file__).parents[3]
GUIDE = store.words("operations")
FIELDS = store.words("fields")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
OWNERS = (
    contracts.clue_dispatch,
    contracts.credit_service,
    contracts.gateway,
    contracts.item_registry,
    contracts.joint_inspection,
    contracts.risk_monitor,
)
TODAY = date(2026, 3, 3)
DOCUMENT: dict[str, Any] = json.loads(
    (ROOT / "docs" / "generated" / "openapi.json").read_text("utf-8")
)
# Each service has these for its own part; outside the gateway answers them, or nobody does.
INSIDE = {
    "GET /operations/published",
    "POST /operations/replays",
    "GET /operations/replays/{id}",
}


def outside() -> set[str]:
    """Every operation that a caller can reach, by its outside name."""
    every = {name for table in OPERATIONS.values() for name in table}
    return {name.replace(" /joined", " ") for name in every} - INSIDE


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, found in document["paths"].items():
        for method, operation in found.items():
            yield operation_of(method, path), operation


def test_every_operation_has_a_title_in_chinese_and_no_title_is_left_over() -> None:
    assert outside() == set(GUIDE["titles"])


def test_every_group_is_in_the_order_and_described_in_both_languages() -> None:
    tags = {tag for _, operation in operations(DOCUMENT) for tag in operation["tags"]}
    assert tags <= set(GUIDE["tags"])
    for language in ("zh", "en"):
        made = told(DOCUMENT, GUIDE, language, TODAY)
        assert all(tag["description"] for tag in made["tags"])
        for name, operation in operations(made):
            assert operation["summary"], name


def test_get_me_is_first() -> None:
    assert next(iter(told(DOCUMENT, GUIDE, "zh", TODAY)["paths"])) == "/api/v1/me"


def schemas(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every schema's properties, by the schema's name."""
    found = document["components"]["schemas"]
    return {name: schema.get("properties", {}) for name, schema in found.items()}


@covers("RX.6")
def test_every_field_of_every_schema_has_a_chinese_label_and_keeps_its_english_name() -> None:
    made = schemas(told(labelled(DOCUMENT, FIELDS), GUIDE, "zh", TODAY))
    assert {name: list(fields) for name, fields in made.items()} == {
        name: list(fields) for name, fields in schemas(DOCUMENT).items()
    }
    unlabelled = [
        f"{schema}.{name}"
        for schema, fields in made.items()
        for name, field in fields.items()
        if not CHINESE.search(field.get("title", ""))
    ]
    assert unlabelled == []


@covers("RX.6")
def test_every_parameter_has_a_chinese_label() -> None:
    unlabelled = [
        f"{operation} {one['name']}"
        for operation, asked in operations(labelled(DOCUMENT, FIELDS))
        for one in asked.get("parameters", ())
        if "name" in one and not CHINESE.search(one["schema"].get("title", ""))
    ]
    assert unlabelled == []


@covers("RX.6")
def test_no_label_is_left_over() -> None:
    known = schemas(DOCUMENT)
    own = FIELDS["schema"]
    used = {
        name
        for schema, fields in known.items()
        for name in fields
        if name not in own.get(schema, {})
    }
    asked = {
        one["name"]
        for _, operation in operations(DOCUMENT)
        for one in operation.get("parameters", ())
        if "name" in one
    }
    assert set(FIELDS["fields"]) - used - (asked - set(FIELDS["parameters"])) == set()
    assert [
        f"{schema}.{name}" for schema in own for name in own[schema].keys() - known.get(schema, {})
    ] == []
    assert set(FIELDS["parameters"]) - asked == set()


def test_the_english_document_has_no_chinese_labels() -> None:
    plain = told(DOCUMENT, GUIDE, "en", TODAY)
    assert schemas(plain) == schemas(DOCUMENT)


def model_of(name: str, operation: dict[str, Any]) -> type[BaseModel] | None:
    """Find the contract's model of a request's body, by the component's name."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    reference = content.get("schema", {}).get("$ref")
    if reference is None:
        return None
    component = reference.rpartition("/")[2]
    found = {
        getattr(module, component)
        for module in OWNERS
        if isinstance(getattr(module, component, None), type)
    }
    found |= {Act} if component == "Act" else set()
    bodies: list[type[BaseModel]] = [one for one in found if issubclass(one, Body)]
    assert len(bodies) == 1, (name, component)
    return bodies[0]


def with_example() -> list[tuple[str, dict[str, Any]]]:
    known = dict(operations(DOCUMENT))
    return [(name, known[name]) for name in GUIDE["examples"] if name in known]


@pytest.mark.parametrize(("name", "operation"), with_example(), ids=lambda one: str(one)[:40])
def test_an_example_is_what_the_operation_takes(name: str, operation: dict[str, Any]) -> None:
    model = model_of(name, operation)
    if model is None:
        assert name == "POST /oauth/token"
        return
    example = dated(GUIDE["examples"][name], TODAY)
    TypeAdapter(model).validate_json(json.dumps(example))


def test_every_example_belongs_to_an_operation() -> None:
    assert set(GUIDE["examples"]) <= outside()


def test_the_examples_name_a_code_of_no_real_office() -> None:
    assert GUIDE["examples"]["POST /entities"]["code"] == credit_code(88_000_001)


def test_the_english_title_is_a_docstrings_first_sentence_without_its_chinese_word() -> None:
    assert title_of("立案: file a case on a clue. More.") == "File a case on a clue"
    assert title_of("List items; drafts too.\n\nRefuses: X.") == "List items"


def test_a_day_of_an_example_counts_from_today() -> None:
    assert dated({"from": "@today-7", "to": ["@today+1"]}, TODAY) == {
        "from": "2026-02-24",
        "to": ["2026-03-04"],
    }


def test_the_days_that_a_summary_needs_are_filled_in() -> None:
    operation = DOCUMENT["paths"]["/api/v1/visits:summary"]["get"]
    document = {**DOCUMENT, "paths": {"/api/v1/visits:summary": {"get": operation}}}
    found = told(document, GUIDE, "zh", TODAY)["paths"]["/api/v1/visits:summary"]["get"]
    examples = {one["name"]: one.get("example") for one in found["parameters"] if "name" in one}
    assert (examples["from"], examples["to"]) == ("2026-02-01", "2026-03-03")
