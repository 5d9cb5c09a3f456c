"""Rules of a pool: a dated version of both directories, from which a draw is made."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Protocol

from contracts.credit_service import EntityId
from contracts.errors import Conflict
from contracts.item_registry import DepartmentId, ItemId, RegionId
from contracts.joint_inspection import PoolId, TargetId


class Serving(Protocol):
    """What serving a place asks of an agency."""

    @property
    def id(self) -> DepartmentId:
        """Its id."""
        ...

    @property
    def territory(self) -> Sequence[RegionId]:
        """The nodes that it serves, each with everything below it."""
        ...


class PoolEmpty(Conflict):
    """The directory has no target for the item in the region: there is nothing to draw from."""

    code = "pool-empty"


@dataclass(frozen=True, slots=True)
class PoolTarget:
    """A target as it stood when the pool was made."""

    id: TargetId
    entity: EntityId | None
    region: RegionId
    items: tuple[ItemId, ...]


@dataclass(frozen=True, slots=True)
class Pool:
    """A dated version of the directory for an item and a region; `key` stays secret."""

    id: PoolId
    item: ItemId
    region: RegionId
    department: DepartmentId
    made_at: datetime
    targets: int
    inspectors: int
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PoolMade:
    """What the audit row of a new pool says: everything but its key."""

    id: PoolId
    item: ItemId
    region: RegionId
    targets: int
    inspectors: int
    key_digest: str


def key_digest(key: bytes) -> str:
    """Say which pool key it is, as plans do: H("heli-draw-1/pool" ‖ 0 ‖ key)."""
    return sha256(b"heli-draw-1/pool\0" + key).hexdigest()


def serving(
    agencies: Iterable[Serving],
    *,
    region: RegionId,
    chain: Sequence[RegionId],
    above: Mapping[RegionId, Sequence[RegionId]],
) -> list[DepartmentId]:
    """Give the agencies that serve a region: their territory is it, above it or below it."""
    return [
        one.id
        for one in agencies
        if any(node in chain or region in above.get(node, ()) for node in one.territory)
    ]
