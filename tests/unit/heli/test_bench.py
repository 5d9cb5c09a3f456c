"""What a bench says: goals, growth, percentiles."""

import pytest

from heli.bench.report import Goal, Report, percentile, rounded, spread


@pytest.mark.parametrize(
    ("goal", "found", "reached"),
    [
        (Goal(5.0, "s"), 5.0, True),
        (Goal(5.0, "s"), 5.01, False),
        (Goal(0.6, "times", least=True), 0.6, True),
        (Goal(0.6, "times", least=True), 0.59, False),
    ],
)
def test_a_goal_is_reached_at_its_own_value(goal: Goal, found: float, *, reached: bool) -> None:
    report = Report("x")
    report.hold("row", found, goal)
    assert report.holds["row"]["holds"] is reached


def test_a_goal_is_judged_by_the_value_that_is_shown() -> None:
    report = Report("x")
    report.hold("row", 5.001, Goal(5.0, "s"))
    assert report.holds["row"] == {"value": 5.0, "goal": "≤ 5", "unit": "s", "holds": True}


def test_growth_compares_a_unit_at_n_with_one_at_a_quarter_of_n() -> None:
    report = Report("x")
    report.grown("a: b", [(25, 1e-6), (50, 9e-6), (100, 1.3e-6)])
    assert report.ratios == {"a_b_growth": 1.3}
    assert report.figures == {"a_b_cpu_us_by_size": {"25": 1.0, "50": 9.0, "100": 1.3}}
    assert report.holds["a: b growth"]["holds"] is False


def test_a_percentile_is_a_value_that_was_measured() -> None:
    late = [at / 100 for at in range(100, 0, -1)]
    assert (percentile(late, 0.5), percentile(late, 0.99), percentile([3.0], 0.99)) == (
        0.51,
        1.0,
        3.0,
    )


def test_figures_have_three_digits() -> None:
    assert rounded(123456.0) == 123000.0
    assert spread([1.23456, 3.0, 2.0]) == {"min": 1.23, "median": 2.0, "max": 3.0}
