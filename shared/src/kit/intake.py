"""What every request passes before its handler: counting, deadline, shedding, weight, trace.

Plain ASGI, since it stands before each request: no request object, no extra task. A request is
refused before it waits long: beyond `at_once` it gets a tenth of a second for a place, then 503
with Retry-After. Health is never shed.
"""

import asyncio
import re
from dataclasses import dataclass, field
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.errors import Refusal, Unavailable
from kit import limits, meters
from kit.clock import elapsed_s
from kit.errors import Sentences, refused
from kit.log import trace_of

HEALTH: Final = frozenset({"/livez", "/readyz", "/status", "/metrics"})
# Milliseconds that the answer is still waited for; the gateway alone sets it.
DEADLINE: Final = b"x-deadline-ms"
PLACE_S: Final = 0.1
_LEFT: Final = re.compile(rb"-?\d{1,9}")
_NO_BODY: Final = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})


class Overloaded(Unavailable):
    """As many requests as can be answered are being answered."""

    code = "overloaded"


class DeadlinePassed(Unavailable):
    """Nobody waits for the answer any more, so nothing was done."""

    code = "deadline-passed"


@dataclass(slots=True)
class _Answer:
    """The way back to the caller: knows the status and whether it has begun."""

    send: Send
    status: int = 500
    started: bool = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.started = True
        await self.send(message)


@dataclass(slots=True)
class Places:
    """So many at once; whoever finds none waits `PLACE_S` at most. Refuses: Overloaded."""

    at_once: int
    free: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        """Make the semaphore."""
        self.free = asyncio.Semaphore(self.at_once)

    async def take(self) -> None:
        """Take a place."""
        if not self.free.locked():
            await self.free.acquire()
            return
        try:
            async with asyncio.timeout(PLACE_S):
                await self.free.acquire()
        except TimeoutError as no:
            meters.SHED.labels("overloaded").inc()
            raise Overloaded(at_once=self.at_once) from no

    def leave(self) -> None:
        """Give the place to the next."""
        self.free.release()


@dataclass(slots=True)
class Intake:
    """Stands before a service's routes; gives `state.deadline` and `state.operation` a place."""

    app: ASGIApp
    sentences: Sentences
    places: Places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] != "http" or scope["path"] in HEALTH:
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        state = scope.setdefault("state", {})
        answer = _Answer(send)
        begun = elapsed_s()
        trace = headers.get(b"traceparent")
        if trace is not None:
            structlog.contextvars.bind_contextvars(trace=trace_of(trace.decode("latin-1")))
        meters.IN_FLIGHT.inc()
        try:
            await self._pass(scope, headers, receive, answer)
        except Refusal as no:
            if answer.started:
                raise
            accept = headers.get(b"accept-language", b"").decode("latin-1")
            await refused(no, self.sentences, accept)(scope, receive, answer)
        finally:
            meters.IN_FLIGHT.dec()
            operation = state.get("operation", "none")
            meters.REQUESTS.labels(operation, str(answer.status)).inc()
            meters.SECONDS.labels(operation).observe(elapsed_s() - begun)

    async def _pass(
        self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, answer: _Answer
    ) -> None:
        left = headers.get(DEADLINE, b"")
        if _LEFT.fullmatch(left):
            if int(left) <= 0:
                meters.SHED.labels("deadline").inc()
                raise DeadlinePassed
            scope["state"]["deadline"] = elapsed_s() + int(left) / 1000
        if scope["method"] not in _NO_BODY:
            limit = None if limits.is_bulk(scope["method"], scope["path"]) else limits.JSON_BYTES
            receive = limits.counted(receive, limits.promised(headers), limit)
        await self.places.take()
        try:
            await self.app(scope, receive, answer)
        finally:
            self.places.leave()
