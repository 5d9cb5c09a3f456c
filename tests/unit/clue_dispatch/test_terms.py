"""What the policy table says: terms, what becomes a clue, thresholds."""

from datetime import date

import pytest

from clue_dispatch.case import store as penalties
from clue_dispatch.terms import store as terms
from clue_dispatch.terms.domain import NoTermsThen, When, rule_for_result, rule_for_warning
from contracts.joint_inspection import Category, Disposal
from contracts.risk_monitor import Level
from kit import policy
from kit.deadlines import Unit
from kit.testing import covers

TODAY = date(2026, 3, 3)


@covers("R8.6", "R10.1")
@pytest.mark.parametrize(
    ("level", "when", "becomes"),
    [
        (Level.RED, When.RAISED, True),
        (Level.ORANGE, When.RAISED, True),
        (Level.YELLOW, When.RAISED, False),
        (Level.BLUE, When.RAISED, False),
        (Level.YELLOW, When.ASSESSED, True),
        (Level.BLUE, When.ASSESSED, True),
    ],
)
def test_red_and_orange_become_clues_at_once_the_others_once_valid(
    level: Level, when: When, *, becomes: bool
) -> None:
    rule = rule_for_warning(terms.warning_triggers(TODAY), level, when)
    assert (rule is not None) == becomes


@covers("R9.10")
@pytest.mark.parametrize(
    ("category", "disposal", "rule"),
    [
        (Category.NO_PROBLEM, Disposal.NONE, None),
        (Category.CORRECTION_ORDERED, Disposal.CORRECT, None),
        (Category.OBSTRUCTED, Disposal.NONE, "result.obstructed"),
        (Category.TO_BE_HANDLED, Disposal.DAILY, "result.to_be_handled"),
        (Category.CORRECTION_ORDERED, Disposal.COPY_NOTICE, "result.copy_notice"),
        (Category.TO_BE_HANDLED, Disposal.TRANSFER, "result.transfer"),
    ],
)
def test_a_result_becomes_one_clue_at_most(
    category: Category, disposal: Disposal, rule: str | None
) -> None:
    assert rule_for_result(terms.result_triggers(TODAY), [category], disposal) == rule


def test_a_decision_of_penalty_takes_ninety_calendar_days() -> None:
    found = penalties.terms(TODAY)
    assert (found.decide.unit, found.decide.count) == (Unit.CALENDAR_DAY, 90)
    assert (found.serve.unit, found.serve.count) == (Unit.WORKING_DAY, 7)
    assert found.investigators == 2


def test_every_row_has_its_basis() -> None:
    assert all(row.basis.strip() for row in policy.load(terms.PACKAGE))


def test_no_term_is_made_up_for_a_day_without_policy_and_the_first_day_is_named() -> None:
    with pytest.raises(NoTermsThen) as no:
        terms.of_clues(date(1999, 1, 1), field="received_at")
    assert no.value.facts == {
        "field": "received_at",
        "got": "1999-01-01",
        "expected": "≥ 2023-02-17",
    }
    assert terms.of_clues(date(2023, 2, 17)).visit_days == 30
