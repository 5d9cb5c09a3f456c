"""What a handler needs: the service's Context, and by name in its parameters Ctx, Caller, Tx, Now.

Every router is made by `router()`: its routes run in one transaction that commits before the
answer leaves (a failing commit is a 500, never a 200), and keep `Idempotency-Key` answers.
"""

import re
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi import params as params_of
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.types import Message
from typing_extensions import override

from contracts import classes
from contracts.acts import Act
from contracts.errors import Forbidden, Invalid, Unauthorized
from contracts.roles import PUBLIC, UNMASK, Role
from kit import audit, idempotency
from kit.auth import Actor, Verifier
from kit.bus import Bus
from kit.clock import Clock, elapsed_s
from kit.db import Database, dealing
from kit.etags import tagged
from kit.intake import DeadlinePassed
from kit.limits import check_json, is_bulk
from kit.openapi import public
from kit.settings import ServiceSettings

PUBLIC_ACTOR = Actor(id="public")
_JSON = "application/json"
_PARAMETER = re.compile(r"\{[^}]+\}")


@dataclass(slots=True)
class Connection:
    """What changes while the service runs: NATS may be down while the API serves.

    `leads`: this process reads, publishes and works; `draining`: it was told to stop; `drift`: how
    the server differed at start from what is declared, a sentence each.
    """

    bus: Bus | None = None
    leads: bool = False
    draining: bool = False
    drift: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Context:
    """All that a service's handlers share, made once in `app.py`; `extras` are its own parts."""

    service: str
    settings: ServiceSettings
    db: Database
    clock: Clock
    verifier: Verifier
    operations: dict[str, frozenset[Role]]
    connection: Connection
    extras: Any = None


class RoleMissing(Forbidden):
    """The operation needs a role that the caller has not."""

    code = "role-missing"


class BodyNotJson(Invalid):
    """A body is JSON; without a Content-Type it is read as that, under another it is refused."""

    code = "body-not-json"


class QueryUnknown(Invalid):
    """A typing error in a filter must not give the unfiltered list."""

    code = "query-unknown"


def operation_of(method: str, path: str) -> str:
    """Name an operation as `contracts.roles` does: method and path, parameters as `{id}`."""
    return f"{method} {_PARAMETER.sub('{id}', path)}"


# Dependencies are coroutines even where nothing is awaited: FastAPI sends any other to a thread.
async def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


async def _caller(request: Request) -> Actor:
    return _checked(request)


def _checked(request: Request) -> Actor:
    """Check the token and the role; a public operation has an actor without keys."""
    known: Actor | None = getattr(request.state, "caller", None)
    if known is not None:
        return known
    context: Context = request.app.state.context
    operation = operation_of(request.method, request.scope["route"].path)
    request.state.operation = operation
    allowed = context.operations[operation]
    header = request.headers.get("authorization", "")
    if allowed == PUBLIC and not header:
        actor = PUBLIC_ACTOR
    else:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthorized
        actor = context.verifier.actor(token.strip())
        if allowed and not allowed & actor.roles:
            named = f"{request.method} {public(request.scope['route'].path)}"
            raise RoleMissing(operation=named, roles=sorted(allowed), yours=sorted(actor.roles))
    request.state.caller = actor
    request.state.whole = actor.purpose is not None and bool(UNMASK & actor.roles)
    classes.unmask(whole=request.state.whole)
    return actor


Ctx = Annotated[Context, Depends(_context)]
Caller = Annotated[Actor, Depends(_caller)]


async def open_tx(request: Request, context: Ctx, caller: Caller) -> AsyncConnection:
    """Open the request's transaction; the route commits it before the answer leaves."""
    stack: AsyncExitStack = request.state.stack
    operation: str = request.state.operation
    tx = await stack.enter_async_context(
        context.db.begin(
            caller,
            operation,
            traceparent=request.headers.get("traceparent"),
            within_ms=_left_ms(request),
        )
    )
    request.state.tx = tx
    _left_ms(request)  # a connection may have been waited for
    if caller.purpose is not None:
        # Whoever reads for a stated purpose leaves a trace of it at the owner.
        read = audit.Change(request.url.path.strip("/"), before=None, after=None)
        await audit.record(tx, Act(reason=caller.purpose), read)
    key = request.headers.get("idempotency-key")
    if key is not None and request.method == "POST" and not is_bulk("POST", request.url.path):
        whole = " whole" if request.state.whole else ""
        asked = f"{request.method} {request.url.path}?{request.url.query}{whole}"
        digest = idempotency.digest_of_request(asked, await request.body())
        await idempotency.claim(tx, key, operation, digest)
        request.state.claimed = key
    return tx


def _left_ms(request: Request) -> int | None:
    """Say how long the answer is still waited for; refuses DeadlinePassed."""
    deadline: float | None = getattr(request.state, "deadline", None)
    if deadline is None:
        return None
    left = int((deadline - elapsed_s()) * 1000)
    if left <= 0:
        raise DeadlinePassed
    return left


async def _now(tx: "Tx") -> datetime:
    return dealing(tx).now


Tx = Annotated[AsyncConnection, Depends(open_tx)]
Now = Annotated[datetime, Depends(_now)]


async def _as_json(request: Request) -> Request:
    """Read a body without a Content-Type as JSON, and no body at all as `{}`: an act needs none."""
    body = await request.body()
    check_json(body)
    kind = request.headers.get("content-type", "")
    if body and kind:
        media = kind.split(";", maxsplit=1)[0].strip().lower()
        if media != _JSON and not media.endswith("+json"):
            raise BodyNotJson(field="Content-Type", got=media, expected=_JSON)
        return request
    rest = [pair for pair in request.scope["headers"] if pair[0] != b"content-type"]
    scope = {**request.scope, "headers": [*rest, (b"content-type", _JSON.encode())]}

    async def receive() -> Message:
        return {"type": "http.request", "body": body or b"{}"}

    return Request(scope, receive)


class Route(APIRoute):
    """One transaction a request, committed before the answer; answers under a key are kept."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler."""
        handle = super().get_route_handler()
        params = get_flat_params(self.dependant)
        known = sorted(one.alias for one in params if isinstance(one.field_info, params_of.Query))

        async def inside(request: Request) -> Response:
            for name in request.query_params.keys() - set(known):
                raise QueryUnknown(field=name, got=request.query_params[name], expected=known)
            _checked(request)  # before the body: who may not send it need not be read
            async with AsyncExitStack() as stack:
                request.state.stack = stack
                asked = await _as_json(request) if self.body_field else request
                try:
                    response = await handle(asked)
                except idempotency.Replayed as before:
                    return _replayed(before.answer)
                claimed: str | None = getattr(request.state, "claimed", None)
                if claimed is not None:
                    kept = idempotency.Answer(
                        response.status_code,
                        response.media_type or "application/json",
                        bytes(response.body),
                        response.headers.get("location"),
                        response.headers.get("etag"),
                    )
                    await idempotency.keep(request.state.tx, claimed, kept)
            after: Callable[[], None] | None = getattr(request.state, "after_commit", None)
            if after is not None:
                after()
            return tagged(request, response) if request.method == "GET" else response

        return inside


def _replayed(answer: idempotency.Answer) -> Response:
    headers = {"Idempotent-Replayed": "true"}
    headers |= {"Location": answer.location} if answer.location else {}
    headers |= {"ETag": answer.etag} if answer.etag else {}
    return Response(answer.body, answer.status, headers, answer.media_type)


def router(prefix: str = "", tag: str | None = None) -> APIRouter:
    """Make a router whose routes keep to one transaction and need a caller."""
    return APIRouter(
        prefix=prefix,
        tags=[tag or prefix.strip("/")],
        route_class=Route,
        dependencies=[Depends(_caller)],
    )
