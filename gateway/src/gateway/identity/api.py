"""HTTP in, for identity: tokens, clients, who is calling; and the door that checks each request."""

import asyncio
import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Annotated, Any, Final
from urllib.parse import parse_qs, unquote_plus

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.acts import Act
from contracts.errors import Unauthorized, Unavailable
from contracts.gateway import AccessToken, ClientId, ClientMade, ClientView, Me, NewClient
from contracts.item_registry import DepartmentId, Line, RegionId
from contracts.roles import OPERATIONS
from gateway.identity import domain, store
from gateway.identity.domain import Client, ClientRevoked
from gateway.identity.store import Issuer
from kit import places
from kit.acts import conclude, moment
from kit.auth import LIFETIME_S, Actor, keys_of, mint, system
from kit.clock import elapsed_s, new_id
from kit.context import Caller, Ctx, Now, Tx, router
from kit.db import Database
from kit.errors import language_of
from kit.failures import is_outage
from kit.idempotency import MAX_KEY, KeyUsedOtherwise
from kit.lists import Asked, Page
from kit.places import Agency

_FRESH_S: Final = 2.0  # how long a client's revocation may go unseen
_PATIENCE_S: Final = 5.0  # with the database, before a caller is told to come again
_RENEW_S: Final = 60.0  # before the end of an internal token's life
_FORM: Final = "application/x-www-form-urlencoded"


@dataclass(slots=True)
class _Known:
    """A client as it was when last read, and the internal token that it turned into."""

    read_at: float
    client: Client
    actor: Actor
    token: str
    minted_at: float


@dataclass(slots=True)
class Door:
    """Turns every outside credential into one short internal token; nothing else is let in."""

    db: Database
    issuer: Issuer
    first: Client | None
    known: dict[ClientId, _Known] = field(default_factory=dict)
    reading: dict[ClientId, asyncio.Task[_Known]] = field(default_factory=dict)

    async def find(self, id_: str) -> Client | None:
        """Read a client: the first administrator, or one that was made here."""
        if self.first is not None and id_ == self.first.id:
            return self.first
        async with self.db.begin(system(self.db.service), "find client") as tx:
            return await store.get(tx, id_)

    async def internal(self, authorization: str, purpose: str | None = None) -> str:
        """Give the internal token for an `Authorization` header, and a `Heli-Purpose` if there is.

        Refuses: Unauthorized, AccessRefused, ClientRevoked, PurposeUnclear, Unavailable.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthorized
        id_ = self.issuer.client_of(token.strip())
        now = elapsed_s()
        known = self.known.get(id_)
        if known is None or now - known.read_at > _FRESH_S:
            known = await self._look_again(id_)
        if known.client.revoked_at is not None:
            raise ClientRevoked(client=id_)
        if purpose is not None:
            stated = domain.purpose(purpose)
            return mint(self.issuer.key, replace(known.actor, purpose=stated))
        if now - known.minted_at > LIFETIME_S - _RENEW_S:
            known.token, known.minted_at = mint(self.issuer.key, known.actor), now
        return known.token

    async def _look_again(self, id_: ClientId) -> _Known:
        """Read a client once for all who wait for it, and let none of them wait long."""
        task = self.reading.get(id_)
        if task is None:
            task = self.reading[id_] = asyncio.create_task(  # noqa: TID251 - outlives who asked first; the pool bounds it
                self._refreshed(id_)
            )
            task.add_done_callback(partial(self._read_done, id_))
        try:
            return await asyncio.wait_for(asyncio.shield(task), _PATIENCE_S)
        except TimeoutError as no:
            raise Unavailable(service=self.db.service) from no

    def _read_done(self, id_: ClientId, task: "asyncio.Task[_Known]") -> None:
        self.reading.pop(id_, None)
        if not task.cancelled():
            task.exception()  # whoever still waits has it

    async def _refreshed(self, id_: ClientId) -> _Known:
        known = self.known.get(id_)
        now = elapsed_s()
        client, actor = await self._read(id_)
        if known is not None and known.actor == actor:
            known.read_at, known.client = now, client
            return known
        made = _Known(now, client, actor, mint(self.issuer.key, actor), now)
        self.known[id_] = made
        return made

    async def _read(self, id_: ClientId) -> tuple[Client, Actor]:
        try:
            client = await self.find(id_)
            line = await self._line(client.department if client else None)
        except Exception as no:
            if not is_outage(no):
                raise
            raise Unavailable(service=self.db.service) from no
        if client is None:
            raise ClientRevoked(client=id_)
        regions, roles = (client.region,), frozenset(client.roles)
        keys = keys_of(client.department, line, regions, roles)
        return client, Actor(client.id, client.department, line, regions, roles, None, keys)

    async def _line(self, department: DepartmentId | None) -> Line | None:
        """Give a department's line; an unknown one has none, and sees what names it alone."""
        if department is None:
            return None
        async with self.db.begin(system(self.db.service), "find line") as tx:
            found = (await places.agencies(tx, [department])).get(department)
        return found.line if found else None


# Tokens --------------------------------------------------------------------------------------

tokens = APIRouter(prefix="/oauth", tags=["identity"])


@tokens.post(
    "/token",
    response_model=AccessToken,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                _FORM: {
                    "schema": {
                        "type": "object",
                        "required": ["grant_type"],
                        "properties": {
                            "grant_type": {"const": "client_credentials"},
                            "client_id": {"type": "string"},
                            "client_secret": {"type": "string"},
                        },
                    }
                }
            },
        }
    },
)
async def create_token(request: Request, ctx: Ctx) -> Response:
    """Give an access token for a client's credentials (RFC 6749 §4.4)."""
    form = await _form(request)
    grant = form.get("grant_type", [""])[0]
    if not grant:
        return _no(request, 400, "invalid_request")
    if grant != "client_credentials":
        return _no(request, 400, "unsupported_grant_type")
    shown = _credentials(request.headers.get("authorization", ""), form)
    if shown is None:
        return _no(request, 401, "invalid_client")
    door: Door = ctx.extras.door
    client = await door.find(shown[0])
    if not domain.proves(client, shown[1]) or client is None:
        return _no(request, 401, "invalid_client")
    given = AccessToken(access_token=door.issuer.access(client.id), expires_in=domain.LIFETIME_S)
    return JSONResponse(given.model_dump(), headers={"Cache-Control": "no-store"})


async def _form(request: Request) -> dict[str, list[str]]:
    return parse_qs((await request.body()).decode("utf-8", "replace"))


def _credentials(header: str, form: Mapping[str, list[str]]) -> tuple[str, str] | None:
    """Read id and secret from HTTP Basic (§2.3.1, both form-encoded), else from the form."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "basic":
        try:
            id_, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return None
        return unquote_plus(id_), unquote_plus(secret)
    if "client_id" in form and "client_secret" in form:
        return form["client_id"][0], form["client_secret"][0]
    return None


def _no(request: Request, status: int, error: str) -> JSONResponse:
    """Answer as RFC 6749 §5.2 asks; `title` says it in the caller's language."""
    sentences = request.app.state.sentences
    code = f"oauth-{error.replace('_', '-')}"
    language = language_of(request.headers.get("accept-language"))
    body = {
        "error": error,
        "error_description": sentences.say(code, "en", {}),
        **sentences.body(status, code, language, {}),
    }
    headers = {"Cache-Control": "no-store", "Content-Language": language}
    if status == 401:  # noqa: PLR2004 - RFC 6749 §5.2
        headers["WWW-Authenticate"] = 'Basic realm="heli"'
    return JSONResponse(body, status, headers)


# Clients -------------------------------------------------------------------------------------

clients = router("/clients", "identity")
me = router("/me", "identity")

Key = Annotated[
    str | None, Header(alias="Idempotency-Key", max_length=MAX_KEY, include_in_schema=False)
]


@clients.post("", status_code=201)
async def create_client(wanted: NewClient, ctx: Ctx, caller: Caller, key: Key = None) -> ClientMade:
    """Make a client; its secret is shown this once."""
    door: Door = ctx.extras.door
    id_ = ClientId(new_id())
    # A transaction of its own, not `Tx`: the answer holds the secret and must not be kept.
    async with ctx.db.begin(caller, "POST /clients") as tx:
        known = await places.chains(tx, [wanted.region])
        chain = known.get(wanted.region, (wanted.region,))
        value = Client(
            id=id_,
            secret_digest=domain.digest(door.issuer.secret_of(id_)),
            department=wanted.department,
            region=wanted.region,
            roles=tuple(sorted(set(wanted.roles))),
            made_by=caller.id,
            created_at=ctx.clock.now(),
        )
        department = await _agency(tx, wanted.department)
        served = await _served(tx, department)
        decided = domain.made(
            value,
            by_regions=caller.regions,
            chain=chain,
            served=served,
            department_known=department is not None,
        )
        # Its region's administrators see it: not its department's, who may be of another region.
        readers = places.readers(chain, ())
        kept = await store.add(tx, decided.value, readers=readers, request=key)
        if kept is value:
            await conclude(tx, caller, Act(), before=None, decided=decided)
    _same_request(kept, value)
    return ClientMade(
        client_id=kept.id,
        client_secret=door.issuer.secret_of(kept.id),
        department=kept.department,
        department_known=department is not None,
        region=kept.region,
        region_known=wanted.region in known,
        roles=kept.roles,
    )


async def _agency(tx: AsyncConnection, department: DepartmentId | None) -> Agency | None:
    return (await places.agencies(tx, [department])).get(department) if department else None


async def _served(tx: AsyncConnection, found: Agency | None) -> tuple[tuple[RegionId, ...], ...]:
    """Give the chains of the regions that a department serves; none where nobody knows it."""
    return tuple([await places.chain(tx, one) for one in found.territory] if found else ())


def _same_request(kept: Client, value: Client) -> None:
    first = (kept.department, kept.region, kept.roles)
    if first != (value.department, value.region, value.roles):
        raise KeyUsedOtherwise(field="Idempotency-Key", got=kept.id, expected="a new key")


@clients.get("")
async def list_clients(tx: Tx, asked: Asked) -> Page[ClientView]:
    """List clients, without their secrets."""
    found, next_ = await store.listed(tx, asked)
    return Page(items=[ClientView.model_validate(one) for one in found], next=next_)


@clients.post("/{client_id}:revoke")
async def revoke_client(
    client_id: ClientId, act: Act, ctx: Ctx, tx: Tx, caller: Caller, now: Now
) -> ClientView:
    """End a client's access; tokens that it has stop within two seconds."""
    client = await store.lock(tx, client_id)
    decided = domain.revoke(client, at=moment(act, now))
    await store.save(tx, decided.value)
    await conclude(tx, caller, act, before=client, decided=decided)
    door: Door = ctx.extras.door
    door.known.pop(client_id, None)
    return ClientView.model_validate(decided.value)


@me.get("")
async def get_me(tx: Tx, caller: Caller) -> Me:
    """Say who is calling, which rows that opens, and what may be tried next."""
    known: Any = await places.agencies(tx, [caller.department] if caller.department else [])
    return Me(
        id=caller.id,
        department=DepartmentId(caller.department) if caller.department else None,
        department_known=bool(known),
        line=Line(caller.line) if caller.line else None,
        regions=tuple(RegionId(region) for region in caller.regions),
        roles=tuple(sorted(caller.roles)),
        keys=caller.keys,
        operations=domain.operations_of(caller.roles, OPERATIONS),
        docs="/docs",
    )


routers = (tokens, clients, me)
