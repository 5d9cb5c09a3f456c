"""What the sandbox of the national platform takes and refuses."""

from datetime import date
from typing import Any

import pytest

from heli.sandbox.app import load_rules
from heli.sandbox.domain import Fault, batch_fault, history_fault, row_fault

RULES = load_rules()
TODAY = date(2026, 3, 20)
INSPECTION: dict[str, Any] = {
    "cd_operation": "i",
    "type": "inspection",
    "supervise_item_implement_code": "01234567890123",
    "supervise_object": "城北加油站",
    "administrative_cp": "城北加油站",
    "administrative_cp_na": "2",
    "administrative_cp_ce_type": "001",
    "administrative_cp_ui_code": "91330106MA0000023E",
    "area_number": "330106",
    "submitted_date": "2026-03-20",
    "check_action_name": "成品油综合检查",
    "check_action_code": "v-1",
    "check_form": "02",
    "check_type": "联合",
    "check_result": "5",
    "check_date": "2026-03-18",
    "check_personnel": ["p-1", "p-2"],
}
PENALTY: dict[str, Any] = {
    **{name: INSPECTION[name] for name in INSPECTION if not name.startswith("check_")},
    "type": "penalty",
    "punish_action_name": "未如实开票",
    "punish_action_code": "n-1",
    "case_source": "监督检查",
    "check_action_code": "v-1",
    "illegal_fact": "…",
    "punish_basis": "…",
    "punish_procedure": "普通程序",
    "is_hearing": False,
    "filing_date": "2026-03-02",
    "is_criminal": False,
    "document_number": "d-1",
    "decision_date": "2026-03-18",
    "punish_kind": "罚款",
    "fine_amount": 5000,
    "punish_result": "…",
    "is_reconsideration": False,
    "is_litigation": False,
    "is_exempt": False,
}


def judged(row: dict[str, Any], **changes: object) -> Fault | None:
    return row_fault({**row, **changes}, RULES, today=TODAY)


def test_a_complete_inspection_and_a_complete_penalty_are_taken() -> None:
    assert judged(INSPECTION) is None
    assert judged(PENALTY) is None


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("supervise_item_implement_code", "0123456789012", "not-14-digits"),
        ("administrative_cp_ui_code", "91330106MA0000023F", "credit-code"),
        ("check_personnel", ["p-1"], "too-few-people"),
        ("check_personnel", ["p-1", "p-1"], "too-few-people"),
        ("check_result", "", "missing"),
        ("check_form", "03", "value-unknown"),
        ("area_number", "3301", "division"),
        ("check_date", "2026-02-30", "not-a-date"),
        ("check_date", "2026-03-21", "date-in-future"),
        ("supervise_item_check_icode", "91330106MA0000023E9", "checklist-code"),
        ("supervise_object", "站" * 201, "too-long"),
    ],
)
def test_a_row_is_refused_for_its_field(field: str, value: object, code: str) -> None:
    assert judged(INSPECTION, **{field: value}) == Fault(field, code)


def test_nothing_is_reported_before_it_happened() -> None:
    assert judged(INSPECTION, submitted_date="2026-03-17") == Fault("submitted_date", "date-order")
    assert judged(PENALTY, closing_date="2026-03-01") == Fault("closing_date", "date-order")


def test_a_persons_number_is_checked_as_one() -> None:
    person = {"administrative_cp_ce_type": "111", "administrative_cp_na": "1"}
    fits = {**person, "administrative_cp_ui_code": "11010519491231002X"}
    fails = {**person, "administrative_cp_ui_code": "110105194912310021"}
    assert judged(INSPECTION, **fits) is None
    assert judged(INSPECTION, **fails) == Fault("administrative_cp_ui_code", "person-id")


def test_an_unknown_type_is_refused_by_name() -> None:
    assert judged(INSPECTION, type="visit") == Fault("type", "type-unknown")


def test_a_deletion_needs_no_content() -> None:
    assert row_fault({"cd_operation": "d"}, RULES, today=TODAY) is None


def test_an_update_needs_something_to_update_and_an_insert_nothing_delivered() -> None:
    assert history_fault("i", known=False, delivered=False) is None
    assert history_fault("u", known=True, delivered=False) is None
    assert history_fault("u", known=False, delivered=False) == Fault("cd_id", "cd-id-unknown")
    assert history_fault("i", known=True, delivered=True) == Fault("cd_id", "cd-id-exists")
    assert history_fault("x", known=True, delivered=True) == Fault(
        "cd_operation", "operation-unknown"
    )


def test_a_batch_says_who_sends_it_and_on_which_day() -> None:
    assert batch_fault("330000|market", "2019041100002") is None
    assert batch_fault("330000", "2019041100002") == Fault("cd_source", "source-malformed")
    assert batch_fault("330000|market", "2019043100002") == Fault("cd_batch", "batch-malformed")
