"""One OpenAPI 3.1 document out of six: pure, for the gateway at run time and for `make docs`."""

from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any, Final

from contracts.roles import OPERATIONS, PUBLIC
from contracts.services import GATEWAY
from kit.refusals import OAUTH, PROBLEM, RESPONSES, TAG, refusals, statuses

API: Final = "/api/v1"
JOINED: Final = "/joined"
TITLE: Final = "合力 Heli：跨部门综合监管统一接口"
_METHODS: Final = ("get", "post", "put", "patch", "delete")
_REF: Final = "#/components/"
# Each service has these for its own part; outside the gateway answers them from all six.
_OWN_PART: Final = ("/audit", "/operations/")
# Each service has its own jobs; the id says whose one is.
_ANYBODYS: Final = "/jobs/"
# FastAPI describes its own form of a malformed request; Heli answers every refusal as a problem.
_UNUSED: Final = frozenset({"HTTPValidationError", "ValidationError"})

_SHARED: Final[dict[str, dict[str, Any]]] = {
    "schemas": {"Problem": PROBLEM},
    "responses": RESPONSES,
    "parameters": {
        "IdempotencyKey": {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "同一个键只生效一次 the same key has one effect, for 72 hours",
            "schema": {"type": "string", "minLength": 1, "maxLength": 200},
        },
        "IfNoneMatch": {
            "name": "If-None-Match",
            "in": "header",
            "required": False,
            "description": "所见的 ETag，相同则为 304 the ETag that was seen: 304 if it still is",
            "schema": {"type": "string"},
        },
    },
    "securitySchemes": {
        "client": {
            "type": "oauth2",
            "flows": {"clientCredentials": {"tokenUrl": "/oauth/token", "scopes": {}}},
        }
    },
}


def merge(documents: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Merge the services' documents, by name, into the one that callers see.

    Paths get their outside names; a component whose name means something else already, and every
    operation, is prefixed with its service; what the gateway answers stands before others.
    """
    components = {section: dict(names) for section, names in _SHARED.items()}
    paths: dict[str, dict[str, Any]] = {}
    names = sorted(documents, key=lambda name: (name != GATEWAY.name, name))
    for service in names:
        document = documents[service]
        renamed = _add_components(service, document.get("components", {}), components)
        for path, operations in document.get("paths", {}).items():
            outside = _outside(service, path)
            if outside is None:
                continue
            known = paths.setdefault(outside, {})
            for method in _METHODS:
                if method in operations and method not in known:
                    operation = _rewritten(operations[method], renamed)
                    known[method] = _operation(service, path, method, operation)
    _unique_ids(paths)
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": version("heli-shared")},
        "servers": [{"url": "/"}],
        "security": [{"client": []}],
        "paths": {path: paths[path] for path in sorted(paths) if paths[path]},
        "components": {
            section: dict(sorted(components[section].items())) for section in components
        },
    }


def _outside(service: str, path: str) -> str | None:
    """Give a path's outside name, or None where it is not to be called from outside."""
    if path.startswith(_OWN_PART):
        return None
    return API + path if service != GATEWAY.name else public(path)


def public(path: str) -> str:
    """Give the outside name of a path, for what callers read."""
    if path.startswith(("/oauth/", API)):
        return path
    return API + path.removeprefix(JOINED)


def _operation(service: str, path: str, method: str, operation: dict[str, Any]) -> dict[str, Any]:
    """Say who may call it, how it refuses, and that a POST may carry an Idempotency-Key."""
    prefix = "any" if path.startswith(_ANYBODYS) else service.replace("-", "_")
    made = operation | {"operationId": f"{prefix}_{operation.get('operationId', method)}"}
    answers = {
        status: what for status, what in made.get("responses", {}).items() if status != "422"
    }
    if path.startswith("/oauth/"):
        made["responses"] = answers | OAUTH | refusals({"413", "503"})
        return made | {"security": []}
    if method == "get":
        answers = {status: what | {"headers": TAG} for status, what in answers.items()}
        answers["304"] = {"$ref": f"{_REF}responses/NotModified"}
        _take(made, "IfNoneMatch")
    made["responses"] = answers | refusals(statuses(path, method))
    allowed = OPERATIONS[service].get(f"{method.upper()} {_plain(path)}")
    if allowed == PUBLIC:
        made["security"] = []
    elif allowed is not None:
        made["x-roles"] = sorted(allowed)
    if method == "post":
        _take(made, "IdempotencyKey")
    return made


def _take(operation: dict[str, Any], parameter: str) -> None:
    more = {"$ref": f"{_REF}parameters/{parameter}"}
    operation["parameters"] = [*operation.get("parameters", []), more]


def _plain(path: str) -> str:
    """Write a path as `contracts.roles` does: every parameter is `{id}`."""
    parts = path.split("{")
    return parts[0] + "".join("{id}" + part.partition("}")[2] for part in parts[1:])


def _add_components(
    service: str, given: Mapping[str, Any], components: dict[str, dict[str, Any]]
) -> dict[str, str]:
    """Add a service's components; give the references that had to be renamed."""
    prefix = "".join(word.capitalize() for word in service.split("-"))
    renamed: dict[str, str] = {}
    while True:
        clashes = {
            f"{_REF}{section}/{name}": f"{_REF}{section}/{prefix}{name}"
            for section, name, schema in _each(given)
            if name in components.get(section, {})
            and components[section][name] != _rewritten(schema, renamed)
        }
        if clashes.keys() <= renamed.keys():
            break
        renamed |= clashes
    for section, name, schema in _each(given):
        reference = f"{_REF}{section}/{name}"
        final = renamed.get(reference, reference).rpartition("/")[2]
        components.setdefault(section, {})[final] = _rewritten(schema, renamed)
    return renamed


def _each(components: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    for section, names in components.items():
        for name, schema in names.items():
            if name not in _UNUSED:
                yield section, name, schema


def _rewritten(part: Any, renamed: Mapping[str, str]) -> Any:  # noqa: ANN401 - any piece of JSON
    match part:
        case dict():
            return {
                key: renamed.get(value, value)
                if key == "$ref" and isinstance(value, str)
                else _rewritten(value, renamed)
                for key, value in part.items()
            }
        case list():
            return [_rewritten(one, renamed) for one in part]
        case _:
            return part


def _unique_ids(paths: Mapping[str, Mapping[str, dict[str, Any]]]) -> None:
    """Give operations of one service that share a name a number."""
    seen: dict[str, int] = {}
    for path in sorted(paths):
        for operation in paths[path].values():
            name = operation["operationId"]
            seen[name] = seen.get(name, 0) + 1
            if seen[name] > 1:
                operation["operationId"] = f"{name}_{seen[name]}"
