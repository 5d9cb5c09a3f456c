"""Inspectors: drawn seat by seat, within limits that rise only when needed."""

from collections import Counter
from hashlib import sha256

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.item_registry import DepartmentId
from joint_inspection.draw.domain.handles import Handle
from joint_inspection.draw.domain.inspectors import EmptySeat, Staff, qualified, seat
from joint_inspection.draw.domain.lists import Inspector
from kit.testing import covers

FIRE, TAX = DepartmentId("fire"), DepartmentId("tax")
SEED = sha256(b"seed").digest()
NOBODY: frozenset[tuple[Handle, Handle]] = frozenset()


def handle(name: str) -> Handle:
    return Handle(sha256(name.encode()).hexdigest())


def team(count: int, *, limit: int, of: str = "fire") -> list[Inspector]:
    return [Inspector(handle(f"{of} {at}"), limit, of) for at in range(count)]


def visits(count: int) -> list[Handle]:
    return [handle(f"target {at}") for at in range(count)]


def ranked(target: Handle, staff: list[Inspector]) -> list[Handle]:
    start = SEED + b"\x01" + target.encode() + b"\0"
    return sorted(
        (each.handle for each in staff), key=lambda who: sha256(start + who.encode()).digest()
    )


def test_each_seat_goes_to_the_smallest_key() -> None:
    staff = team(9, limit=5)
    (one,), empty = seat([Staff(FIRE, 2, staff, visits(1))], recused=NOBODY, seed=SEED)
    assert list(one.inspectors) == ranked(visits(1)[0], staff)[:2]
    assert empty == ()


@covers("R9.5")
def test_whoever_is_recused_is_passed_over() -> None:
    staff = team(9, limit=5)
    (target,) = visits(1)
    first, second, third = ranked(target, staff)[:3]
    (one,), _ = seat(
        [Staff(FIRE, 2, staff, [target])], recused=frozenset({(target, first)}), seed=SEED
    )
    assert one.inspectors == (second, third)


@covers("R9.5")
def test_only_the_qualified_are_drawn_from() -> None:
    staff = [*team(3, limit=5), *team(3, limit=5, of="tax")]
    assert qualified(staff, "tax") == staff[3:]


@covers("R9.5")
def test_limits_hold_while_there_is_somebody_below_them() -> None:
    staff = team(5, limit=3)
    teams, empty = seat([Staff(FIRE, 2, staff, visits(6))], recused=NOBODY, seed=SEED)
    loads = Counter(who for each in teams for who in each.inspectors)
    assert max(loads.values()) == 3
    assert empty == ()


def test_limits_rise_by_one_only_for_seats_left_empty() -> None:
    staff = team(2, limit=3)
    teams, empty = seat([Staff(FIRE, 2, staff, visits(4))], recused=NOBODY, seed=SEED)
    assert {len(each.inspectors) for each in teams} == {2}
    assert empty == ()
    crowded = seat([Staff(FIRE, 1, staff, visits(7))], recused=NOBODY, seed=SEED)[0]
    loads = Counter(who for each in crowded for who in each.inspectors)
    assert sorted(loads.values()) == [3, 4]


def test_a_limit_of_nought_waits_until_limits_rise() -> None:
    reserve = Inspector(handle("reserve"), 0, "fire")
    first = team(1, limit=1)
    teams, _ = seat([Staff(FIRE, 1, [*first, reserve], visits(1))], recused=NOBODY, seed=SEED)
    assert teams[0].inspectors == (first[0].handle,)
    teams, _ = seat([Staff(FIRE, 1, [reserve], visits(1))], recused=NOBODY, seed=SEED)
    assert teams[0].inspectors == (reserve.handle,)


def test_a_seat_for_which_nobody_is_left_is_reported() -> None:
    (target,) = visits(1)
    (one,), empty = seat([Staff(FIRE, 3, team(1, limit=9), [target])], recused=NOBODY, seed=SEED)
    assert len(one.inspectors) == 1
    assert empty == (EmptySeat(FIRE, target),) * 2


def test_departments_take_their_seats_at_the_same_target_each_from_its_own() -> None:
    fire, tax = team(3, limit=5), team(3, limit=5, of="tax")
    teams, _ = seat(
        [Staff(FIRE, 1, fire, visits(2)), Staff(TAX, 1, tax, visits(2)[:1])],
        recused=NOBODY,
        seed=SEED,
    )
    assert [(each.department, each.target) for each in teams] == [
        (FIRE, visits(2)[0]),
        (FIRE, visits(2)[1]),
        (TAX, visits(2)[0]),
    ]
    assert teams[2].inspectors[0] in {each.handle for each in tax}


@st.composite
def crews(draw: st.DrawFn) -> tuple[Staff, frozenset[tuple[Handle, Handle]]]:
    limits = draw(st.lists(st.integers(0, 4), max_size=6))
    staff = [Inspector(handle(f"i{at}"), limit, "fire") for at, limit in enumerate(limits)]
    targets = visits(draw(st.integers(0, 8)))
    pairs = [(target, each.handle) for target in targets for each in staff]
    recused = draw(st.frozensets(st.sampled_from(pairs))) if pairs else NOBODY
    return Staff(FIRE, draw(st.integers(1, 3)), staff, targets), recused


@covers("R9.5")
@settings(max_examples=300, deadline=None)
@given(crews())
def test_nobody_recused_sits_nobody_sits_twice_and_no_seat_stays_empty_without_need(
    case: tuple[Staff, frozenset[tuple[Handle, Handle]]],
) -> None:
    staff, recused = case
    teams, empty = seat([staff], recused=recused, seed=SEED)
    for each in teams:
        assert len(set(each.inspectors)) == len(each.inspectors)
        assert not {(each.target, who) for who in each.inspectors} & recused
        able = sum((each.target, one.handle) not in recused for one in staff.qualified)
        assert len(each.inspectors) == min(staff.seats, able)
    missing = sum(staff.seats - len(each.inspectors) for each in teams)
    assert len(empty) == missing


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=6), st.integers(0, 30))
def test_limits_rise_no_further_than_the_seats_need(limits: list[int], count: int) -> None:
    staff = [Inspector(handle(f"i{at}"), limit, "fire") for at, limit in enumerate(limits)]
    teams, _ = seat([Staff(FIRE, 1, staff, visits(count))], recused=NOBODY, seed=SEED)
    loads = Counter(who for each in teams for who in each.inspectors)
    needed = next(r for r in range(31) if sum(limits) + r * len(limits) >= count)
    assert all(loads[each.handle] <= each.limit + needed for each in staff)
