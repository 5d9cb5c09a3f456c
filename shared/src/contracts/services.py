"""The six services, and the streams on which they speak.

A service has a name (also its stream's), a package (also its database's) and its resources: the
first words of paths under `/api/v1`, which the gateway forwards to it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServiceName:
    """One service: `name` is also its stream, `package` also its database."""

    name: str
    package: str
    resources: tuple[str, ...]


ITEM_REGISTRY = ServiceName(
    "item-registry",
    "item_registry",
    ("regions", "departments", "items", "responsibilities", "calendars", "caps"),
)
CREDIT_SERVICE = ServiceName(
    "credit-service",
    "credit_service",
    ("entities", "provisional-subjects", "credit-records", "indicator-systems", "grades"),
)
RISK_MONITOR = ServiceName(
    "risk-monitor", "risk_monitor", ("signals", "sources", "warning-models", "warnings")
)
CLUE_DISPATCH = ServiceName("clue-dispatch", "clue_dispatch", ("clues", "cases"))
JOINT_INSPECTION = ServiceName(
    "joint-inspection",
    "joint_inspection",
    ("targets", "inspectors", "pools", "draws", "visits", "publications"),
)
GATEWAY = ServiceName("gateway", "gateway", ("me", "clients", "reports"))

SERVICES = (ITEM_REGISTRY, CREDIT_SERVICE, RISK_MONITOR, CLUE_DISPATCH, JOINT_INSPECTION, GATEWAY)

EVENT_BYTES = 256 * 1024  # of one event's envelope; larger sets go out as several batch events
_HEADER_BYTES = 1024  # of NATS headers: ids, the expected stream, the run of a replay
_DAY_S = 24 * 3600


@dataclass(frozen=True, slots=True)
class Stream:
    """How one service's stream is kept; `migrate` makes it so, and a service says what differs.

    `discard="new"`: a full stream refuses, so that the relay keeps the event, instead of losing an
    old one that a reader may not have had. Nobody may delete or purge: what was announced stays
    for `max_age_s`. The number of replicas is a deployment's own (`migrate --replicas`).
    """

    name: str
    subjects: tuple[str, ...]
    storage: str = "file"
    discard: str = "new"
    max_age_s: int = 30 * _DAY_S
    max_bytes: int = 1024**3
    max_message_bytes: int = EVENT_BYTES + _HEADER_BYTES
    dedupe_s: int = 600
    deny_delete: bool = True
    deny_purge: bool = True


STREAMS = tuple(Stream(service.name, (f"heli.{service.name}.>",)) for service in SERVICES)
