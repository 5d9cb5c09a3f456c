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
_JOINED: Final = frozenset({"audit", "operations"})
_FIRST: Final = re.compile(r"/([a-z-]+)(?=[/:]|$)")
_ENTITY: Final = re.compile(r"/entities/[^/:]+")
_TRACE: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
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
