"""Policy as data."""

from datetime import date

import pytest

from kit.policy import NoPolicy, Row, in_force
from kit.testing import covers

OLD = Row("clue.sign", {"value": 2}, date(2023, 1, 1), date(2024, 1, 1), "old rule")
NEW = Row("clue.sign", {"value": 1}, date(2024, 1, 1), None, "new rule")


@covers("RX.5")
def test_a_rule_holds_from_its_day_until_the_day_before_it_ends() -> None:
    rows = (OLD, NEW)
    assert in_force(rows, "clue.sign", date(2023, 12, 31)) is OLD
    assert in_force(rows, "clue.sign", date(2024, 1, 1)) is NEW


def test_a_day_without_a_rule_is_refused_and_never_guessed() -> None:
    with pytest.raises(NoPolicy) as no:
        in_force((OLD, NEW), "clue.sign", date(2022, 12, 31))
    assert no.value.facts == {"key": "clue.sign", "on": "2022-12-31"}
