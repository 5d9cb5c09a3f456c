"""Rows of an official list of random inspections: their ids, who inspects, what they lack."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.item_registry import ChangedItem, ItemRow, Line, NewItem
from contracts.item_registry import UnreadCode as Why
from item_registry.item.domain import listing, versions
from item_registry.item.domain.listing import BodyName, ListedTwice, RowIncomplete
from item_registry.item.domain.versions import Item
from kit.testing import covers

NAMES = (
    BodyName(("市场监督管理", "市场监管", "工商"), (Line("market"),)),
    BodyName(("食品药品监管",), (Line("market"), Line("drug"))),
)
CELLS = {
    "number": "18",
    "name": "登记事项检查",
    "subitem": "企业登记事项的检查",
    "basis": "《公司法》第一百九十八条",
    "inspecting_body": "县级以上工商、市场监管部门",
    "target": "各类企业",
    "ratio": "不低于3%或按专项计划确定",
    "frequency": "每年不少于1次",
    "method": "现场检查",
    "staff_requirement": "无需专业岗位资格",
}


def row(**other: object) -> ItemRow:
    cells = {name: value for name, value in (CELLS | other).items() if value is not None}
    return ItemRow.model_validate(cells)


def item(**other: object) -> Item:
    given = row(**other)
    return versions.draft(listing.item_of(given, NAMES), NAMES, number=given.number).value


@covers("R4.2")
def test_a_row_of_an_official_list_is_a_spot_check_item_of_the_line_that_its_words_tell() -> None:
    made = item()
    assert (made.kind, made.region, made.state) == ("spot_check", "000000", "draft")
    assert [(one.stage, one.line, one.role) for one in made.duties] == [
        ("spot_check", "market", "lead")
    ]
    assert made.title == "登记事项检查：企业登记事项的检查"
    assert made.listing.ratio is not None
    assert made.listing.ratio.text == CELLS["ratio"]
    assert made.listing.number == "18"


@covers("R4.6")
def test_a_draft_says_what_it_lacks_to_be_published() -> None:
    assert item().lacking == ("item-day-missing",)
    assert item(basis=None, inspecting_body=None).lacking == (
        "item-basis-missing",
        "item-day-missing",
        "item-lead-missing",
    )
    assert item(**{"from": "2017-01-01"}).lacking == ()


@pytest.mark.parametrize(
    ("words", "line", "lines", "flag"),
    [
        ("市、县级市场监督管理部门", "market", ("market",), None),
        ("县级以上工商、市场监管部门", "market", ("market",), None),
        ("市县食品药品监管部门", None, ("market", "drug"), Why.BODY_SEVERAL_LINES),
        ("县级以上有关部门", None, (), Why.BODY_UNKNOWN),
    ],
)
def test_the_line_of_an_inspecting_body_is_told_or_flagged(
    words: str, line: str | None, lines: tuple[str, ...], flag: Why | None
) -> None:
    body = listing.body_of(words, NAMES)
    assert body is not None
    assert (body.text, body.line, body.lines, body.flag) == (words, line, lines, flag)


def test_a_lead_that_the_row_names_comes_before_the_words() -> None:
    made = item(inspecting_body="市县食品药品监管部门", lead="drug", stages="spot_check")
    assert [one.line for one in made.duties] == ["drug"]


def test_an_item_without_a_line_lands_without_a_lead() -> None:
    made = item(inspecting_body="市县食品药品监管部门")
    assert made.duties == ()
    assert "item-lead-missing" in made.lacking


@given(
    other=st.fixed_dictionaries(
        {"ratio": st.sampled_from(["5%", "不定"]), "number": st.sampled_from(["1", "2"])}
    )
)
def test_the_id_of_a_row_follows_from_region_name_and_sub_item_alone(
    other: dict[str, object],
) -> None:
    assert listing.id_of(row(**other)) == listing.id_of(row())
    assert listing.id_of(row(region="330000")) != listing.id_of(row())
    assert listing.id_of(row(subitem=None)) != listing.id_of(row())
    assert listing.id_of(row(name=" 登记事项 检查")) == listing.id_of(row())
    assert listing.id_of(row(id="own-id")) == "own-id"


def test_the_same_row_again_changes_nothing_and_a_corrected_one_corrects() -> None:
    first = item()
    assert versions.take_in(item(), first).value is first
    corrected = versions.take_in(item(ratio="不低于5%"), first).value
    assert (corrected.id, corrected.version, corrected.revision) == (first.id, 1, 2)


def test_a_list_that_says_two_things_of_one_item_is_refused() -> None:
    first = item()
    versions.once(first, None, set())
    versions.once(first, first, {first.id})
    other = versions.take_in(item(ratio="不低于5%"), first).value
    with pytest.raises(ListedTwice):
        versions.once(other, first, {first.id})


@pytest.mark.parametrize("field", ["id", "lead"])
def test_a_shared_item_needs_its_id_and_its_lead(field: str) -> None:
    cells = {"id": "x", "name": "x", "kind": "共管事项", "lead": "fire"}
    del cells[field]
    with pytest.raises(RowIncomplete) as no:
        listing.item_of(ItemRow.model_validate(cells), NAMES)
    assert no.value.facts["field"] == field


def test_a_flag_is_mended_in_the_draft_and_what_is_left_out_stays() -> None:
    first = item()
    change = ChangedItem.model_validate({"ratio": "不低于5%", "remark": None})
    changed = versions.revise(first, change, seen=first.mark, names=NAMES).value
    ratio = changed.listing.ratio
    assert ratio is not None
    assert (ratio.text, ratio.flag) == ("不低于5%", None)
    assert changed.listing == replace(first.listing, ratio=ratio)


def test_an_item_of_no_list_says_nothing_of_one() -> None:
    new = NewItem.model_validate({"id": "x", "name": "x", "kind": "shared"})
    assert versions.draft(new).value.listing == listing.UNLISTED


def test_others_know_an_item_by_its_name_with_its_sub_item() -> None:
    whole = item(**{"from": "2026-01-01"})
    assert whole.from_ is not None
    (said,) = versions.publish(whole, None, on=whole.from_).says
    assert getattr(said, "name", None) == "登记事项检查：企业登记事项的检查"
