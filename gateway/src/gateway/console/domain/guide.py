"""The interface told to people: titles in two languages, groups in order, examples that work."""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final

_API: Final = "/api/v1"
_PARAMETER: Final = re.compile(r"\{[^}]+\}")
_DAY: Final = re.compile(r"@today(?:([+-])(\d+))?")
_CHINESE_TITLE: Final = re.compile(r"^[\u4e00-\u9fff、]+[:：]\s*")
_SENTENCE: Final = re.compile(r"(?<=[^\s.])\.(?:\s|$)|;\s|：|\n\n")
_FIRST: Final = ("GET /me", "POST /oauth/token")

Guide = Mapping[str, Mapping[str, Any]]


def operation_of(method: str, path: str) -> str:
    """Name an operation as `contracts.roles` does, without the prefix of the outside path."""
    return f"{method.upper()} {_PARAMETER.sub('{id}', path.removeprefix(_API))}"


def told(document: Mapping[str, Any], guide: Guide, language: str, today: date) -> dict[str, Any]:
    """Tell the merged document in one language, with examples for this day."""
    paths: dict[str, dict[str, Any]] = {
        path: {
            method: _operation(
                operation_of(method, path), operation, guide, language=language, today=today
            )
            for method, operation in operations.items()
        }
        for path, operations in document["paths"].items()
    }
    order = list(guide["tags"])
    return {
        **document,
        "info": {**document["info"], "description": guide["info"][language]},
        "tags": [{"name": tag, "description": guide["tags"][tag][language]} for tag in order],
        "paths": dict(sorted(paths.items(), key=lambda one: _place(one[0], one[1], order))),
    }


def labelled(document: Mapping[str, Any], fields: Guide) -> dict[str, Any]:
    """Give each field and each parameter its Chinese label as `title`; names stay as they are."""
    parts = document.get("components", {})
    schemas = {
        name: _schema(schema, {**fields["fields"], **fields["schema"].get(name, {})})
        for name, schema in parts.get("schemas", {}).items()
    }
    known = {**fields["fields"], **fields["parameters"]}
    paths = {
        path: {
            method: _asking(operation, known) if "parameters" in operation else operation
            for method, operation in operations.items()
        }
        for path, operations in document["paths"].items()
    }
    return {**document, "components": {**parts, "schemas": schemas}, "paths": paths}


def _schema(schema: Mapping[str, Any], labels: Mapping[str, str]) -> Mapping[str, Any]:
    if "properties" not in schema:
        return schema
    properties = {
        name: _titled(one, labels.get(name)) for name, one in schema["properties"].items()
    }
    return {**schema, "properties": properties}


def _asking(operation: Mapping[str, Any], labels: Mapping[str, str]) -> Mapping[str, Any]:
    parameters = [
        {**one, "schema": _titled(one["schema"], labels.get(one["name"]))}
        if "schema" in one
        else one
        for one in operation["parameters"]
    ]
    return {**operation, "parameters": parameters}


def _titled(schema: Mapping[str, Any], label: str | None) -> Mapping[str, Any]:
    return schema if label is None else {**schema, "title": label}


def _place(path: str, operations: Mapping[str, Any], order: list[str]) -> tuple[int, int, str]:
    """Put `GET /me` first, the token second, then group by group, each by path."""
    names = [operation_of(method, path) for method in operations]
    first = min((_FIRST.index(name) for name in names if name in _FIRST), default=len(_FIRST))
    tags = [tag for operation in operations.values() for tag in operation.get("tags", ())]
    group = min((order.index(tag) for tag in tags if tag in order), default=len(order))
    return first, group, path


def _operation(
    name: str, operation: Mapping[str, Any], guide: Guide, *, language: str, today: date
) -> dict[str, Any]:
    known = guide["titles"].get(name, {})
    english = title_of(str(operation.get("description", operation.get("summary", ""))))
    made = {**operation, "summary": known.get(language, english)}
    if "parameters" in operation:
        made["parameters"] = [
            _parameter(one, guide["parameters"], today) for one in operation["parameters"]
        ]
    example = guide["examples"].get(name)
    if example is not None and "requestBody" in operation:
        body = operation["requestBody"]
        content = {
            media: {**what, "example": dated(example, today)}
            for media, what in body["content"].items()
        }
        made["requestBody"] = {**body, "content": content}
    return made


def _parameter(
    given: Mapping[str, Any], known: Mapping[str, str], today: date
) -> Mapping[str, Any]:
    """Fill in what must be given and is known of the demo's world."""
    if given.get("required") and given.get("name") in known:
        return {**given, "example": dated(known[given["name"]], today)}
    return given


def title_of(description: str) -> str:
    """Take the first sentence of a docstring, without the Chinese word that it may begin with."""
    said = _CHINESE_TITLE.sub("", " ".join(description.split("\n\n", maxsplit=1)[0].split()))
    first = _SENTENCE.split(said)[0].strip().rstrip(".")
    return first[:1].upper() + first[1:]


def dated(example: Any, today: date) -> Any:  # noqa: ANN401 - any piece of JSON
    """Turn “@today+7” into a day."""
    match example:
        case str():
            found = _DAY.fullmatch(example)
            if found is None:
                return example
            days = int(found[2] or 0) * (-1 if found[1] == "-" else 1)
            return (today + timedelta(days=days)).isoformat()
        case dict():
            return {key: dated(value, today) for key, value in example.items()}
        case list():
            return [dated(one, today) for one in example]
        case _:
            return example
