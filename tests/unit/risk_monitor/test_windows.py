"""Sums over windows: each period counts by its overlapping days, and a gap has no sum."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_monitor.indicator.domain.flows import Reading, reading, share, total, voice, voices
from risk_monitor.indicator.domain.months import (
    Window,
    midnight,
    months_between,
    months_later,
    same_day_later,
    window,
)

NOW = datetime(2026, 3, 10, tzinfo=UTC)
JANUARY, FEBRUARY, MARCH = date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)


def flow(id_: str, value: float, first: date, end: date) -> Reading:
    return reading(id_, "s", value, period=(midnight(first), midnight(end)), received_at=NOW)


def weeks(first: date, values: list[float]) -> list[Reading]:
    return [
        flow(f"w{n}", value, first + timedelta(weeks=n), first + timedelta(weeks=n + 1))
        for n, value in enumerate(values)
    ]


def test_a_week_across_two_months_counts_in_each_by_its_days() -> None:
    week = Window(date(2026, 1, 29), date(2026, 2, 5))
    assert share(week, window(JANUARY)) == pytest.approx(3 / 7)
    assert share(week, window(FEBRUARY)) == pytest.approx(4 / 7)


def test_a_window_that_is_covered_has_its_sum_and_names_its_signals() -> None:
    rows = weeks(date(2025, 12, 29), [7.0] * 5)
    found = total([voice("s", rows)], window(JANUARY))
    assert found.value == pytest.approx(31.0)
    assert not found.missing
    assert found.signals == ("w0", "w1", "w2", "w3", "w4")


@pytest.mark.parametrize("gone", range(5))
def test_a_week_that_is_missing_leaves_no_sum(gone: int) -> None:
    rows = weeks(date(2025, 12, 29), [7.0] * 5)
    del rows[gone]
    assert total([voice("s", rows)], window(JANUARY)).missing == {"s"}


def test_two_periods_of_one_day_leave_no_sum() -> None:
    rows = [*weeks(date(2025, 12, 29), [7.0] * 5), flow("m", 31.0, JANUARY, FEBRUARY)]
    rows.sort(key=lambda one: one.first)
    assert total([voice("s", rows)], window(JANUARY)).missing == {"s"}


def product(value: float, of: str, first: date, end: date) -> Reading:
    return flow(f"{of}-{first}", value, first, end)._replace(product=of)


def test_products_sent_side_by_side_are_summed_and_each_must_cover() -> None:
    rows = [
        product(10.0, "diesel0", JANUARY, FEBRUARY),
        product(20.0, "gasoline92", JANUARY, FEBRUARY),
        product(11.0, "diesel0", FEBRUARY, MARCH),
    ]
    said = voices("tax", rows)
    assert total(said, window(JANUARY)).value == pytest.approx(30.0)
    assert not total(said, window(JANUARY)).missing
    assert total(said, window(FEBRUARY)).missing == {"tax"}


def test_products_that_follow_each_other_are_one_voice() -> None:
    rows = [
        product(10.0, "diesel0", JANUARY, FEBRUARY),
        product(20.0, "gasoline92", FEBRUARY, MARCH),
    ]
    said = voices("tax", rows)
    assert total(said, Window(JANUARY, MARCH)).value == pytest.approx(30.0)
    assert not total(said, Window(JANUARY, MARCH)).missing


def test_a_row_without_a_product_beside_one_with_it_leaves_no_sum() -> None:
    rows = [
        product(10.0, "", JANUARY, FEBRUARY),
        product(20.0, "gasoline92", JANUARY, FEBRUARY),
    ]
    assert total(voices("tax", rows), window(JANUARY)).missing == {"tax"}


def test_each_source_must_cover_the_window() -> None:
    said = [voice("a", [flow("m", 31.0, JANUARY, FEBRUARY)]), voice("b", [])]
    assert total(said, window(JANUARY)).missing == {"b"}


@given(
    values=st.lists(st.floats(0, 1e6), min_size=12, max_size=20),
    cuts=st.sets(st.integers(1, 40), max_size=6),
)
def test_the_parts_of_a_window_sum_to_the_whole(values: list[float], cuts: set[int]) -> None:
    rows = [voice("s", weeks(date(2025, 12, 29), values))]
    edges = [JANUARY, *(JANUARY + timedelta(days=cut) for cut in sorted(cuts)), MARCH]
    parts = [total(rows, Window(a, b)) for a, b in pairwise(edges)]
    assert not any(part.missing for part in parts)
    whole = total(rows, Window(JANUARY, MARCH))
    assert sum(part.value for part in parts) == pytest.approx(whole.value)


@given(
    values=st.lists(st.floats(0, 1e6), min_size=12, max_size=20),
    gone=st.integers(0, 8),
    first=st.integers(0, 40),
    days=st.integers(1, 40),
)
def test_a_window_has_a_sum_exactly_when_no_day_of_it_is_uncovered(
    values: list[float], gone: int, first: int, days: int
) -> None:
    rows = weeks(date(2025, 12, 29), values)
    lost = rows.pop(gone)
    over = Window(JANUARY + timedelta(days=first), JANUARY + timedelta(days=first + days))
    touches = lost.first < over.to and lost.end > over.from_
    beyond = over.to > rows[-1].end
    assert bool(total([voice("s", rows)], over).missing) == (touches or beyond)


def test_months_go_on_over_the_year_and_keep_a_day_that_exists() -> None:
    assert months_later(date(2025, 11, 1), 3) == FEBRUARY
    assert months_later(JANUARY, -1) == date(2025, 12, 1)
    assert len(list(months_between(date(2025, 3, 1), FEBRUARY))) == 12
    assert same_day_later(date(2025, 8, 31), 6) == date(2026, 2, 28)
    assert same_day_later(date(2024, 2, 29), 12) == date(2025, 2, 28)
