"""Rules of the directories 检查对象名录库 and 执法检查人员名录库 (国发〔2019〕5号).

A target is what one can visit; the entity responsible stands beside it, a provisional one where
the code is wrong. Ids that nobody gave follow from what a row says, so that the same row sent
twice is one target.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256

from contracts.credit_service import EntityId
from contracts.errors import Conflict, Forbidden, Invalid
from contracts.item_registry import DepartmentId, ItemId, RegionId
from contracts.joint_inspection import (
    InspectorId,
    NewInspector,
    TargetId,
    TargetKind,
)
from kit.codes import Fault, entity_id, normalise, subject_of

_DERIVED = 24
_CODED = ("uscc-", "reg15-", "reg13-")
_PROVISIONAL = "prov-"
_CODE_OF_A_PERSON = "code-person"


class TargetTaken(Conflict):
    """Another department's target has this id, or this entity and place."""

    code = "target-taken"


class InspectorTaken(Conflict):
    """Another department's inspector has this id."""

    code = "inspector-taken"


class NotYourInspector(Forbidden):
    """A department keeps only its own inspectors; an integrator all that its client sends."""

    code = "inspector-not-yours"


class RegionNotKnown(Invalid):
    """A target stands at a node of the managed tree of regions: else nobody near would see it."""

    code = "target-region-unknown"


class RecusalUnexplained(Invalid):
    """A recusal 回避 says why: a direct interest, or a relation (行政处罚法 art. 43)."""

    code = "recusal-reason-missing"


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


def check_region(region: RegionId, known: Collection[RegionId]) -> None:
    """Let a target in at a node that exists; refuses RegionNotKnown."""
    if region not in known:
        raise RegionNotKnown(field="region", got=region, expected="GET /api/v1/regions")


def landing(
    targets: Iterable[tuple[Target, Sequence[RegionId]]],
    *,
    region: RegionId,
    chain: Sequence[RegionId],
    name: str,
    address: str,
) -> Target | None:
    """Find the target that a record of a visit means, among those of the entity that it names.

    The one nearest to the region; where several are as near, the one with its address, else the
    one with its name. None: a place that nobody has listed.
    """
    ranked = _ranked(targets, region=region, chain=chain)
    least = min((steps for steps, _ in ranked), default=0)
    near = sorted((one for steps, one in ranked if steps == least), key=lambda one: one.id)
    if len(near) == 1:
        return near[0]
    at = [one for one in near if address and _worded(one.address) == _worded(address)]
    called = [one for one in near if _worded(one.name) == _worded(name)]
    return next(iter(at or called), None)


def recuse(
    known: Inspector, of: str, reason: str | None, *, by: DepartmentId | None, for_others: bool
) -> Inspector:
    """Keep an officer from an entity or target for good (行政处罚法 art. 43).

    The head of the own agency decides. Refuses: NotYourInspector, RecusalUnexplained.
    """
    check_keeper(known.department, by=by, for_others=for_others)
    if not reason or not reason.strip():
        raise RecusalUnexplained(field="reason", got=reason, expected="1-2000")
    return replace(known, recusals=_both(known.recusals, (of,)))


def kept(known: Inspector | None, given: Inspector) -> Inspector:
    """Take what a row says; a recusal stands, also where a later row does not name it."""
    if known is None:
        return given
    return replace(given, recusals=_both(known.recusals, given.recusals))


def _both(known: Iterable[str], given: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*known, *(coded(one) for one in given)]))


def _worded(text: str) -> str:
    """Give what two spellings of one name or address share: half width, no spaces."""
    return "".join(normalise(text).split())


def inspector(new: NewInspector) -> Inspector:
    """Make an inspector of what a row says."""
    return Inspector(
        id=InspectorId(new.id or inspector_id(new.department, new.certificate)),
        department=new.department,
        name=new.name,
        certificate=new.certificate,
        valid_until=new.valid_until,
        qualifications=tuple(new.qualifications),
        recusals=_both((), new.recusals),
    )


def check_same(known: Inspector | None, given: Inspector) -> None:
    """Keep an id with its department; refuses InspectorTaken."""
    if known is not None and known.department != given.department:
        raise InspectorTaken(field="id", got=given.id, expected="another id")


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
    ranked = _ranked(targets, region=region, chain=chain)
    nearest_first = sorted(ranked, key=lambda one: (one[0], item not in one[1].items, one[1].id))
    return nearest_first[0][1] if ranked else None


def _ranked(
    targets: Iterable[tuple[Target, Sequence[RegionId]]],
    *,
    region: RegionId,
    chain: Sequence[RegionId],
) -> list[tuple[int, Target]]:
    """Say how many nodes lie between a region and each target below or above it."""
    ranked: list[tuple[int, Target]] = []
    for target, above in targets:
        if region in above:
            ranked.append((above.index(region), target))
        elif target.region in chain:
            ranked.append((chain.index(target.region), target))
    return ranked
