"""Rules of a client: who may make one, what proves it, what its token says."""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from urllib.parse import unquote

from contracts.errors import Conflict, Forbidden, Invalid, Unauthorized
from contracts.gateway import ClientId
from contracts.item_registry import ROOT, DepartmentId, RegionId
from contracts.roles import PUBLIC, Role
from contracts.says import Decided

AUDIENCE: Final = "heli-api"
ISSUER: Final = "heli-gateway"
LIFETIME_S: Final = 3600
API: Final = "/api/v1"
JOINED: Final = "/joined"  # what is answered from all six stands inside under this name
_SECRET: Final = b"heli client secret"
_PURPOSE: Final = 200
_INSIDE: Final = frozenset({"/oauth/token", "/operations/published"})

# System, security and audit administrators never meet in one person (GB/T 22239, 三员分立).
_NEVER_TOGETHER: Final = frozenset({Role.ADMIN, Role.AUDITOR})


@dataclass(frozen=True, slots=True)
class Client:
    """A caller of the API: a department's system or person. Made, then perhaps revoked."""

    id: ClientId
    secret_digest: str
    department: DepartmentId | None
    region: RegionId
    roles: tuple[Role, ...]
    made_by: str
    created_at: datetime
    revoked_at: datetime | None = None


class RolesNeverMeet(Invalid):
    """Administrators and auditors are different people."""

    code = "roles-never-meet"


class OutsideYourRegion(Forbidden):
    """An administrator gives access only below its own regions."""

    code = "client-outside-your-region"


class DepartmentUnknown(Invalid):
    """Below the root a client's department is one that the registry knows.

    Else an administrator could take the id of a department of elsewhere before it is registered.
    """

    code = "client-department-unknown"


class PurposeUnclear(Invalid):
    """Whoever asks for personal data whole says what for, in a few words."""

    code = "purpose-unclear"


class AlreadyRevoked(Conflict):
    """The client is revoked."""

    code = "client-already-revoked"


class ClientRevoked(Unauthorized):
    """The token is good, but its client was revoked."""

    code = "client-revoked"


class AccessRefused(Unauthorized):
    """The access token does not hold."""

    code = "access-token-refused"


def made(
    client: Client,
    *,
    by_regions: Collection[str],
    chain: Sequence[str],
    served: Sequence[Sequence[str]] = (),
    department_known: bool = True,
) -> Decided[Client]:
    """Check that a client may be made by an administrator of some regions.

    `chain` is the client's region and every node above it; `served` are the chains of the regions
    of its department, for a client sees whatever names its department.
    Refuses: RolesNeverMeet, OutsideYourRegion, DepartmentUnknown.
    """
    if set(client.roles) >= _NEVER_TOGETHER:
        together = sorted(_NEVER_TOGETHER)
        raise RolesNeverMeet(field="roles", got=sorted(client.roles), expected=together)
    for one in (chain, *served):
        if ROOT not in by_regions and not set(by_regions) & set(one):
            raise OutsideYourRegion(region=one[0], yours=sorted(by_regions))
    if client.department and not department_known and ROOT not in by_regions:
        raise DepartmentUnknown(
            field="department", got=client.department, expected="GET /api/v1/departments"
        )
    return Decided(client)


def revoke(client: Client, *, at: datetime) -> Decided[Client]:
    """End a client's access, at once for every token that it still has. Refuses: AlreadyRevoked."""
    if client.revoked_at is not None:
        raise AlreadyRevoked(client=client.id)
    return Decided(replace(client, revoked_at=at))


def purpose(header: str) -> str:
    """Read the purpose that a request states: UTF-8, percent-encoded. Refuses: PurposeUnclear."""
    stated = unquote(header).strip()
    if not 0 < len(stated) <= _PURPOSE or not stated.isprintable():
        raise PurposeUnclear(
            field="Heli-Purpose", got=stated[:40], expected=f"1-{_PURPOSE} characters"
        )
    return stated


def secret_of(key: bytes, client: ClientId) -> str:
    """Derive a client's secret from the signing key.

    So a request sent again after a lost answer gets the same secret, though none is stored.
    """
    made_ = hmac.new(key, _SECRET + b"\0" + client.encode(), hashlib.sha256).digest()
    return urlsafe_b64encode(made_).decode().rstrip("=")


def digest(secret: str) -> str:
    """Give what is stored of a secret; 256 random bits need no slow hash."""
    return "sha256:" + hashlib.sha256(secret.encode()).hexdigest()


def proves(client: Client | None, secret: str) -> bool:
    """Say whether a secret is the client's; takes as long for a client that does not exist."""
    kept = client.secret_digest if client else digest("")
    same = hmac.compare_digest(kept, digest(secret))
    return same and client is not None and client.revoked_at is None


def claims(client: ClientId, now: int) -> dict[str, str | int]:
    """Say what an access token holds: only who it is for; the rest is looked up each time."""
    return {"iss": ISSUER, "aud": AUDIENCE, "sub": client, "iat": now, "exp": now + LIFETIME_S}


def operations_of(
    roles: Collection[Role], table: Mapping[str, Mapping[str, frozenset[Role]]]
) -> tuple[str, ...]:
    """List the operations that some roles may try, as method and outside path, by path."""
    own = set(roles)
    found = {
        tuple(operation.split(" "))
        for operations in table.values()
        for operation, allowed in operations.items()
        if allowed == PUBLIC or allowed & own
    }
    outside = {(path.removeprefix(JOINED), method) for method, path in found}
    shown = (pair for pair in outside if pair[0] not in _INSIDE)
    return tuple(f"{method} {API}{path}" for path, method in sorted(shown))
