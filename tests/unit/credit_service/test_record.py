"""Credit records: from when until when one counts, and what it came from."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.clue_dispatch import PenaltyDecided, PenaltyKind, Tier
from contracts.credit_service import CreditRecordNew, EntityId, RecordId, RecordKind, RecordStage
from contracts.errors import Invalid
from contracts.item_registry import DepartmentId, ItemId, RegionId
from contracts.joint_inspection import Category, Disposal, ResultRecorded
from credit_service.record import domain
from credit_service.record.domain import (
    CreditRecord,
    DepartmentNeeded,
    EffectiveInFuture,
    ExpiryImpossible,
    OriginType,
    Terms,
)
from kit.testing import covers

AT = datetime(2026, 4, 20, 2, tzinfo=UTC)
TODAY = date(2026, 4, 20)
FIRM = EntityId("uscc-91110108MA0000015T")
TAX = DepartmentId("tax-330100")
GENERAL = Terms(counts_months=12, repair_months=3, basis="第36号")
NEW = CreditRecordNew(
    subject=FIRM,
    stage=RecordStage.ENFORCEMENT,
    kind=RecordKind.PENALTY,
    detail="general",
    region="330100",
    effective_on=date(2026, 4, 15),
)


def _record(new: CreditRecordNew, terms: Terms = GENERAL) -> CreditRecord:
    return domain.record(
        new,
        id_=RecordId("r1"),
        subject=FIRM,
        department=TAX,
        item=None,
        terms=terms,
        today=TODAY,
        at=AT,
    ).value


@covers("R11.3")
def test_a_penalty_counts_from_the_decision_until_its_longest_publication_is_over() -> None:
    event = PenaltyDecided(
        penalty="p1",
        case="c1",
        clue="k1",
        subject=FIRM,
        code14="33011000000001",
        department=TAX,
        kinds=(PenaltyKind.FINE,),
        fine_fen=500_000,
        tier=Tier.GENERAL,
        decided_on=date(2026, 4, 15),
        region=RegionId("330100"),
    )
    made = domain.from_penalty(
        event, id_=RecordId("r1"), item=ItemId("refined-oil"), terms=GENERAL, at=AT
    ).value
    assert made.effective_on == date(2026, 4, 15)
    assert made.expires_on == date(2027, 4, 16)
    assert made.repairable_from == date(2026, 7, 16)
    assert (made.origin_type, made.origin_id) == (OriginType.PENALTY, "p1")
    assert made.stage is RecordStage.ENFORCEMENT


@covers("R9.10", "R11.3")
def test_each_category_of_a_result_is_a_record_of_its_own_with_the_result_as_origin() -> None:
    event = ResultRecorded(
        result="s1",
        visit="v1",
        department=TAX,
        code14="33011000000001",
        subject=FIRM,
        region=RegionId("330100"),
        categories=(Category.CORRECTION_ORDERED, Category.TO_BE_HANDLED),
        disposal=Disposal.TRANSFER,
        inspected_on=date(2026, 4, 15),
    )
    made = [
        domain.from_result(
            event, one, id_=RecordId(one), item=None, terms=Terms(12, None, "默认"), at=AT
        ).value
        for one in event.categories
    ]
    assert [(one.origin_id, one.origin_rule, one.detail) for one in made] == [
        ("s1", "5", "5"),
        ("s1", "8", "8"),
    ]
    assert {one.repairable_from for one in made} == {None}


def test_a_term_of_a_month_ends_on_the_last_day_where_there_is_no_corresponding_one() -> None:
    assert domain.months_after(date(2026, 8, 31), 6) == date(2027, 2, 28)
    assert domain.months_after(date(2027, 11, 30), 3) == date(2028, 2, 29)
    assert domain.months_after(date(2026, 12, 31), 12) == date(2027, 12, 31)


@given(day=st.dates(date(2000, 1, 1), date(2100, 1, 1)), months=st.integers(0, 120))
def test_a_later_month_is_the_right_one_and_the_day_never_grows(day: date, months: int) -> None:
    after = domain.months_after(day, months)
    assert (after.year * 12 + after.month) - (day.year * 12 + day.month) == months
    assert after.day <= day.day


def test_a_record_of_tomorrow_is_refused() -> None:
    with pytest.raises(EffectiveInFuture):
        _record(NEW.model_copy(update={"effective_on": date(2026, 4, 21)}))


@pytest.mark.parametrize("expiry", [date(2026, 4, 15), date(2026, 4, 1), date(2027, 4, 17)])
def test_an_expiry_before_the_effect_or_beyond_the_longest_term_is_refused(expiry: date) -> None:
    with pytest.raises(ExpiryImpossible):
        _record(NEW.model_copy(update={"expires_on": expiry}))


def test_a_record_without_a_term_counts_until_it_is_lifted() -> None:
    assert _record(NEW, Terms(None, None, "条例")).expires_on is None


def test_a_reference_of_the_department_is_its_origin_and_a_hand_made_one_is_its_own() -> None:
    referred = _record(NEW.model_copy(update={"reference": "CF-7"}))
    assert (referred.origin_type, referred.origin_id) == (
        OriginType.DEPARTMENT,
        "tax-330100/CF-7",
    )
    assert _record(NEW).origin_id == "r1"


def test_only_a_department_says_something_of_an_entity() -> None:
    with pytest.raises(DepartmentNeeded):
        domain.speaker(None)


def test_a_wrong_code_lands_on_a_provisional_subject_with_its_fault() -> None:
    id_, fault = domain.whom(TAX, "91110108MA0000015X", None)
    assert id_.startswith("prov-")
    assert fault is not None
    assert fault.code == "code-check-digit"


def test_a_broken_id_is_refused_because_no_source_sends_ids_of_ours() -> None:
    with pytest.raises(Invalid):
        domain.whom(TAX, "uscc-91110108MA0000015X", None)
