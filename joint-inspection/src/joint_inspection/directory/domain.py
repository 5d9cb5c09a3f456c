"""Rules of the directories 检查对象名录库 and 执法检查人员名录库 (国发〔2019〕5号).

A target is what one can visit; the entity responsible stands beside it, a provisional one where
the code is wrong. Ids that nobody gave follow from what a row says, so that the same row sent
twice is one target.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from hashlib import sha256
from typing import Protocol

from contracts.credit_service import EntityId
from contracts.errors import Conflict, Forbidden
from contracts.item_registry import DepartmentId, ItemId, RegionId
from contracts.joint_inspection import (
    InspectorId,
    NewInspector,
    PoolId,
    TargetId,
    TargetKind,
)
from kit.codes import Fault, entity_id, subject_of

_DERIVED = 24
_CODED = ("uscc-", "reg15-", "reg13-")
_PROVISIONAL = "prov-"
_CODE_OF_A_PERSON = "code-person"


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


class TargetTaken(Conflict):
    """Another department's target has this id, or this entity and place."""

    code = "target-taken"


class InspectorTaken(Conflict):
    """Another department's inspector has this id."""

    code = "inspector-taken"


class NotYourInspector(Forbidden):
    """A department keeps only its own inspectors; an integrator all that its client sends."""

    code = "inspector-not-yours"


class PoolEmpty(Conflict):
    """The directory has no target for the item in the region: there is nothing to draw from."""

    code = "pool-empty"


@dataclass(frozen=True, slots=True)
class Sighting:
    """A code that names nobody, as it was met; the raw code is left out if it is a person's."""

    subject: EntityId
    source: str
    fault: str
    raw: str | None


@dataclass(frozen=True, slots=True)
class Target:
    """What one can visit 检查对象."""

    id: TargetId
    name: str
    kind: TargetKind
    region: RegionId
    entity: EntityId | None
    address: str
    items: tuple[ItemId, ...]
    department: str | None


@dataclass(frozen=True, slots=True)
class Inspector:
    """An officer with a certificate 执法证; `recusals` name entities and targets (回避)."""

    id: InspectorId
    department: DepartmentId
    name: str
    certificate: str
    valid_until: date
    qualifications: tuple[str, ...] = ()
    recusals: tuple[str, ...] = ()

    def certified(self, on: date) -> bool:
        """Say whether the certificate is valid on a day."""
        return on <= self.valid_until

    def recused(self, target: str, subject: str | None) -> bool:
        """Say whether the officer must withdraw (行政处罚法 art. 43)."""
        return target in self.recusals or (subject is not None and subject in self.recusals)


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


def target_id(entity: EntityId | None, region: RegionId, address: str) -> TargetId:
    """Name a target by entity, region and address; `store.from_entities` does the same in SQL."""
    named = f"{entity or ''}|{region}|{address}"
    return TargetId("t-" + sha256(named.encode()).hexdigest()[:_DERIVED])


def inspector_id(department: DepartmentId, certificate: str) -> InspectorId:
    """Name an inspector by department and certificate."""
    named = f"{department}|{certificate}"
    return InspectorId("i-" + sha256(named.encode()).hexdigest()[:_DERIVED])


def responsible(
    source: str, given: str | None, name: str
) -> tuple[EntityId | None, Sighting | None]:
    """Say who is responsible: an entity, a provisional subject with its fault, or nobody known.

    `given` is a credit code, a registration number or an entity's id; nothing given is nobody.
    """
    if not given:
        return None, None
    if given.startswith(_PROVISIONAL):
        return EntityId(given), None
    prefix = next((known for known in _CODED if given.startswith(known)), "")
    code = given.removeprefix(prefix)
    subject, fault = subject_of(source, code, name)
    if fault is None:
        return EntityId(subject), None
    return EntityId(subject), Sighting(EntityId(subject), source, fault.code, _raw(code, fault))


def _raw(code: str, fault: Fault) -> str | None:
    return None if fault.code == _CODE_OF_A_PERSON else code


def coded(given: str) -> str:
    """Give the entity's id where an 18-character code stands alone; else what was given."""
    found = entity_id(given)
    return found if isinstance(found, str) else given


def check_keeper(department: DepartmentId, *, by: DepartmentId | None, for_others: bool) -> None:
    """Let a department keep its own inspectors; refuses NotYourInspector."""
    if department != by and not for_others:
        raise NotYourInspector(department=department, yours=by)


def merged(known: Target, given: Target) -> Target:
    """Join what a row says with what stands: the keeper's newer words, and the items of both.

    Another department that names the same entity and place adds its items and nothing else.
    Refuses: TargetTaken.
    """
    items = tuple(sorted({*known.items, *given.items}))
    if known.department != given.department:
        if (known.entity, known.region) != (given.entity, given.region):
            raise TargetTaken(field="id", got=known.id, expected="another id")
        return replace(known, items=items)
    entity = given.entity or known.entity
    address = given.address or known.address
    return replace(
        known, name=given.name, kind=given.kind, entity=entity, address=address, items=items
    )


def inspector(new: NewInspector) -> Inspector:
    """Make an inspector of what a row says."""
    return Inspector(
        id=InspectorId(new.id or inspector_id(new.department, new.certificate)),
        department=new.department,
        name=new.name,
        certificate=new.certificate,
        valid_until=new.valid_until,
        qualifications=tuple(new.qualifications),
        recusals=tuple(new.recusals),
    )


def check_same(known: Inspector | None, given: Inspector) -> None:
    """Keep an id with its department; refuses InspectorTaken."""
    if known is not None and known.department != given.department:
        raise InspectorTaken(field="id", got=given.id, expected="another id")


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


def able(inspectors: Iterable[Inspector], *, on: date) -> Sequence[Inspector]:
    """Give those whose certificate is valid on a day."""
    return [one for one in inspectors if one.certified(on)]


def nearest(
    targets: Iterable[tuple[Target, Sequence[RegionId]]],
    *,
    region: RegionId,
    chain: Sequence[RegionId],
    item: ItemId | None,
) -> Target | None:
    """Find the target at or near a region: there, below it, or at a node above it.

    Each target comes with its own chain of regions; `chain` is that of the region asked for. The
    nearest wins, then one that is under the item, then the smaller id.
    """
    ranked: list[tuple[int, bool, str, Target]] = []
    for target, above in targets:
        if region in above:
            steps = above.index(region)
        elif target.region in chain:
            steps = chain.index(target.region)
        else:
            continue
        ranked.append((steps, item not in target.items, target.id, target))
    return min(ranked, key=lambda each: each[:3])[3] if ranked else None
