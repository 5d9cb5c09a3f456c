"""How refusals stand in the OpenAPI document: an operation says with which statuses it may refuse.

No `default` response: a status that an operation does not name is a fault, and tests find it.
"""

from typing import Any, Final

_REF: Final = "#/components/"

PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "description": "拒绝的原因 why not (RFC 9457)",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string", "description": "中文或英文，按 Accept-Language"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "稳定的代码 stable"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "field": {"type": "string"},
                    "got": {},
                    "expected": {},
                    "suggestion": {},
                },
            },
        },
    },
    "additionalProperties": True,
}
_AS_PROBLEM: Final = {"application/problem+json": {"schema": {"$ref": f"{_REF}schemas/Problem"}}}
_REFUSED: Final = {
    "400": ("Malformed", "请求不完整或不是 UTF-8 not whole, or not UTF-8"),
    "401": ("Unauthorized", "未认证 no credential, or one that does not hold"),
    "403": ("Forbidden", "无权 not allowed to do this"),
    "404": ("NotFound", "没有，或不在可见范围 not there, or out of scope"),
    "409": ("Conflict", "状态不允许 the state of things does not allow it"),
    "412": ("Stale", "所见版本已旧 If-Match names an older version"),
    "413": ("TooLarge", "超过上限 over a limit"),
    "422": ("Invalid", "有误的字段 a field that is not right: got, expected"),
    "428": ("NeedsVersion", "缺 If-Match If-Match is missing"),
    "429": ("TooMany", "积压过多 more than is kept up with; see Retry-After"),
    "503": ("Unavailable", "暂不可用 not now; see Retry-After"),
}
_NAMES: Final = {status: name for status, (name, _) in _REFUSED.items()}
TAG: Final = {"ETag": {"schema": {"type": "string"}}}
RESPONSES: Final[dict[str, dict[str, Any]]] = {
    "NotModified": {"description": "与所见相同 as it was seen", "headers": TAG},
    **{
        _NAMES[status]: {"description": said, "content": _AS_PROBLEM}
        for status, (_, said) in _REFUSED.items()
    },
}
# RFC 6749 §5.2 wants its own form, which is a problem too.
OAUTH: Final[dict[str, Any]] = {
    status: {
        "description": _REFUSED[status][1],
        "content": {"application/json": {"schema": {"$ref": f"{_REF}schemas/Problem"}}},
    }
    for status in ("400", "401")
}


def statuses(path: str, method: str) -> set[str]:
    """Say with which statuses an operation may refuse; each may also find the service away."""
    found = {"401", "403", "404", "422", "503"}
    if method != "get" or "{" in path:
        found |= {"409"}
    if method != "get":
        found |= {"400", "413"}
    if method == "patch":
        found |= {"412", "428"}
    return found | ({"429"} if path.endswith(":import") else set())


def refusals(named: set[str]) -> dict[str, Any]:
    """Refer to the refusals with some statuses."""
    return {status: {"$ref": f"{_REF}responses/{_NAMES[status]}"} for status in sorted(named)}
