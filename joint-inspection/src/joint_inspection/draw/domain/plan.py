"""The plan of a draw and its exact bytes (heli-draw-1, plan).

The plan holds digests of lists, never the lists. Its bytes are JSON after RFC 8785; with ASCII
keys and values and integers only, sorted compact JSON is just that.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from contracts.errors import Invalid
from contracts.item_registry import DepartmentId
from joint_inspection.draw.domain.handles import Digest, digest

VERSION = "heli-draw-1"
SHA_256 = "sha-256"


class Mode(StrEnum):
    """Who draws targets: one department (joint), several with shared keys, or another platform."""

    JOINT = "joint"
    COORDINATED = "coordinated"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True)
class Allocation:
    """How many of one stratum are drawn, and how many stand in reserve; `list` has its targets."""

    stratum: str
    n: int
    reserve: int
    list: Digest


@dataclass(frozen=True, slots=True)
class Department:
    """What one department brings: seats in each of its visits, its lists, and its own draws.

    The initiating department 发起部门 has allocations; a cooperating one 配合部门 joins the drawn
    targets of its list `joins` and draws only inspectors.
    """

    department: DepartmentId
    seats: int
    qualification: str
    left_out: Digest
    inspectors: Digest
    joins: Digest | None
    allocations: tuple[Allocation, ...]


@dataclass(frozen=True, slots=True)
class Beacon:
    """An outside source whose first value after `after` goes into the seed."""

    source: str
    round: str
    after: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a draw follows from, besides the parties' secrets.

    `previous` is the digest of the plan before it in the series: no draw is made and forgotten.
    """

    series: str
    draw: str
    previous: Digest | None
    directory: str
    pool: Digest
    pool_key: Digest
    departments: tuple[Department, ...]
    recused: Digest
    parties: tuple[DepartmentId, ...]
    reveal_by: datetime
    mode: Mode = Mode.JOINT
    hash: str = SHA_256
    stand_ins: tuple[DepartmentId, ...] = ()
    beacon: Beacon | None = None


class PlanUnreadable(Invalid):
    """These bytes are not a plan of version heli-draw-1 in its one exact form."""

    code = "draw-plan-unreadable"


def written(value: object) -> bytes:
    """JSON after RFC 8785, for ASCII keys, texts and integers."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def instant(moment: datetime) -> str:
    """Write an instant as it stands in plan and file: UTC, whole seconds, `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def to_bytes(plan: Plan) -> bytes:
    """Write the bytes that the plan's digest is over."""
    return written({**asdict(plan), "version": VERSION, "reveal_by": instant(plan.reveal_by)})


def plan_digest(plan: Plan) -> Digest:
    """H over the plan's bytes: what parties commit to."""
    return digest(to_bytes(plan))


def from_bytes(raw: bytes) -> Plan:
    """Read a plan back; refuses PlanUnreadable, also where other bytes would say the same."""
    try:
        plan = _plan(json.loads(raw))
    except (ValueError, KeyError, TypeError) as fault:
        raise PlanUnreadable(got=str(fault)) from fault
    if to_bytes(plan) != raw:
        raise PlanUnreadable(got="not in canonical form")
    return plan


def _plan(fields: Mapping[str, Any]) -> Plan:  # Any: JSON as read; the canonical form is compared
    known = dict(fields)
    if known.pop("version") != VERSION:
        raise PlanUnreadable(got=f"version {fields['version']}")
    departments = tuple(_department(each) for each in known.pop("departments"))
    beacon = known.pop("beacon")
    return Plan(
        departments=departments,
        beacon=None if beacon is None else Beacon(**beacon),
        mode=Mode(known.pop("mode")),
        parties=tuple(known.pop("parties")),
        stand_ins=tuple(known.pop("stand_ins")),
        reveal_by=datetime.fromisoformat(known.pop("reveal_by")),
        **known,
    )


def _department(fields: Mapping[str, Any]) -> Department:  # Any: as above
    allocations = tuple(Allocation(**each) for each in fields["allocations"])
    return Department(**{**fields, "allocations": allocations})
