"""How warnings are compared with the truth."""

from hypothesis import given
from hypothesis import strategies as st

from contracts.joint_inspection import VisitKind
from heli.demo.province.planted import Kind
from heli.demo.score import Planted, score, why_missed
from heli.demo.words import PLANTED, VISITS

A = Planted("A", "gauge_off", "gauge_off_with_sales", knowable=True, why="")
B = Planted("B", "licence_expired", "licence_expired_with_sales", knowable=True, why="")
SILENT = Planted("C", "verification_overdue", "verification_overdue", knowable=False, why="silent")


def warned(one: Planted, level: str = "red") -> tuple[str, str, str]:
    return one.code, one.warns, level


def test_what_was_planted_and_warned_of_counts_for_both() -> None:
    found = score([A, B], {warned(A), warned(B)})
    assert (found.precision, found.recall) == (1, 1)


def test_a_blue_warning_is_neither_right_nor_wrong() -> None:
    found = score([A], {warned(A, "blue"), warned(B, "blue")})
    assert (found.raised, found.recall) == (0, 0)
    assert found.kinds[0].missed == (A,)


def test_another_kind_at_a_guilty_station_is_wrong() -> None:
    found = score([A], {warned(A), ("A", "sold_over_invoiced", "orange")})
    assert found.precision == 0.5
    assert found.others == (("A", "sold_over_invoiced"),)


def test_what_hangs_on_a_silent_source_is_left_out_of_recall_and_never_wrong() -> None:
    without = score([A, SILENT], {warned(A)})
    assert (without.recall, without.knowable) == (1, 1)
    assert score([A, SILENT], {warned(A), warned(SILENT)}).precision == 1
    assert [kind.silent for kind in without.kinds] == [0, 1]


PLANTS = st.lists(
    st.builds(
        Planted,
        code=st.sampled_from("ABCDEFGH"),
        kind=st.sampled_from(["gauge_off", "licence_expired"]),
        warns=st.sampled_from(["gauge_off_with_sales", "licence_expired_with_sales"]),
        knowable=st.booleans(),
        why=st.just(""),
    ),
    unique_by=lambda one: one.key,
)


@given(PLANTS, st.sets(st.tuples(st.sampled_from("ABCDEFGH"), st.just("gauge_off_with_sales"))))
def test_every_knowable_truth_is_either_found_or_missed(
    truth: list[Planted], raised: set[tuple[str, str]]
) -> None:
    found = score(truth, {(code, kind, "red") for code, kind in raised})
    assert sum(kind.found + len(kind.missed) + kind.silent for kind in found.kinds) == len(truth)
    assert 0 <= found.precision <= 1
    assert 0 <= found.recall <= 1


def row(state: str, **more: object) -> dict[str, object]:
    return {"state": state, "reason": None, "level": None, "month": "2026-01-01"} | more


def test_a_miss_is_explained_by_what_was_found() -> None:
    assert why_missed([])[1].startswith("no evaluation")
    assert why_missed([row("no_hit")])[1] == "below the threshold in every month"
    assert why_missed([row("hit", level="blue")])[1].startswith("only blue")
    lacking = [{"stream": "declared", "source": "tax-330100"}]
    said = why_missed([row("undetermined", reason="value-missing", lacking=lacking)])[1]
    assert said == "undetermined in 1 months: declared · tax-330100"
    assert why_missed([row("undetermined", reason="history-too-short")])[1].endswith("too-short")


def test_the_page_has_a_word_for_every_kind_of_visit_and_of_planted_problem() -> None:
    assert set(VISITS) == set(VisitKind)
    assert {kind.value for kind in Kind} == set(PLANTED)
