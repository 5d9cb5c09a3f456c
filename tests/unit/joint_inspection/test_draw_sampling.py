"""Sampling: exact fractions, certainty, reserve, fairness."""

from fractions import Fraction
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joint_inspection.draw.domain.handles import Handle
from joint_inspection.draw.domain.lists import Weighted
from joint_inspection.draw.domain.sampling import Keyed, Odds, in_key_order, key, sample
from kit.testing import covers

WHOLE = 2**256


def handles(count: int) -> list[Handle]:
    return sorted(Handle(sha256(b"%d" % at).hexdigest()) for at in range(count))


def seed_of(at: int) -> bytes:
    return sha256(b"seed %d" % at).digest()


def by_the_book(listed: Weighted, n: int, seed: bytes) -> tuple[list[Handle], list[Handle]]:
    """Certainty targets, then everybody else, word for word as the description has it."""
    rest = dict(zip(listed.handles, listed.weights, strict=True))
    certain: list[Handle] = []
    total = sum(rest.values())
    while heavy := [handle for handle, weight in rest.items() if n * weight >= total]:
        certain += heavy
        n -= len(heavy)
        total -= sum(rest.pop(handle) for handle in heavy)

    def fraction(handle: Handle) -> tuple[Fraction, Handle]:
        k, weight = int.from_bytes(key(seed, handle)), rest[handle]
        return Fraction(k * (total - n * weight), (WHOLE - k) * n * weight), handle

    return in_key_order(seed, certain), sorted(rest, key=fraction)


@st.composite
def listed(draw: st.DrawFn) -> tuple[Weighted, int, int]:
    count = draw(st.integers(1, 40))
    few = st.sampled_from([1, 2, 5])
    wide = st.integers(1, 1_000_000)
    steep = st.integers(0, 19).map(lambda power: 2**power)
    weights = draw(
        st.lists(draw(st.sampled_from([few, wide, steep])), min_size=count, max_size=count)
    )
    n = draw(st.integers(1, count))
    return Weighted(handles(count), weights), n, draw(st.integers(0, count - n))


@covers("R9.3")
@settings(max_examples=400, deadline=None)
@given(listed(), st.integers(0, 999))
def test_the_sample_is_paretos_order_computed_with_fractions(
    case: tuple[Weighted, int, int], at: int
) -> None:
    targets, n, reserve = case
    certain, rest = by_the_book(targets, n, seed_of(at))
    drawn = sample(targets, n=n, reserve=reserve, seed=seed_of(at))
    left = n - len(certain)
    assert list(drawn.taken) == certain + rest[:left]
    assert list(drawn.reserve) == rest[left : left + reserve]


@settings(max_examples=100, deadline=None)
@given(listed(), st.integers(0, 999))
def test_more_reserve_never_changes_who_is_taken(case: tuple[Weighted, int, int], at: int) -> None:
    targets, n, reserve = case
    short = sample(targets, n=n, reserve=0, seed=seed_of(at))
    long = sample(targets, n=n, reserve=reserve, seed=seed_of(at))
    assert long.taken == short.taken
    assert len(long.reserve) == reserve


def test_with_equal_weights_the_smallest_keys_are_drawn() -> None:
    targets = handles(500)
    ordered = in_key_order(seed_of(1), targets)
    drawn = sample(Weighted(targets, [7] * 500), n=20, reserve=5, seed=seed_of(1))
    assert drawn.taken == tuple(ordered[:20])
    assert drawn.reserve == tuple(ordered[20:25])


def test_the_sample_follows_from_the_seed_alone() -> None:
    targets = Weighted(handles(300), [1, 2, 3] * 100)
    once = sample(targets, n=30, reserve=10, seed=seed_of(1))
    assert sample(targets, n=30, reserve=10, seed=seed_of(1)) == once
    assert sample(targets, n=30, reserve=10, seed=seed_of(2)) != once


def test_equal_fractions_are_ordered_by_handle() -> None:
    zero = bytes(32)
    one, two = Handle("1" * 64), Handle("2" * 64)
    odds = Odds(n=1, total=100, weights=frozenset({3, 5}))
    assert odds.in_order([(zero, two, 3), (zero, one, 5)]) == [one, two]


def test_fractions_that_differ_in_the_last_bit_are_told_apart() -> None:
    # With w = 2 and K = 2²⁵⁵ the fraction is (W - 2n)/2n. With w = 1 it is the same between the
    # two neighbouring keys k1 and k1 + 1, which therefore stand on either side.
    n, total = 3, 1_000
    k1 = WHOLE * (total - 2 * n) // (2 * (total - n) + (total - 2 * n))
    low, high, middle = Handle("b" * 64), Handle("a" * 64), Handle("c" * 64)
    keyed: list[Keyed] = [
        (k1.to_bytes(32), low, 1),
        ((k1 + 1).to_bytes(32), high, 1),
        ((WHOLE // 2).to_bytes(32), middle, 2),
    ]
    odds = Odds(n=n, total=total, weights=frozenset({1, 2}))
    assert odds.in_order(keyed) == [low, middle, high]


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(1, 9), st.integers(1, 400))
def test_the_bound_on_keys_is_the_bound_on_fractions(
    weight: int, more: int, n: int, over: int
) -> None:
    total = n * weight + more
    odds = Odds(n=n, total=total, weights=frozenset({weight}))
    at = int.from_bytes(odds.keys_below(over, 100)[weight])

    def fraction(k: int) -> Fraction:
        return Fraction(k * (total - n * weight), (WHOLE - k) * n * weight)

    assert fraction(at - 1) < Fraction(over, 100) <= fraction(at)


def test_one_target_with_nearly_all_the_weight_is_always_taken() -> None:
    targets = Weighted(handles(10), [1_000_000] + [1] * 9)
    first = next(iter(targets.handles))
    for at in range(50):
        assert first in sample(targets, n=2, reserve=0, seed=seed_of(at)).taken


@covers("R9.3")
@pytest.mark.parametrize("weights", [[1] * 20, [1, 1, 2, 4] * 5])
def test_over_many_seeds_everybody_is_drawn_as_often_as_the_weight_says(weights: list[int]) -> None:
    targets, n, rounds = Weighted(handles(20), weights), 5, 4_000
    times = dict.fromkeys(targets.handles, 0)
    for at in range(rounds):
        for handle in sample(targets, n=n, reserve=0, seed=seed_of(at)).taken:
            times[handle] += 1
    expected = {
        handle: rounds * n * weight / sum(weights)
        for handle, weight in zip(targets.handles, weights, strict=True)
    }
    chi2 = sum((times[handle] - expected[handle]) ** 2 / expected[handle] for handle in times)
    assert chi2 < 43.82  # 19 degrees of freedom, p = 0.001; seeds are fixed, so it never wavers
