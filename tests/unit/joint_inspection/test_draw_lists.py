"""Lists of a draw: one text for one content."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import Refusal
from joint_inspection.draw.domain import lists
from joint_inspection.draw.domain.handles import Handle, IdMalformed, target_handles
from joint_inspection.draw.domain.lists import (
    Inspector,
    LineMalformed,
    ListedTwice,
    ListNotAscending,
    WeightTooLarge,
)

A, B = Handle("a" * 64), Handle("b" * 64)
HANDLES = st.integers(0, 99).map(lambda at: Handle(f"{at:064x}"))


@pytest.mark.parametrize(
    ("text", "refused", "line"),
    [
        (f"{B}\n{A}\n", ListNotAscending, 2),
        (f"{A}\n{A}\n", ListedTwice, 2),
        (f"{A}\n{B}", LineMalformed, 2),
        (f"{A}\n\n{B}\n", LineMalformed, 2),
        (f"{A.upper()}\n", LineMalformed, 1),
        (f"{A}\r\n", LineMalformed, 1),
        (f"{A}\t1\n", LineMalformed, 1),
        (" \n", LineMalformed, 1),
    ],
)
def test_a_pool_that_is_not_exactly_so_is_refused_with_its_line(
    text: str, refused: type[Refusal], line: int
) -> None:
    with pytest.raises(refused) as no:
        lists.read_handles(text, name="pool")
    assert no.value.facts["line"] == line


@pytest.mark.parametrize("weight", ["0", "01", "-1", "+1", "1.0", "", "10000000", "²"])
def test_a_weight_has_one_way_of_writing(weight: str) -> None:
    with pytest.raises(LineMalformed):
        lists.read_weighted(f"{A}\t{weight}\n", name="stratum")


def test_a_weight_of_more_than_a_million_is_refused() -> None:
    assert list(lists.read_weighted(f"{A}\t1000000\n", name="s").weights) == [1_000_000]
    with pytest.raises(WeightTooLarge):
        lists.read_weighted(f"{A}\t1000001\n", name="s")


def test_one_handle_with_two_weights_stands_twice() -> None:
    with pytest.raises(ListedTwice):
        lists.read_weighted(f"{A}\t1\n{A}\t2\n", name="s")


def test_one_inspector_with_two_qualifications_stands_twice() -> None:
    with pytest.raises(ListedTwice):
        lists.read_inspectors(f"{A}\t1\tfire\n{A}\t1\ttax\n", name="inspectors")


def test_a_target_may_have_several_inspectors_recused() -> None:
    assert lists.read_recused(f"{A}\t{A}\n{A}\t{B}\n", name="recused") == {(A, A), (A, B)}


@pytest.mark.parametrize("id_", ["a\0b", "a\nb", "", "\n", "é", "\ud800", "a" * 65])
def test_an_id_that_is_none_has_no_handle(id_: str) -> None:
    with pytest.raises(IdMalformed):
        target_handles(bytes(32), ["a", id_])


def test_a_line_with_its_mark_in_the_middle_as_well_is_refused() -> None:
    torn = f"{A[:32]}\t1{A[32:]}\t1\n"
    for text in (torn, f"{A}\t1\t1\n", f"{A}\t1\n{B}\t1\t1\n"):
        with pytest.raises(LineMalformed):
            lists.read_weighted(text, name="s")


MANY = sorted(Handle(sha256(b"%d" % at).hexdigest()) for at in range(3_000))


@pytest.mark.parametrize("mark", ["", "\t1"])
@pytest.mark.parametrize(
    ("lines", "refused", "at"),
    [
        ([*MANY[:2500], MANY[0], *MANY[2500:]], ListedTwice, 2501),
        ([*MANY[:2500], MANY[2501], MANY[2500]], ListNotAscending, 2502),
        ([*MANY[:2500], MANY[2500][:63]], LineMalformed, 2501),
        ([*MANY[:2500], MANY[2500][:63], f"{MANY[2501]}0"], LineMalformed, 2501),
    ],
)
def test_a_fault_far_down_a_long_list_is_named_with_its_line(
    lines: list[Handle], refused: type[Refusal], at: int, mark: str
) -> None:
    text = "".join(f"{line}{mark}\n" for line in lines)
    with pytest.raises(refused) as no:
        (lists.read_weighted if mark else lists.read_handles)(text, name="s")
    assert no.value.facts["line"] == at


def test_a_long_list_comes_back_whole() -> None:
    read = lists.read_weighted(lists.write_weighted({1: MANY[::2], 7: MANY[1::2]}), name="s")
    assert list(read.handles) == MANY
    assert len(read) == len(MANY)
    assert list(read.weights) == [1, 7] * 1500
    assert MANY[9] in read.handles
    assert lists.read_handles(lists.write_handles(MANY[::-1]), name="pool") == MANY


@given(st.dictionaries(HANDLES, st.integers(1, 1_000_000)))
def test_weights_come_back_as_written(weights: dict[Handle, int]) -> None:
    by_weight: dict[int, list[Handle]] = {}
    for handle, weight in weights.items():
        by_weight.setdefault(weight, []).append(handle)
    read = lists.read_weighted(lists.write_weighted(by_weight), name="s")
    assert dict(zip(read.handles, read.weights, strict=True)) == weights


@given(st.lists(HANDLES, unique=True))
def test_the_order_of_writing_does_not_show(handles: list[Handle]) -> None:
    text = lists.write_handles(handles)
    shuffled = handles[::-1]
    assert lists.write_handles(shuffled) == text
    assert lists.read_handles(text, name="pool") == sorted(handles)


@given(st.lists(st.tuples(HANDLES, st.integers(0, 9)), unique_by=lambda pair: pair[0]))
def test_inspectors_come_back_as_written(pairs: list[tuple[Handle, int]]) -> None:
    staff = [Inspector(handle, limit, "fire") for handle, limit in pairs]
    assert lists.read_inspectors(lists.write_inspectors(staff), name="i") == sorted(staff)
