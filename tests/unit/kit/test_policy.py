"""Policy as data."""

from datetime import date
from pathlib import Path

import pytest

from contracts.services import SERVICES
from kit import policy
from kit.deadlines import Term, Unit
from kit.policy import NoPolicy, PolicyWrong, Row, added, in_force, read, term_of
from kit.testing import covers

OLD = Row("clue.sign", {"value": 2}, date(2023, 1, 1), date(2024, 1, 1), "old rule", "2022")
NEW = Row("clue.sign", {"value": 1}, date(2024, 1, 1), None, "new rule", "2023")


@covers("RX.5")
def test_a_rule_holds_from_its_day_until_the_day_before_it_ends() -> None:
    rows = (OLD, NEW)
    assert in_force(rows, "clue.sign", date(2023, 12, 31)) is OLD
    assert in_force(rows, "clue.sign", date(2024, 1, 1)) is NEW


def test_a_day_without_a_rule_is_refused_and_never_guessed() -> None:
    with pytest.raises(NoPolicy) as no:
        in_force((OLD, NEW), "clue.sign", date(2022, 12, 31))
    assert no.value.facts == {"key": "clue.sign", "on": "2022-12-31"}


ONE = """
approval = "省市场监管局 2026-01-05 批准"

[[clue.sign]]
unit = "working_day"
count = 1
from = 2023-02-17
basis = "第八条"
"""
SHIPPED = read(ONE, "shipped")


def row(**change: str) -> str:
    cells = {
        "unit": '"working_day"',
        "count": "2",
        "from": "2027-01-01",
        "basis": '"第九条"',
        "approval": '"省政府令"',
    } | change
    return "[[clue.sign]]\n" + "\n".join(f"{k} = {v}" for k, v in cells.items() if v) + "\n"


@covers("RX.5")
def test_every_service_ships_rows_of_one_shape() -> None:
    for service in SERVICES:
        rows = policy.load(service.package)
        assert rows
        assert all(one.basis.strip() and one.approval.strip() for one in rows)
        for one in rows:
            if {"unit", "count"} <= one.values.keys():
                term_of(one)


def test_a_row_without_an_approval_of_its_own_has_the_files() -> None:
    assert SHIPPED[0].approval == "省市场监管局 2026-01-05 批准"
    assert term_of(SHIPPED[0]) == Term(Unit.WORKING_DAY, 1)
    own = read(ONE.replace("basis", 'approval = "令"\nbasis'), "own")
    assert own[0].approval == "令"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (row(basis=""), "basis is None"),
        (row(basis='" "'), "basis is ' '"),
        (row(approval=""), "approval is ''"),
        (row(**{"from": ""}), "from is None"),
        (row(**{"from": "2027-01-01T00:00:00Z"}), "expected a date such as"),
        (row(to="2027-01-01"), "expected a date after 2027-01-01"),
        (row(count="0"), "no term"),
        (row(unit='"month"'), "no term"),
        (row(count='"two"'), "no term"),
        (row() + row(**{"from": "2028-01-01"}), "two rows hold from 2028-01-01"),
        (row() + row(), "two rows hold from 2027-01-01"),
        (
            row(to="2027-06-01") + row(**{"from": "2028-01-01"}),
            "no row holds from 2027-06-01 to 2028-01-01",
        ),
        ("[[clue.sign", "Expected"),
        ("sign = 1", "rows are written [[key]]"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_key(text: str, says: str) -> None:
    with pytest.raises(PolicyWrong) as no:
        read(text, "policy.toml")
    assert says in str(no.value)
    assert str(no.value).startswith("policy.toml: ")


@covers("RX.5")
def test_an_operators_row_closes_the_shipped_one_and_what_began_before_keeps_it() -> None:
    rows = added(SHIPPED, read(row(), "own"), "own")
    assert in_force(rows, "clue.sign", date(2026, 12, 31)).values["count"] == 1
    changed = in_force(rows, "clue.sign", date(2027, 1, 1))
    assert (changed.values["count"], changed.basis, changed.shipped) == (2, "第九条", False)


def test_an_operators_row_that_ends_gives_the_days_after_back() -> None:
    rows = added(SHIPPED, read(row(to="2027-07-01"), "own"), "own")
    counts = [
        in_force(rows, "clue.sign", date(2027, month, 1)).values["count"] for month in (1, 6, 7)
    ]
    assert counts == [2, 2, 1]
    assert in_force(rows, "clue.sign", date(2026, 12, 31)).values["count"] == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (row().replace("clue.sign", "clue.sing.x"), "clue.sing.x: no such key"),
        (row(unit="", count="", days="3"), "unit is missing"),
        (row(days="3"), "days is unknown, expected count, unit"),
    ],
)
def test_an_operators_row_is_made_like_what_it_stands_for(text: str, says: str) -> None:
    with pytest.raises(PolicyWrong) as no:
        added(SHIPPED, read(text, "own"), "own")
    assert says in str(no.value)


def test_a_term_of_an_operator_may_say_how_it_counts() -> None:
    (more, *_) = added(SHIPPED, read(row(roll_forward="false"), "own"), "own")
    assert not term_of(more).roll_forward
    with pytest.raises(PolicyWrong):
        added(SHIPPED, read(row(roll_forward='"no"'), "own"), "own")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    try:
        with pytest.raises(PolicyWrong, match=str(path)):
            policy.use("clue_dispatch", path)
        path.write_text(row(), "utf-8")
        rows = policy.use("clue_dispatch", path)
        assert in_force(rows, "clue.sign", date(2027, 1, 1)).basis == "第九条"
    finally:
        policy.use("clue_dispatch", None)
    assert in_force(policy.load("clue_dispatch"), "clue.sign", date(2027, 1, 1)).shipped
