"""HTTP in, for everything outside: checks who calls, then hands over to whoever answers.

A raw ASGI app, since most requests only pass through: nothing is parsed, bodies are streamed.
"""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import unquote

import aiohttp
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.errors import NotFound, Refusal, Unauthorized, Unavailable
from gateway.forward import domain
from gateway.forward.domain import API, Way
from gateway.forward.store import Reach, ServiceAway
from kit.errors import RETRY_AFTER_S, Sentences, language_of, problem
from kit.log import get

Admit: TypeAlias = Callable[[str, str | None], Awaitable[str]]

_SMALL: Final = 64 * 1024
_WHOLE: Final = 1024 * 1024
# Only these go in; a service trusts the token and nothing else that a caller could write.
_IN: Final = (
    b"accept",
    b"accept-language",
    b"content-length",
    b"content-type",
    b"idempotency-key",
    b"if-match",
    b"if-none-match",
    b"last-event-id",
)
_HOP: Final = frozenset(
    {
        b"connection",
        b"date",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-connection",
        b"server",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_INNER: Final = frozenset({"/livez", "/readyz", "/metrics", "/oauth/token"})

_log = get(__name__)


class NoSuchPath(NotFound):
    """Nobody answers this path."""

    code = "no-such-path"


class _CallerGone(ConnectionError):
    """The caller went away in the middle of its body."""


@dataclass(slots=True)
class _Answer:
    """The way back to the caller: adds the trace, and knows whether it has begun."""

    send: Send
    trace: bytes
    started: bool = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            kept = [pair for pair in message["headers"] if pair[0] != b"traceparent"]
            message["headers"] = [*kept, (b"traceparent", self.trace)]
        await self.send(message)


@dataclass(frozen=True, slots=True)
class Edge:
    """The outermost app of the gateway: `inner` is its own API, `pages` what people look at."""

    inner: ASGIApp
    pages: ASGIApp
    reach: Reach
    admit: Admit
    sentences: Sentences

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] != "http":
            await _close(scope, send)
            return
        path: str = scope["path"]
        if path.startswith(f"{API}/"):
            await self._api(scope, receive, send)
        elif path in _INNER:
            await self.inner(scope, receive, send)
        else:
            await self.pages(scope, receive, send)

    async def _api(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        trace = domain.traced(headers.get(b"traceparent", b"").decode("latin-1")) or _new_trace()
        answer = _Answer(send, trace.encode())
        try:
            way, given = await self._admitted(scope, headers)
            given.append((b"traceparent", answer.trace))
            if way.own:
                await self.inner(_inside(scope, way, given), receive, answer)
            else:
                await self._forward(way, given, scope, receive, answer)
        except _CallerGone:
            return
        except Refusal as no:
            if answer.started:
                raise
            await self._refuse(no, scope, receive, answer)

    async def _admitted(
        self, scope: Scope, headers: Mapping[bytes, bytes]
    ) -> tuple[Way, list[tuple[bytes, bytes]]]:
        method: str = scope["method"]
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        way = domain.way(method, raw.decode("latin-1").removeprefix(API))
        if way is None:
            raise NoSuchPath(path=scope["path"], method=method)
        given = [(name, headers[name]) for name in _IN if name in headers]
        shown = headers.get(b"authorization")
        if shown is not None:
            purpose = headers.get(b"heli-purpose")
            stated = None if purpose is None else purpose.decode("latin-1")
            token = await self.admit(shown.decode("latin-1"), stated)
            given.append((b"authorization", b"Bearer " + token.encode()))
        elif not self._is_public(way, method):
            raise Unauthorized
        return way, given

    @staticmethod
    def _is_public(way: Way, method: str) -> bool:
        pattern = _PUBLIC.get(way.service)
        return pattern is not None and pattern.fullmatch(f"{method} {way.path}") is not None

    async def _forward(
        self,
        way: Way,
        given: list[tuple[bytes, bytes]],
        scope: Scope,
        receive: Receive,
        answer: "_Answer",
    ) -> None:
        url = self.reach.url(way.service, way.path, scope["query_string"].decode("latin-1"))
        headers = [(name.decode(), value.decode("latin-1")) for name, value in given]
        body = await _body(Headers(raw=scope["headers"]), receive)
        try:
            async with self.reach.session.request(
                scope["method"], url, headers=headers, data=body, allow_redirects=False
            ) as response:
                await _pass_on(response, answer)
        except (aiohttp.ClientError, TimeoutError, OSError) as no:
            _log.warning("forward_failed", service=way.service, error=repr(no))
            if answer.started:
                raise
            raise ServiceAway(service=way.service) from no

    async def _refuse(self, no: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
        language = language_of(Headers(raw=scope["headers"]).get("accept-language"))
        body = problem(no, self.sentences, language)
        headers = {"Content-Language": language}
        if isinstance(no, Unavailable):
            headers["Retry-After"] = RETRY_AFTER_S
        if isinstance(no, Unauthorized):
            headers["WWW-Authenticate"] = "Bearer"
        response = JSONResponse(body, body["status"], headers, "application/problem+json")
        await response(scope, receive, send)


_PUBLIC: Final = domain.public_operations()


def _new_trace() -> str:
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def _inside(scope: Scope, way: Way, headers: list[tuple[bytes, bytes]]) -> Scope:
    """Turn an outside request into one of the gateway's own API."""
    path, raw = unquote(way.path), way.path.encode("latin-1")
    return {**scope, "path": path, "raw_path": raw, "headers": headers}


async def _body(headers: Headers, receive: Receive) -> bytes | AsyncIterator[bytes] | None:
    """Give a small body whole, a larger one as it comes, and nothing where there is none."""
    length = headers.get("content-length")
    if length is None and "transfer-encoding" not in headers:
        return None
    parts = _parts(receive)
    if length is not None and length.isdigit() and int(length) <= _SMALL:
        return b"".join([part async for part in parts])
    return parts


async def _parts(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _CallerGone
        part: bytes = message.get("body", b"")
        if part:
            yield part
        if not message.get("more_body", False):
            return


async def _pass_on(response: aiohttp.ClientResponse, send: Send) -> None:
    headers = [
        (lower, value)
        for name, value in response.raw_headers
        if (lower := name.lower()) not in _HOP
    ]
    start: Message = {"type": "http.response.start", "status": response.status, "headers": headers}
    length = response.content_length
    if length is not None and length <= _WHOLE:
        whole = await response.read()
        await send(start)
        await send({"type": "http.response.body", "body": whole})
        return
    await send(start)
    async for part in response.content.iter_any():
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _close(scope: Scope, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
