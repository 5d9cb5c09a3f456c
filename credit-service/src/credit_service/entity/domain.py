"""Rules of an entity: who a code names, what a later row changes, what others may know."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from contracts.credit_service import (
    EntityBatch,
    EntityId,
    EntityKind,
    EntityNew,
    EntityRow,
    EntityStatus,
)
from contracts.errors import Invalid
from contracts.item_registry import RegionId
from kit import codes
from kit.codes import Fault

# An event holds at most 500 rows and about 200 KiB (design §4).
ROWS = 500
BYTES = 200 * 1024

_PREFIXES = ("uscc-", "reg15-", "reg13-")
PROVISIONAL = "prov-"


@dataclass(frozen=True, slots=True)
class Entity:
    """A legal person, sole trader or organisation, or a provisional subject; never reused.

    `version` counts announced changes; `alias_of` is what the id became.
    """

    id: EntityId
    version: int
    name: str | None
    kind: EntityKind
    status: EntityStatus
    alias_of: EntityId | None = None
    registration_office: str | None = None
    jurisdiction_office: str | None = None
    region: RegionId | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What a batch of rows did: the entities that it made or changed, and how many of each."""

    changed: tuple[Entity, ...]
    duplicate: int
    revised: int


class CodeNamesNobody(Invalid):
    """The code is wrong; `fault` says how, `suggestion` what it may have been (never applied)."""

    code = "code-names-nobody"


class KindContradictsCode(Invalid):
    """The code itself says that it is a sole trader's, or that it is not."""

    code = "kind-contradicts-code"


class RegionUnknown(Invalid):
    """What a request says of a place must name a node of the region tree."""

    code = "credit-region-unknown"


def placed(region: str | None, known: Collection[RegionId]) -> None:
    """Check that a region that was sent is a node of the tree; refuses RegionUnknown.

    An event's region is kept as it is: its sender has already answered for it.
    """
    if region is not None and region not in known:
        raise RegionUnknown(field="region", got=region, expected="GET /api/v1/regions")


def named(raw: str) -> EntityId | Fault:
    """Read an id or a bare code as it may stand in a path: the one entity that it names."""
    text = raw.strip()
    for prefix in _PREFIXES:
        if text.startswith(prefix):
            known = codes.entity_id(text.removeprefix(prefix))
            if isinstance(known, str) and known.startswith(prefix):
                return EntityId(known)
            return known if isinstance(known, Fault) else Fault("code-length", "id", text, prefix)
    if text.startswith(PROVISIONAL):
        return EntityId(text)
    found = codes.entity_id(text)
    return found if isinstance(found, Fault) else EntityId(found)


def identified(raw: str, field: str = "id") -> EntityId:
    """Give the entity that an id or a code names; refuses CodeNamesNobody."""
    found = named(raw)
    if isinstance(found, Fault):
        raise CodeNamesNobody(
            field=field,
            got=found.got,
            expected=found.expected,
            suggestion=found.suggestion,
            fault=found.code,
        )
    return found


def registrable(raw: str) -> EntityId:
    """Give the entity that a code to be registered names; refuses CodeNamesNobody.

    A provisional subject is met and resolved, never registered under its own id.
    """
    found = identified(raw, "code")
    if is_provisional(found):
        raise CodeNamesNobody(
            field="code", got=raw, expected="18 | 15 | 13", suggestion=None, fault="code-length"
        )
    return found


def is_provisional(id_: EntityId) -> bool:
    """Say whether an id stands in for somebody whom nobody could name."""
    return id_.startswith(PROVISIONAL)


def kind_of(id_: EntityId) -> EntityKind:
    """Say what a code tells of its bearer.

    GB 32100-2015: 92 is a sole trader, 9 otherwise a business, all others organisations.
    GS 15-2006: the sequence in a number of 15 digits begins with 6 to 9 for sole traders.
    """
    prefix, _, code = id_.partition("-")
    match prefix:
        case "uscc" if code.startswith("92"):
            return EntityKind.SOLE_TRADER
        case "uscc" if not code.startswith("9"):
            return EntityKind.ORGANISATION
        case "reg15" if code[6] in "6789":
            return EntityKind.SOLE_TRADER
        case "prov":
            return EntityKind.PROVISIONAL
        case _:
            return EntityKind.LEGAL_PERSON


def agreed(id_: EntityId, said: EntityKind | None) -> EntityKind:
    """Give the kind of a code's bearer, as said where the code leaves room.

    Refuses: KindContradictsCode.
    """
    proved = kind_of(id_)
    if said is None or said == proved:
        return proved
    sole = EntityKind.SOLE_TRADER
    if EntityKind.PROVISIONAL in (said, proved) or sole in (said, proved):
        raise KindContradictsCode(field="kind", got=said, expected=proved)
    return said


def registered(id_: EntityId, row: EntityNew, stands: Entity | None = None) -> Entity:
    """Give the entity after a row; what the row leaves out stays as it stands.

    Refuses: KindContradictsCode.
    """
    kind = agreed(id_, row.kind)
    before = stands or Entity(id_, 0, row.name, kind, EntityStatus.ACTIVE)
    after = Entity(
        id=id_,
        version=before.version,
        name=row.name,
        kind=kind if row.kind else before.kind,
        status=row.status or before.status,
        alias_of=before.alias_of,
        registration_office=row.registration_office or before.registration_office,
        jurisdiction_office=row.jurisdiction_office or before.jurisdiction_office,
        region=RegionId(row.region) if row.region else before.region,
        address=row.address or before.address,
    )
    return before if after == before and stands else replace(after, version=before.version + 1)


def take(rows: Iterable[tuple[EntityId, EntityNew]], stand: Mapping[EntityId, Entity]) -> Taken:
    """Take rows in their order: new ones, the same again (duplicate), changed ones (revised)."""
    now = dict(stand)
    touched: dict[EntityId, Entity] = {}
    duplicate = revised = 0
    for id_, row in rows:
        before = now.get(id_)
        after = registered(id_, row, before)
        if before is not None:
            duplicate += after is before
            revised += after is not before
        if after is not before:
            now[id_] = touched[id_] = after
    return Taken(tuple(touched.values()), duplicate, revised)


def row_of(entity: Entity) -> EntityRow:
    """Give what others may know: no name of a sole trader or of somebody unresolved."""
    unnamed = entity.kind in (EntityKind.SOLE_TRADER, EntityKind.PROVISIONAL)
    return EntityRow(
        id=entity.id,
        version=entity.version,
        name=None if unnamed else entity.name,
        kind=entity.kind,
        status=entity.status,
        alias_of=entity.alias_of,
    )


def parcels(entities: Iterable[Entity]) -> tuple[tuple[EntityRow, ...], ...]:
    """Divide rows so that each parcel fits one event."""
    made: list[list[EntityRow]] = []
    size = BYTES
    for row in map(row_of, entities):
        weight = len(row.model_dump_json().encode()) + 1
        if size + weight > BYTES or len(made[-1]) == ROWS:
            made.append([])
            size = 0
        made[-1].append(row)
        size += weight
    return tuple(tuple(rows) for rows in made)


def announced(
    parcelled: Sequence[tuple[EntityRow, ...]], batches: Sequence[str]
) -> tuple[EntityBatch, ...]:
    """Say what changed, one event a parcel; each batch is an aggregate of its own."""
    pairs = zip(batches, parcelled, strict=True)
    return tuple(EntityBatch(batch=batch, rows=rows) for batch, rows in pairs)


def resolved(subject: Entity, into: EntityId) -> Entity:
    """Make a provisional subject the alias of an entity; nothing of either is merged."""
    return replace(subject, alias_of=into, version=subject.version + 1)


def open_address(entity: Entity) -> str | None:
    """Give the address for everybody; a sole trader's may be a home and is left out."""
    return None if entity.kind is EntityKind.SOLE_TRADER else entity.address
