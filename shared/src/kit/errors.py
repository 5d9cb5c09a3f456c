"""Refusals as problem+json (RFC 9457) in two languages; only this module knows HTTP statuses.

Sentences stand in `problems.toml` files by code. Chinese unless `Accept-Language` prefers English.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic_core import ErrorDetails
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match, Route

from contracts import errors
from contracts.errors import Refusal
from kit.db import storable
from kit.failures import PoolTimeout, refusal_of
from kit.log import get
from kit.openapi import public

STATUS: Mapping[type[Refusal], int] = {
    errors.Malformed: 400,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Stale: 412,
    errors.TooLarge: 413,
    errors.Invalid: 422,
    errors.NeedsVersion: 428,
    errors.TooMany: 429,
    errors.Unavailable: 503,
}
RETRY_AFTER_S = "2"
METHOD_NOT_ALLOWED = 405
# Facts that describe one faulty field; they stand under `errors`, the others beside it.
_FIELD = ("field", "got", "expected", "suggestion")

_WEIGHT = re.compile(r"q=([01](?:\.[0-9]{0,3})?)")

_log = get(__name__)


@dataclass(frozen=True, slots=True)
class Sentences:
    """Code → language → sentence, from this package's and a service's `problems.toml`."""

    table: Mapping[str, Mapping[str, str]]

    @classmethod
    def load(cls, *packages: str) -> "Sentences":
        """Read the files of the packages that have one; a service's own codes come last."""
        table: dict[str, Mapping[str, str]] = {}
        for package in packages:
            path = files(package).joinpath("problems.toml")
            if path.is_file():
                table |= tomllib.loads(path.read_text("utf-8"))
        return cls(table)

    def say(self, code: str, language: str, facts: Mapping[str, object]) -> str:
        """Give the sentence of a code with its facts put in; the code itself if there is none."""
        sentence = self.table.get(code, {}).get(language, code)
        return sentence.format_map(_Facts({n: _worded(v, language) for n, v in facts.items()}))

    def body(
        self, status: int, code: str, language: str, facts: Mapping[str, object]
    ) -> dict[str, Any]:
        """Give what every problem has."""
        title = self.say(code, language, facts)
        return {"type": f"/problems/{code}", "title": title, "status": status, "code": code}


def _worded(value: object, language: str) -> object:
    joined, nothing = ("、", "无") if language == "zh" else (", ", "none")
    if isinstance(value, (list, tuple)):
        return joined.join(str(one) for one in value) or nothing
    return "—" if value is None else value


class _Facts(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return "—"


def language_of(accept: str | None) -> str:
    """Choose zh or en by `Accept-Language` (RFC 9110 §12.5.4); Chinese where neither is asked."""
    best = ("zh", 0.0)
    for part in (accept or "").split(","):
        tag, _, weight = part.partition(";")
        word = tag.strip().split("-")[0].lower()
        found = _WEIGHT.fullmatch(weight.strip())
        quality = float(found[1]) if found else 1.0
        if word in {"zh", "en"} and quality > best[1]:
            best = (word, quality)
    return best[0]


def status_of(refusal: type[Refusal]) -> int:
    """Give the HTTP status of a kind of refusal; one of no drawn kind is a fault of ours."""
    return next((status for kind, status in STATUS.items() if issubclass(refusal, kind)), 500)


def problem(refusal: Refusal, sentences: Sentences, language: str) -> dict[str, Any]:
    """Turn a refusal into the body of a problem."""
    facts = refusal.facts
    body = sentences.body(status_of(type(refusal)), refusal.code, language, facts)
    field = {name: facts[name] for name in _FIELD if facts.get(name) is not None}
    if "field" in field:
        body["errors"] = [field]
    # What every problem has is never overwritten by a fact of the same name.
    beside = set(_FIELD) if "field" in field else set()
    body = {name: value for name, value in facts.items() if name not in beside} | body
    encoded: dict[str, Any] = storable(jsonable_encoder(body))
    return encoded


def refused(refusal: Refusal, sentences: Sentences, accept: str | None) -> JSONResponse:
    """Give the whole answer of a refusal, in the language of an `Accept-Language`."""
    language = language_of(accept)
    headers = {"Content-Language": language}
    if isinstance(refusal, (errors.Unavailable, errors.TooMany)):
        headers["Retry-After"] = RETRY_AFTER_S
    if isinstance(refusal, errors.Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    body = problem(refusal, sentences, language)
    return JSONResponse(body, body["status"], headers, "application/problem+json")


def install(app: FastAPI, sentences: Sentences) -> None:
    """Give an app the handlers of every error that can reach the edge."""

    def answer(request: Request, refusal: Refusal) -> JSONResponse:
        return refused(refusal, sentences, request.headers.get("accept-language"))

    @app.exception_handler(Refusal)
    async def lawful(request: Request, refusal: Refusal) -> JSONResponse:
        return answer(request, refusal)

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, no: RequestValidationError) -> JSONResponse:
        language = language_of(request.headers.get("accept-language"))
        faults = [
            row_fault(_placed(detail, no.body), sentences, language) for detail in no.errors()
        ]
        return answer(request, errors.Invalid(errors=faults))

    @app.exception_handler(HTTPException)
    async def routed(request: Request, no: HTTPException) -> JSONResponse:
        code = {404: "no-such-path", 405: "method-not-allowed"}.get(no.status_code, "bad-request")
        language = language_of(request.headers.get("accept-language"))
        allow = _allowed(request) if no.status_code == METHOD_NOT_ALLOWED else []
        facts = {"path": public(request.url.path), "method": request.method, "allow": allow}
        body = sentences.body(no.status_code, code, language, facts)
        headers = {**(no.headers or {}), **({"Allow": ", ".join(allow)} if allow else {})}
        return JSONResponse(body, no.status_code, headers, "application/problem+json")

    _install_failures(app, sentences, answer)


def _allowed(request: Request) -> list[str]:
    """List the methods of every route of a path; Starlette names the first route's alone."""
    fits = (
        one for one in _flat(request.app.routes) if one.matches(request.scope)[0] is not Match.NONE
    )
    return sorted({method for route in fits for method in route.methods or ()})


def _flat(routes: Iterable[BaseRoute]) -> Iterator[Route]:
    """Give routes and those of the routers that FastAPI keeps whole among them."""
    for one in routes:
        inner = getattr(one, "original_router", None)
        if inner is not None:
            yield from _flat(inner.routes)
        elif isinstance(one, Route):
            yield one


Answer = Callable[[Request, Refusal], JSONResponse]


def _install_failures(app: FastAPI, sentences: Sentences, answer: Answer) -> None:
    """Handle what is nobody's refusal: the database's failures, and our own."""

    @app.exception_handler(DBAPIError)
    @app.exception_handler(PoolTimeout)
    @app.exception_handler(OSError)
    @app.exception_handler(UnicodeEncodeError)
    async def of_the_database(request: Request, no: Exception) -> JSONResponse:
        refusal = refusal_of(no)
        if refusal is None:
            raise no
        _log.warning("database_refused", path=request.url.path, error=repr(no))
        return answer(request, refusal)

    @app.exception_handler(Exception)
    async def broken(request: Request, no: Exception) -> JSONResponse:
        _log.error("internal_error", path=request.url.path, exc_info=no)
        language = language_of(request.headers.get("accept-language"))
        body = sentences.body(500, "internal", language, {})
        return JSONResponse(body, 500, media_type="application/problem+json")


_AROUND = 20  # characters of a broken JSON text, on each side of the place
_PARTS = (["body"], ["query"], ["path"], ["header"])
_EXPECTED = {
    "missing": "field-missing",
    "extra_forbidden": "field-unknown",
    "json_invalid": "json-invalid",
    "json_invalid_at": "json-invalid",
}


def code_of(kind: str) -> str:
    """Give the code of one of pydantic's complaints."""
    return _EXPECTED.get(kind, "field-invalid")


def _placed(detail: ErrorDetails, body: object) -> ErrorDetails:
    """Give a fault of a JSON text as one of the body, with what stands around the place."""
    place = detail["loc"][-1] if detail["type"] == "json_invalid" else None
    if not isinstance(place, int) or not isinstance(body, str):
        return detail
    context = {**detail.get("ctx", {}), "position": place + 1}
    around = body[max(0, place - _AROUND) : place + _AROUND]
    told = {"type": "json_invalid_at", "loc": ("body", "body"), "input": around, "ctx": context}
    return cast("ErrorDetails", told | {"msg": detail["msg"]})


def row_fault(detail: ErrorDetails, sentences: Sentences, language: str) -> dict[str, Any]:
    """Turn one of pydantic's complaints into field, got and expected."""
    where = [str(part) for part in detail["loc"]]
    where = where[1:] if where[:1] in _PARTS else where
    kind = detail["type"]
    code = code_of(kind)
    context = {name: str(value) for name, value in detail.get("ctx", {}).items()}
    facts = {"field": ".".join(where), "kind": kind, "said": detail["msg"], **context}
    given = detail["input"]
    got = None if kind == "missing" else (given if isinstance(given, str) else repr(given))[:200]
    right = f"expected-{kind}" if f"expected-{kind}" in sentences.table else code
    fault: dict[str, Any] = storable(
        {
            "field": facts["field"],
            "code": code,
            "got": got,
            "expected": sentences.say(right, language, facts),
        }
    )
    return fault
