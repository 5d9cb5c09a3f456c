"""One document out of six."""

from typing import Any

from kit.openapi import merge
from kit.testing import covers


def operation(name: str, schema: str) -> dict[str, Any]:
    ok = {"content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}
    return {"operationId": name, "responses": {"200": ok, "422": {"description": "no"}}}


def document(paths: dict[str, Any], **schemas: object) -> dict[str, Any]:
    return {"openapi": "3.1.0", "paths": paths, "components": {"schemas": schemas}}


ITEMS = document(
    {"/items": {"get": operation("list_items", "Page")}},
    Page={"properties": {"items": {"$ref": "#/components/schemas/Item"}}},
    Item={"type": "object", "title": "Item"},
    HTTPValidationError={"type": "object"},
)
CLUES = document(
    {
        "/clues": {"get": operation("list_clues", "Page"), "post": operation("register", "Item")},
        "/clues/{clue_id}:sign": {"post": operation("sign", "Item")},
        "/audit": {"get": operation("list_audit", "Page")},
        "/operations/published": {"get": operation("published", "Page")},
    },
    Page={"properties": {"items": {"$ref": "#/components/schemas/Item"}}},
    Item={"type": "object", "title": "Another"},
)
GATEWAY = document(
    {
        "/entities/{entity_id}": {"get": operation("get_entity", "Whole")},
        "/joined/audit": {"get": operation("list_audit", "Whole")},
        "/oauth/token": {"post": operation("create_token", "Whole")},
        "/audit": {"get": operation("list_audit", "Whole")},
    },
    Whole={"type": "object"},
)
CREDIT = document({"/entities/{entity_id}": {"get": operation("get_entity", "Core")}}, Core={})
MERGED = merge(
    {"item-registry": ITEMS, "clue-dispatch": CLUES, "gateway": GATEWAY, "credit-service": CREDIT}
)


def schema_of(path: str, method: str) -> str:
    answer = MERGED["paths"][path][method]["responses"]["200"]
    reference: str = answer["content"]["application/json"]["schema"]["$ref"]
    return reference.rpartition("/")[2]


@covers("R15.1")
def test_paths_have_their_outside_names_and_no_others() -> None:
    assert set(MERGED["paths"]) == {
        "/api/v1/audit",
        "/api/v1/clues",
        "/api/v1/clues/{clue_id}:sign",
        "/api/v1/entities/{entity_id}",
        "/api/v1/items",
        "/oauth/token",
    }


def test_what_the_gateway_composes_stands_before_the_owners_part() -> None:
    assert schema_of("/api/v1/entities/{entity_id}", "get") == "Whole"


def test_a_name_that_means_two_things_is_prefixed_with_all_that_refer_to_it() -> None:
    schemas = MERGED["components"]["schemas"]
    ours, theirs = schema_of("/api/v1/items", "get"), schema_of("/api/v1/clues", "get")
    assert ours != theirs
    for page, title in ((ours, "Item"), (theirs, "Another")):
        item = schemas[page]["properties"]["items"]["$ref"].rpartition("/")[2]
        assert schemas[item]["title"] == title


def test_operations_are_prefixed_and_unique() -> None:
    ids = [one["operationId"] for path in MERGED["paths"].values() for one in path.values()]
    assert len(set(ids)) == len(ids)
    assert "clue_dispatch_sign" in ids


def test_refusals_are_problems_and_posts_may_carry_a_key() -> None:
    sign = MERGED["paths"]["/api/v1/clues/{clue_id}:sign"]["post"]
    refused = {"400", "401", "403", "404", "409", "413", "422", "503"}
    assert sign["responses"].keys() == {"200"} | refused
    assert sign["parameters"] == [{"$ref": "#/components/parameters/IdempotencyKey"}]
    assert "HTTPValidationError" not in MERGED["components"]["schemas"]


def test_it_says_who_may_call_and_what_needs_no_token() -> None:
    assert MERGED["paths"]["/oauth/token"]["post"]["security"] == []
    assert "officer" in MERGED["paths"]["/api/v1/clues/{clue_id}:sign"]["post"]["x-roles"]


def test_every_reference_leads_somewhere() -> None:
    def references(part: object) -> list[str]:
        if isinstance(part, dict):
            own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
            return own + [r for value in part.values() for r in references(value)]
        return [r for one in part for r in references(one)] if isinstance(part, list) else []

    for reference in references(MERGED):
        section, name = reference.removeprefix("#/components/").split("/")
        assert name in MERGED["components"][section]
