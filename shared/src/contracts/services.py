"""The six services: the name (also its stream and its database's), its package, its resources.

A resource is the first word of a path under `/api/v1`; the gateway forwards it to its owner.
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
