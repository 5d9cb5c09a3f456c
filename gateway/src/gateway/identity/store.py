"""SQL of clients, and the keys that sign what they are given."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.errors import NotFound
from contracts.gateway import ClientId
from contracts.item_registry import ROOT
from contracts.roles import Role
from gateway.identity import domain
from gateway.identity.domain import AccessRefused, Client
from gateway.identity.tables import client
from kit.auth import ALGORITHM
from kit.clock import Clock, real_seconds
from kit.lists import Paging, page

_REMEMBERED = 4096

_VALUE = (
    client.c.id,
    client.c.secret_digest,
    client.c.department,
    client.c.region,
    client.c.roles,
    client.c.made_by,
    client.c.created_at,
    client.c.revoked_at,
)


def _value(row: Sequence[Any]) -> Client:
    id_, digest, department, region, roles, *rest = row
    return Client(id_, digest, department, region, tuple(Role(role) for role in roles), *rest)


async def get(tx: AsyncConnection, id_: str) -> Client | None:
    """Read one."""
    row = (await tx.execute(select(*_VALUE).where(client.c.id == id_))).one_or_none()
    return None if row is None else _value(row)


async def lock(tx: AsyncConnection, id_: ClientId) -> Client:
    """Read one and hold it until the transaction ends; raises NotFound, also when out of scope."""
    query = select(*_VALUE).where(client.c.id == id_).with_for_update()
    row = (await tx.execute(query)).one_or_none()
    if row is None:
        raise NotFound(client=id_)
    return _value(row)


async def add(
    tx: AsyncConnection, value: Client, *, readers: list[str], request: str | None
) -> Client:
    """Write a new one; gives the first one when it was made under this request before."""
    row = insert(client).values(
        id=value.id,
        secret_digest=value.secret_digest,
        department=value.department,
        region=value.region,
        roles=list(value.roles),
        made_by=value.made_by,
        created_at=value.created_at,
        readers=readers,
        request=request,
    )
    done = await tx.execute(row.on_conflict_do_nothing().returning(client.c.id))
    if done.one_or_none() is not None:
        return value
    query = select(*_VALUE).where(client.c.made_by == value.made_by, client.c.request == request)
    return _value((await tx.execute(query)).one())


async def save(tx: AsyncConnection, value: Client) -> None:
    """Write back what a decision changed."""
    change = client.update().where(client.c.id == value.id)
    await tx.execute(change.values(revoked_at=value.revoked_at))


async def listed(tx: AsyncConnection, asked: Paging) -> tuple[list[Client], str | None]:
    """List those of the caller's regions."""
    rows, next_ = await page(tx, select(*_VALUE), by=(client.c.id,), asked=asked)
    return [_value(row) for row in rows], next_


@dataclass(frozen=True, slots=True)
class Issuer:
    """Signs and reads access tokens; remembers those that held until they expire."""

    key: OKPKey
    held: dict[bytes, tuple[float, ClientId]] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> "Issuer":
        """Read the private key's JWK file."""
        return cls(OKPKey.import_key(json.loads(path.read_text("utf-8"))))

    def secret_of(self, id_: ClientId) -> str:
        """Give a client's secret."""
        private = self.key.as_dict(private=True)["d"]
        return domain.secret_of(str(private).encode(), id_)

    def access(self, id_: ClientId) -> str:
        """Make an access token."""
        claims: dict[str, Any] = domain.claims(id_, int(real_seconds()))
        header = {"alg": ALGORITHM, "kid": self.key.kid}
        return jwt.encode(header, claims, self.key, algorithms=[ALGORITHM])

    def client_of(self, token: str) -> ClientId:
        """Give whom an access token is for; refuses AccessRefused."""
        known = hashlib.sha256(token.encode()).digest()
        now = real_seconds()
        expires, id_ = self.held.get(known, (0.0, ClientId("")))
        if expires > now:
            return id_
        expires, id_ = self._check(token, int(now))
        if len(self.held) >= _REMEMBERED:
            self.held.clear()
        self.held[known] = (expires, id_)
        return id_

    def _check(self, token: str, now: int) -> tuple[float, ClientId]:
        rules = jwt.JWTClaimsRegistry(
            now=now,
            iss={"essential": True, "value": domain.ISSUER},
            aud={"essential": True, "value": domain.AUDIENCE},
            exp={"essential": True},
            sub={"essential": True},
        )
        try:
            read = jwt.decode(token, self.key, algorithms=[ALGORITHM]).claims
            rules.validate(read)
        except (JoseError, ValueError, TypeError) as no:
            raise AccessRefused(why=type(no).__name__) from no
        return float(read["exp"]), ClientId(str(read["sub"]))


def bootstrap(path: Path | None, clock: Clock) -> Client | None:
    """Read the first administrator of a fresh data folder; without a file there is none."""
    if path is None:
        return None
    kept = json.loads(path.read_text("utf-8"))
    return Client(
        id=ClientId(kept["client_id"]),
        secret_digest=domain.digest(kept["client_secret"]),
        department=None,
        region=ROOT,
        roles=(Role.ADMIN,),
        made_by="bootstrap",
        created_at=clock.now(),
    )
