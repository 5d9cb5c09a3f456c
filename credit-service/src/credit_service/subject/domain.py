"""Rules of a provisional subject 待核实主体: when one exists, and who it turns out to be.

It stands in where a code is wrong or there is none, under an id that every service computes alike.
It is never merged in silence: a person says which entity it is, and why; its id stays an alias.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from contracts.credit_service import EntityBatch, EntityId, EntityKind, EntityStatus, Slip
from contracts.errors import Conflict, Invalid
from contracts.item_registry import DepartmentId, RegionId
from contracts.says import Decided
from credit_service.entity.domain import Entity, resolved, row_of
from kit import codes


@dataclass(frozen=True, slots=True)
class ProvisionalSubject:
    """Where it was met first and what was wrong; `entity` once somebody said who it is.

    `batch` is the last announcement of its id, to which the next one answers.
    """

    id: EntityId
    source: DepartmentId
    fault: str
    raw: str | None
    region: RegionId | None
    sighted_by: str
    sighted_at: datetime
    batch: str
    entity: EntityId | None = None
    version: int = 1


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A code that is one slip away from another one, and whose check digit holds."""

    id: EntityId
    why: Slip
    at: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A registered entity that a provisional subject may be."""

    entity: EntityId
    name: str | None
    status: EntityStatus
    region: RegionId | None
    why: Slip
    at: int


class ReasonMissing(Invalid):
    """Saying who somebody is needs a reason that can be checked later."""

    code = "reason-missing"


class AlreadyResolved(Conflict):
    """Somebody has already said which entity it is."""

    code = "subject-already-resolved"


class IntoProvisional(Conflict):
    """A provisional subject cannot become another one that nobody could name either."""

    code = "subject-into-provisional"


def entity_of(subject: ProvisionalSubject) -> Entity:
    """Give the entity row that stands for it: without a name."""
    return Entity(
        id=subject.id,
        version=1,
        name=None,
        kind=EntityKind.PROVISIONAL,
        status=EntityStatus.ACTIVE,
        region=subject.region,
    )


def sighted(subject: ProvisionalSubject) -> Decided[ProvisionalSubject]:
    """Take note of one that was met for the first time, and let everybody know of the id."""
    row = row_of(entity_of(subject))
    return Decided(subject, says=(EntityBatch(batch=subject.batch, rows=(row,)),))


def resolve(
    subject: ProvisionalSubject, row: Entity, *, into: Entity, reason: str | None, batch: str
) -> tuple[Decided[ProvisionalSubject], Entity]:
    """Say which entity it is; gives the decision and the alias that its own row becomes.

    Refuses: ReasonMissing, AlreadyResolved, IntoProvisional.
    """
    if not reason or not reason.strip():
        raise ReasonMissing(field="reason", got=reason or "", expected="≥ 1")
    if subject.entity is not None:
        raise AlreadyResolved(subject=subject.id, entity=subject.entity)
    if into.kind is EntityKind.PROVISIONAL:
        raise IntoProvisional(subject=subject.id, entity=into.id)
    alias = resolved(row, into.id)
    after = replace(subject, entity=into.id, batch=batch, version=subject.version + 1)
    says = (EntityBatch(batch=batch, rows=(row_of(alias),)),)
    return Decided(after, says=says), alias


# GB 32100-2015: the weighted sum of all characters, the check character among them, is 0 mod 31.
_MODULUS: Final = len(codes.ALPHABET)
_WEIGHTS: Final = (*(pow(3, n, _MODULUS) for n in range(17)), 1)
_VALUES: Final = {sign: value for value, sign in enumerate(codes.ALPHABET)}
_OLD_LENGTH: Final = 15


def neighbours(raw: str | None) -> tuple[Neighbour, ...]:
    """Give every code one wrong character or two exchanged neighbours away from a wrong one.

    The commonest slips in typing; only codes that carry a check digit can be told so. Those that
    one character changes come first, then by place.
    """
    text = codes.normalise(raw or "")
    slips = _slips_18(text) if len(text) == len(_WEIGHTS) else _slips_15(text)
    found: dict[EntityId, Neighbour] = {}
    for near, why, at in slips:
        id_ = codes.entity_id(near)
        if isinstance(id_, str) and near != text:
            found.setdefault(EntityId(id_), Neighbour(EntityId(id_), why, at + 1))
    return tuple(found.values())


def candidates(
    subject: ProvisionalSubject, near: Iterable[Neighbour], known: Mapping[EntityId, Entity]
) -> tuple[Candidate, ...]:
    """Give the registered entities that a subject may be; none once somebody said who it is."""
    if subject.entity is not None:
        return ()
    there = ((one, known[one.id]) for one in near if one.id in known)
    return tuple(
        Candidate(found.id, found.name, found.status, found.region, one.why, one.at)
        for one, found in there
    )


def _slips_18(text: str) -> Iterator[tuple[str, Slip, int]]:
    """Solve the check for each place: one character there, and no other, makes the sum 0."""
    strange = [at for at, sign in enumerate(text) if sign not in _VALUES]
    if len(strange) > 1:
        return
    values = [_VALUES.get(sign, 0) for sign in text]
    over = sum(value * weight for value, weight in zip(values, _WEIGHTS, strict=True))
    for at in strange or range(len(text)):
        right = (values[at] - over * pow(_WEIGHTS[at], -1, _MODULUS)) % _MODULUS
        yield text[:at] + codes.ALPHABET[right] + text[at + 1 :], Slip.ONE_CHARACTER, at
    if strange:
        return
    for at in range(len(text) - 1):
        apart = (_WEIGHTS[at] - _WEIGHTS[at + 1]) * (values[at + 1] - values[at])
        if not (over + apart) % _MODULUS:
            yield _exchanged(text, at), Slip.TWO_EXCHANGED, at


def _slips_15(text: str) -> Iterator[tuple[str, Slip, int]]:
    """Try each digit at each place of a registration number, and each exchange."""
    if len(text) != _OLD_LENGTH:
        return
    for at in range(len(text)):
        for digit in "0123456789":
            near = text[:at] + digit + text[at + 1 :]
            if _holds_15(near):
                yield near, Slip.ONE_CHARACTER, at
    for at in range(len(text) - 1):
        if _holds_15(near := _exchanged(text, at)):
            yield near, Slip.TWO_EXCHANGED, at


def _holds_15(text: str) -> bool:
    """Say whether the check digit holds (GS 15-2006, ISO 7064 MOD 11,10)."""
    if not (text.isascii() and text.isdigit()):
        return False
    product = 10
    for digit in map(int, text[:-1]):
        product = ((product + digit) % 10 or 10) * 2 % 11
    return (product + int(text[-1])) % 10 == 1


def _exchanged(text: str, at: int) -> str:
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
