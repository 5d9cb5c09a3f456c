"""Whose a path is: the routing table of everything under `/api/v1`, and the trace of a request."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from contracts.errors import NotFound
from contracts.roles import OPERATIONS, PUBLIC, Role
from contracts.services import GATEWAY, SERVICES

API: Final = "/api/v1"
JOINED: Final = "/joined"

_OWNERS: Final = {resource: service.name for service in SERVICES for resource in service.resources}
_NAMES: Final = tuple(service.name for service in SERVICES)
# What the gateway answers from all six; each service has the same paths for its own part.
_JOINED: Final = frozenset({"audit", "operations", "policies"})
_FIRST: Final = re.compile(r"/([a-z-]+)(?=[/:]|$)")
_ENTITY: Final = re.compile(r"/entities/[^/:]+")
_TRACE: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
# How long an answer is waited for: a read must be quick, an act with many rows may take its time.
READ_S: Final = 10.0
WRITE_S: Final = 60.0
# A file takes as long as it needs, as long as something moves.
FILE_S: Final = 3600.0
TRIES: Final = 3
_JITTER_S: Final = 0.1
_READS: Final = frozenset({"GET", "HEAD"})
_METHODS: Final = frozenset(one.split(" ")[0] for table in OPERATIONS.values() for one in table)
_GIVEN: Final = re.compile(r"/draws/[^/:]+/file|/jobs/[^/:]+/errors\.[a-z]+")
_PARAMETER: Final = re.compile(r"\\\{id\\\}")


class NoSuchJob(NotFound):
    """A job's id begins with its service's name; this one begins with none."""

    code = "no-such-job"


@dataclass(frozen=True, slots=True)
class Way:
    """Who answers, and under which path inside."""

    service: str
    path: str

    @property
    def own(self) -> bool:
        """Say whether the gateway answers itself."""
        return self.service == GATEWAY.name


def way(method: str, path: str) -> Way | None:
    """Find who answers a path below `/api/v1`, still percent-encoded; None where nobody does.

    Refuses: NoSuchJob.
    """
    first = _FIRST.match(path)
    # A slash at the end is nobody's: a service would answer it with a redirect to itself.
    if first is None or path.lower().endswith(("/", "%2f")):
        return None
    resource = first[1]
    if resource in _JOINED:
        return Way(GATEWAY.name, JOINED + path)
    if resource == "jobs":
        return _of_job(path)
    if method == "GET" and _ENTITY.fullmatch(path):
        return Way(GATEWAY.name, path)
    owner = _OWNERS.get(resource)
    return Way(owner, path) if owner else None


def _of_job(path: str) -> Way | None:
    """Read the owner from a job's id, which begins with it: `<service>-<uuid>`."""
    id_ = path.removeprefix("/jobs").strip("/").partition("/")[0]
    if not id_:
        return None
    owner = next((name for name in _NAMES if id_.startswith(f"{name}-")), None)
    if owner is None:
        raise NoSuchJob(job=id_, expected=[f"{name}-…" for name in _NAMES])
    return Way(owner, path)


def gives_file(method: str, path: str) -> bool:
    """Say whether the answer to a request is a file."""
    return method == "GET" and _GIVEN.fullmatch(path) is not None


def wait_s(method: str, *, files: bool) -> float:
    """Say how long the answer to a request is waited for, in seconds."""
    if files:
        return FILE_S
    return READ_S if method in _READS else WRITE_S


def counted_as(method: str, service: str) -> str:
    """Name what is counted: a method is any word that a caller writes, a label is one of few."""
    return f"{method if method in _METHODS else 'other'} → {service}"


def repeatable(method: str, headers: Mapping[bytes, bytes]) -> bool:
    """Say whether a request sent twice has one effect: a read, or a POST under a key."""
    return method in _READS or (method == "POST" and b"idempotency-key" in headers)


def pause_s(attempt: int, chance: float) -> float:
    """Say how long to pause before a further attempt; `chance` is 0 to 1 (full jitter)."""
    return chance * _JITTER_S * 2.0**attempt


@dataclass(slots=True)
class Budget:
    """Further attempts are at most a share of the requests: an outage is not made worse by them."""

    share: float = 0.1
    most: float = 10.0
    left: float = 10.0

    def earn(self) -> None:
        """Count a request."""
        self.left = min(self.most, self.left + self.share)

    def spend(self) -> bool:
        """Take one further attempt, where there is one left."""
        if self.left < 1:
            return False
        self.left -= 1
        return True


def public_operations(
    table: Mapping[str, Mapping[str, frozenset[Role]]] = OPERATIONS,
) -> dict[str, re.Pattern[str]]:
    """Give for each service a pattern of the operations that need no token."""
    found: dict[str, re.Pattern[str]] = {}
    for service, operations in table.items():
        open_ = [re.escape(one) for one, allowed in operations.items() if allowed == PUBLIC]
        if open_:
            found[service] = re.compile("|".join(_PARAMETER.sub("[^/:]+", one) for one in open_))
    return found


def traced(asked: str | None) -> str | None:
    """Give a W3C traceparent as it came, or None where it says nothing usable."""
    return asked if asked and _TRACE.fullmatch(asked) else None
