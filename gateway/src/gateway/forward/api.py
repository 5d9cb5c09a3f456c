"""HTTP in, for everything outside: checks who calls, then hands over to whoever answers.

A raw ASGI app, since most requests only pass through: nothing is parsed, bodies are streamed.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import unquote

import aiohttp
import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from yarl import URL

from contracts.errors import NotFound, Refusal, Unauthorized
from gateway.forward import domain
from gateway.forward.domain import API, Way
from gateway.forward.store import Reach, ServiceAway
from kit import limits, meters
from kit.clock import elapsed_s
from kit.errors import Sentences, refused
from kit.intake import DEADLINE, HEALTH, DeadlinePassed
from kit.log import get, trace_of

Admit: TypeAlias = Callable[[str, str | None], Awaitable[str]]

# So long may a service be silent in the middle of a file, or a caller take nothing of it.
_SILENT_S: Final = 65
# A body that is read whole is there after so long, however steadily it trickles.
_BODY_S: Final = 30.0
_FORM_BYTES: Final = 16 * 1024  # anybody may send a form, before proving anything
_DEADLINE: Final = DEADLINE.decode()
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
_INNER: Final = HEALTH | {"/oauth/token"}

_log = get(__name__)


class NoSuchPath(NotFound):
    """Nobody answers this path."""

    code = "no-such-path"


@dataclass(slots=True)
class _Answer:
    """The way back to the caller: adds the trace, and knows whether it has begun."""

    send: Send
    trace: bytes
    started: bool = False
    status: int = 500

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            kept = [pair for pair in message["headers"] if pair[0] != b"traceparent"]
            message["headers"] = [*kept, (b"traceparent", self.trace)]
        async with asyncio.timeout(_SILENT_S):
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
            await self._inner(scope, receive, send)
        else:
            await self.pages(scope, receive, send)

    async def _inner(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand over what needs no token; only the gateway says how long an answer is waited for."""
        headers = [pair for pair in scope["headers"] if pair[0] != DEADLINE]
        try:
            body = await _whole(dict(headers), receive, _FORM_BYTES)
        except Refusal as no:
            await self._refuse(no, scope, receive, send)
        else:
            await self.inner({**scope, "headers": headers}, _replayed(body, receive), send)

    async def _api(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        trace = domain.traced(headers.get(b"traceparent", b"").decode("latin-1")) or _new_trace()
        answer = _Answer(send, trace.encode())
        structlog.contextvars.bind_contextvars(trace=trace_of(trace))
        begun = elapsed_s()
        operation: str | None = "none"
        try:
            way, given = await self._admitted(scope, headers)
            given.append((b"traceparent", answer.trace))
            if way.own:
                body = await _whole(dict(scope["headers"]), receive, limits.JSON_BYTES)
                operation = None  # counted where it is answered
                await self.inner(_inside(scope, way, given), _replayed(body, receive), answer)
            else:
                operation = domain.counted_as(scope["method"], way.service)
                await self._forward(way, given, scope, receive, answer)
        except Refusal as no:
            if answer.started:
                raise
            await self._refuse(no, scope, receive, answer)
        finally:
            if operation is not None:
                meters.REQUESTS.labels(operation, str(answer.status)).inc()
                meters.SECONDS.labels(operation).observe(elapsed_s() - begun)

    async def _admitted(
        self, scope: Scope, headers: Mapping[bytes, bytes]
    ) -> tuple[Way, list[tuple[bytes, bytes]]]:
        method: str = scope["method"]
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        way = domain.way(method, raw.decode("latin-1").removeprefix(API))
        if way is None:
            raise NoSuchPath(path=scope["path"], method=method)
        # Beside Transfer-Encoding a length says nothing (RFC 9112, 6.3): passed on, it would make
        # the service take the next request on this connection for the rest of this body.
        lengthless = b"transfer-encoding" in headers
        given = [
            (name, headers[name])
            for name in _IN
            if name in headers and not (lengthless and name == b"content-length")
        ]
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
        method: str = scope["method"]
        url = self.reach.url(way.service, way.path, scope["query_string"].decode("latin-1"))
        headers = [(name.decode(), value.decode("latin-1")) for name, value in given]
        brings = limits.is_bulk(method, way.path)
        files = brings or domain.gives_file(method, way.path)
        came, most = dict(scope["headers"]), limits.JSON_BYTES
        body = _file(came, receive) if brings else await _whole(came, receive, most)
        deadline = elapsed_s() + domain.wait_s(method, files=files)
        asked = _Asked(way.service, method, url, headers, deadline, body)
        again = not brings and domain.repeatable(method, dict(given))
        places = self.reach.bulkhead(way.service, files=files)
        budget = self.reach.budget(way.service)
        budget.earn()
        await places.take()
        try:
            for attempt in range(domain.TRIES):
                try:
                    await self._ask(asked, answer)
                except ServiceAway as no:
                    last = attempt == domain.TRIES - 1
                    if last or answer.started or not again or not budget.spend():
                        raise
                    meters.RETRIES.labels(way.service).inc()
                    _log.warning("forward_again", service=way.service, error=repr(no.__cause__))
                    await asyncio.sleep(domain.pause_s(attempt, secrets.randbelow(1000) / 1000))
                else:
                    return
        finally:
            places.leave()

    async def _ask(self, asked: "_Asked", answer: "_Answer") -> None:
        left = asked.deadline - elapsed_s()
        if left <= 0:  # aiohttp takes 0 for no limit
            raise DeadlinePassed(service=asked.service)
        headers = [*asked.headers, (_DEADLINE, str(max(0, int(left * 1000))))]
        try:
            async with self.reach.session.request(
                asked.method,
                asked.url,
                headers=headers,
                data=asked.body.parts() if isinstance(asked.body, _File) else asked.body,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=left, sock_connect=2, sock_read=_SILENT_S),
            ) as response:
                await _pass_on(response, answer)
        except (aiohttp.ClientError, TimeoutError, OSError) as no:
            _log.warning("forward_failed", service=asked.service, error=repr(no))
            if answer.started:
                raise
            if isinstance(asked.body, _File) and asked.body.broken is not None:
                raise asked.body.broken from no
            if isinstance(no, TimeoutError) and elapsed_s() >= asked.deadline:
                raise DeadlinePassed(service=asked.service) from no
            raise ServiceAway(service=asked.service) from no

    async def _refuse(self, no: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
        accept = Headers(raw=scope["headers"]).get("accept-language")
        await refused(no, self.sentences, accept)(scope, receive, send)


_PUBLIC: Final = domain.public_operations()


def _new_trace() -> str:
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def _inside(scope: Scope, way: Way, headers: list[tuple[bytes, bytes]]) -> Scope:
    """Turn an outside request into one of the gateway's own API."""
    path, raw = unquote(way.path), way.path.encode("latin-1")
    return {**scope, "path": path, "raw_path": raw, "headers": headers}


async def _whole(headers: Mapping[bytes, bytes], receive: Receive, limit: int) -> bytes | None:
    """Read a body before anything waits for it: no place is held by a slow caller.

    Refuses: TooLarge, BodyIncomplete.
    """
    if not _has_body(headers):
        return None
    expected = limits.promised(headers)
    read = bytearray()
    try:
        async with asyncio.timeout(_BODY_S):
            async for part in _parts(limits.counted(receive, expected, limit)):
                read += part
    except TimeoutError as no:
        raise limits.BodyIncomplete(got=len(read), expected=expected) from no
    return bytes(read)


def _file(headers: Mapping[bytes, bytes], receive: Receive) -> "_File | None":
    """Give a file as it comes."""
    if not _has_body(headers):
        return None
    return _File(limits.counted(receive, limits.promised(headers), None))


def _has_body(headers: Mapping[bytes, bytes]) -> bool:
    return b"content-length" in headers or b"transfer-encoding" in headers


def _replayed(body: bytes | None, receive: Receive) -> Receive:
    """Give a body that was read already, then whatever the connection still says."""
    waiting: list[Message] = [{"type": "http.request", "body": body or b""}]

    async def read() -> Message:
        return waiting.pop() if waiting else await receive()

    return read


async def _parts(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
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


@dataclass(slots=True)
class _File:
    """A file on its way through; remembers why the caller's side broke off."""

    receive: Receive
    broken: Refusal | None = None

    async def parts(self) -> AsyncIterator[bytes]:
        try:
            async for part in _parts(self.receive):
                yield part
        except Refusal as no:
            self.broken = no
            raise


@dataclass(frozen=True, slots=True)
class _Asked:
    """One request to a service, which may be sent more than once."""

    service: str
    method: str
    url: URL
    headers: list[tuple[str, str]]
    deadline: float
    body: "bytes | _File | None"


async def _close(scope: Scope, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
