"""Rules of a credit record: what it says, from when until when it counts, what it came from.

Records come from five stages (国办发〔2023〕1号 art. 11). How long one counts, and from when its
repair may be asked, follows the publication terms of 《信用修复管理办法》 and stands in the policy
table; a term in months ends on the corresponding day, or the month's last (Civil Code art. 202).
"""

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from contracts.clue_dispatch import PenaltyDecided
from contracts.credit_service import (
    CreditRecordNew,
    EntityId,
    RecordId,
    RecordKind,
    RecordStage,
)
from contracts.errors import Conflict, Forbidden, Invalid
from contracts.item_registry import DepartmentId, ItemId, RegionId
from contracts.joint_inspection import Category, ResultRecorded
from contracts.says import Decided
from credit_service.entity.domain import identified
from credit_service.grade.domain import Entry
from kit import codes
from kit.codes import Fault

_ID_FORMS = ("uscc-", "reg15-", "reg13-", "prov-")
_MONTHS = 12
_DAY = timedelta(days=1)


class OriginType(StrEnum):
    """What a record was made from."""

    RESULT = "result"
    PENALTY = "penalty"
    HAND = "hand"
    DEPARTMENT = "department"


@dataclass(frozen=True, slots=True)
class Origin:
    """What a record follows from; unique, so that one cause makes one record."""

    type: OriginType
    id: str
    rule: str


@dataclass(frozen=True, slots=True)
class Terms:
    """How many months a record counts and after how many its repair may be asked, with the basis.

    None counts until it is lifted; None for repair means that none is foreseen.
    """

    counts_months: int | None
    repair_months: int | None
    basis: str


@dataclass(frozen=True, slots=True)
class CreditRecord:
    """One thing that a department says of a subject; never changed, only followed by others."""

    id: RecordId
    subject: EntityId
    stage: RecordStage
    kind: RecordKind
    detail: str
    item: ItemId | None
    code14: str | None
    department: DepartmentId
    region: RegionId
    effective_on: date
    expires_on: date | None
    repairable_from: date | None
    term_basis: str
    basis: str | None
    evidence: str | None
    origin_type: OriginType
    origin_id: str
    origin_rule: str
    recorded_at: datetime
    version: int = 1


class EffectiveInFuture(Invalid):
    """A record says what was; it cannot take effect after today."""

    code = "record-effective-in-future"


class ExpiryImpossible(Invalid):
    """An expiry lies after the day of effect and not beyond the longest term."""

    code = "record-expiry-impossible"


class RecordKnown(Conflict):
    """The department has already sent a record under this reference."""

    code = "record-known"


class DepartmentNeeded(Forbidden):
    """A record is a department's statement; the caller belongs to none."""

    code = "record-needs-department"


def speaker(department: str | None) -> DepartmentId:
    """Give the department that says it; refuses DepartmentNeeded."""
    if department is None:
        raise DepartmentNeeded
    return DepartmentId(department)


def whom(
    source: DepartmentId, subject: str | None, name: str | None
) -> tuple[EntityId, Fault | None]:
    """Give whom a record is about: an entity by id or code, or a provisional subject and why.

    Refuses: CodeNamesNobody for a broken id, SubjectUnnamed.
    """
    if subject is not None and subject.startswith(_ID_FORMS):
        return identified(subject, "subject"), None
    found, fault = codes.subject_of(source, subject, name)
    return EntityId(found), fault


def months_after(day: date, months: int) -> date:
    """Give the corresponding day some months later, or the last day of that month (art. 202)."""
    years, month = divmod(day.month - 1 + months, _MONTHS)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def after_term(day: date, months: int | None) -> date | None:
    """Give the first day after a term in months that runs from a day."""
    return None if months is None else months_after(day, months) + _DAY


def record(
    new: CreditRecordNew,
    *,
    id_: RecordId,
    subject: EntityId,
    department: DepartmentId,
    item: ItemId | None,
    terms: Terms,
    today: date,
    at: datetime,
) -> Decided[CreditRecord]:
    """Take a record that a department brings. Refuses: EffectiveInFuture, ExpiryImpossible."""
    if new.effective_on > today:
        raise EffectiveInFuture(
            field="effective_on", got=new.effective_on.isoformat(), expected=f"≤ {today}"
        )
    longest = after_term(new.effective_on, terms.counts_months)
    expires_on = new.expires_on or longest
    late = longest is not None and expires_on is not None and expires_on > longest
    if late or (expires_on is not None and expires_on <= new.effective_on):
        expected = f"{new.effective_on} < … ≤ {longest or '∞'}"
        raise ExpiryImpossible(field="expires_on", got=str(new.expires_on), expected=expected)
    known = new.reference is not None
    return Decided(
        CreditRecord(
            id=id_,
            subject=subject,
            stage=new.stage,
            kind=new.kind,
            detail=new.detail,
            item=item,
            code14=new.code14,
            department=department,
            region=RegionId(new.region),
            effective_on=new.effective_on,
            expires_on=expires_on,
            repairable_from=after_term(new.effective_on, terms.repair_months),
            term_basis=terms.basis,
            basis=new.basis,
            evidence=new.evidence,
            origin_type=OriginType.DEPARTMENT if known else OriginType.HAND,
            origin_id=f"{department}/{new.reference}" if known else id_,
            origin_rule=new.kind,
            recorded_at=at,
        )
    )


def from_result(
    event: ResultRecorded,
    category: Category,
    *,
    id_: RecordId,
    item: ItemId | None,
    terms: Terms,
    at: datetime,
) -> Decided[CreditRecord]:
    """Make the record of one category of an inspection result (R9.10)."""
    return Decided(
        CreditRecord(
            id=id_,
            subject=event.subject,
            stage=RecordStage.DAILY,
            kind=RecordKind.INSPECTION_RESULT,
            detail=category,
            item=event.item or item,
            code14=event.code14,
            department=event.department,
            region=event.region,
            effective_on=event.inspected_on,
            expires_on=after_term(event.inspected_on, terms.counts_months),
            repairable_from=after_term(event.inspected_on, terms.repair_months),
            term_basis=terms.basis,
            basis=None,
            evidence=f"visit/{event.visit}",
            origin_type=OriginType.RESULT,
            origin_id=event.result,
            origin_rule=category,
            recorded_at=at,
        )
    )


def from_penalty(
    event: PenaltyDecided, *, id_: RecordId, item: ItemId | None, terms: Terms, at: datetime
) -> Decided[CreditRecord]:
    """Make the record of a penalty; its terms run from the decision and hang on its tier."""
    return Decided(
        CreditRecord(
            id=id_,
            subject=event.subject,
            stage=RecordStage.ENFORCEMENT,
            kind=RecordKind.PENALTY,
            detail=event.tier,
            item=item,
            code14=event.code14,
            department=event.department,
            region=event.region,
            effective_on=event.decided_on,
            expires_on=after_term(event.decided_on, terms.counts_months),
            repairable_from=after_term(event.decided_on, terms.repair_months),
            term_basis=terms.basis,
            basis=None,
            evidence=f"case/{event.case}",
            origin_type=OriginType.PENALTY,
            origin_id=event.penalty,
            origin_rule=RecordKind.PENALTY,
            recorded_at=at,
        )
    )


def entry_of(value: CreditRecord, scope: list[str]) -> Entry:
    """Give what of a record counts towards grades."""
    return Entry(
        record=value.id,
        subject=value.subject,
        item=value.item,
        kind=value.kind,
        detail=value.detail,
        effective_on=value.effective_on,
        expires_on=value.expires_on,
        scope=tuple(scope),
    )


def only_once(kept: Sequence[CreditRecord], value: CreditRecord) -> None:
    """Check that a record was new: its department's reference comes once. Refuses RecordKnown."""
    if value not in kept:
        raise RecordKnown(field="reference", got=value.origin_id, expected="a new reference")
