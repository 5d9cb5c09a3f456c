"""Internal tokens: who calls, from which department and regions, in which roles.

The gateway turns every credential into one short token (Ed25519, at most 5 minutes); services
trust nothing else. Keys of scope follow from the token (design: identity and scope).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

from contracts.errors import Unauthorized
from contracts.roles import OVERSEERS, Role
from kit.clock import real_seconds

ALGORITHM = "Ed25519"
AUDIENCE = "heli-internal"
ISSUER = "heli-gateway"
LIFETIME_S = 300
LEEWAY_S = 60
_REMEMBERED = 4096
_SYSTEM = "system:"


class TokenRefused(Unauthorized):
    """The internal token does not hold."""

    code = "token-refused"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a client or person of a department, or `system:<service>`.

    `keys` decide which rows are seen: `line@region`, the department's id, and `*@region` for
    roles that oversee all lines there.
    """

    id: str
    department: str | None = None
    line: str | None = None
    regions: tuple[str, ...] = ()
    roles: frozenset[Role] = frozenset()
    purpose: str | None = None
    keys: tuple[str, ...] = ()

    @property
    def is_system(self) -> bool:
        """Say whether this is a service's own work."""
        return self.id.startswith(_SYSTEM)


def system(service: str) -> Actor:
    """Give the actor of a service's own work, which sees every row of its database."""
    return Actor(id=f"{_SYSTEM}{service}")


def keys_of(
    department: str | None, line: str | None, regions: Iterable[str], roles: Iterable[Role]
) -> tuple[str, ...]:
    """Derive the keys of scope from what a token says."""
    regions = tuple(regions)
    keys = [department] if department else []
    if line:
        keys += [f"{line}@{region}" for region in regions]
    if OVERSEERS & set(roles):
        keys += [f"*@{region}" for region in regions]
    return tuple(keys)


def mint(key: OKPKey, actor: Actor) -> str:
    """Make the internal token of an actor; only the gateway has the private key."""
    now = int(real_seconds())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": actor.id,
        "iat": now,
        "exp": now + LIFETIME_S,
        "dept": actor.department,
        "line": actor.line,
        "regions": list(actor.regions),
        "roles": sorted(actor.roles),
        "purpose": actor.purpose,
    }
    return jwt.encode({"alg": ALGORITHM, "kid": key.kid}, claims, key, algorithms=[ALGORITHM])


@dataclass(slots=True)
class Verifier:
    """Checks internal tokens against a key set and remembers those that held until they expire."""

    keys: KeySet
    held: dict[bytes, tuple[float, Actor]] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> "Verifier":
        """Read a JWKS file."""
        return cls(KeySet.import_key_set(json.loads(path.read_text("utf-8"))))

    def actor(self, token: str) -> Actor:
        """Give who a token stands for; refuses TokenRefused."""
        digest = hashlib.sha256(token.encode()).digest()
        now = real_seconds()
        known = self.held.get(digest)
        if known and known[0] > now:
            return known[1]
        expires, actor = self._check(token, now)
        if len(self.held) >= _REMEMBERED:
            self.held.clear()
        self.held[digest] = (expires, actor)
        return actor

    def _check(self, token: str, now: float) -> tuple[float, Actor]:
        try:
            decoded = jwt.decode(token, self.keys, algorithms=[ALGORITHM])
            claims: Mapping[str, object] = decoded.claims
            rules = jwt.JWTClaimsRegistry(
                now=int(now),
                leeway=LEEWAY_S,
                iss={"essential": True, "value": ISSUER},
                aud={"essential": True, "value": AUDIENCE},
                exp={"essential": True},
                sub={"essential": True},
            )
            rules.validate(decoded.claims)
            return float(str(claims["exp"])), _actor(claims)
        except (JoseError, ValueError, TypeError) as no:  # a forged header may hold any JSON
            raise TokenRefused(why=type(no).__name__) from no


def _actor(claims: Mapping[str, object]) -> Actor:
    regions = tuple(str(region) for region in _list(claims.get("regions")))
    roles = frozenset(Role(str(role)) for role in _list(claims.get("roles")))
    department = str(claims["dept"]) if claims.get("dept") else None
    if str(claims["sub"]).startswith(_SYSTEM):  # it would see every row
        raise ValueError(claims["sub"])
    line = str(claims["line"]) if claims.get("line") else None
    return Actor(
        id=str(claims["sub"]),
        department=department,
        line=line,
        regions=regions,
        roles=roles,
        purpose=str(claims["purpose"]) if claims.get("purpose") else None,
        keys=keys_of(department, line, regions, roles),
    )


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
