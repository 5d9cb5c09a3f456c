"""Drafting, publishing and closing an item."""

from datetime import date

import pytest

from contracts.errors import NeedsVersion, Refusal, Stale
from contracts.item_registry import (
    ChangedItem,
    ItemPublished,
    ItemRow,
    ItemState,
    NewItem,
)
from item_registry.item.domain import listing
from item_registry.item.domain import versions as domain
from item_registry.item.domain.versions import Item
from kit.testing import covers

TODAY = date(2026, 3, 3)
DUTIES = [
    {"stage": "daily", "line": "commerce", "role": "lead"},
    {"stage": "daily", "line": "tax", "role": "cooperate", "basis": "税收征收管理法 art. 5"},
]
OIL = {
    "id": "refined-oil",
    "name": "成品油流通",
    "kind": "shared",
    "codes14": ["03102270000001"],
    "basis": "成品油流通管理办法",
    "from": "2026-01-01",
    "duties": DUTIES,
}


def drafted(**other: object) -> Item:
    return domain.draft(NewItem.model_validate(OIL | other)).value


def published(**other: object) -> Item:
    return domain.publish(drafted(**other), None, on=TODAY).value


@covers("R4.1", "R4.2", "R5.1")
def test_a_published_item_is_announced_with_its_codes_and_duties() -> None:
    decided = domain.publish(drafted(), None, on=TODAY)
    (said,) = decided.says
    assert isinstance(said, ItemPublished)
    assert (said.item, said.item_version, said.from_) == ("refined-oil", 1, date(2026, 1, 1))
    assert said.codes14 == ("03102270000001",)
    assert [(one.id, one.region, one.basis, one.from_) for one in said.duties] == [
        ("refined-oil_1_daily_commerce", "000000", "成品油流通管理办法", date(2026, 1, 1)),
        ("refined-oil_1_daily_tax", "000000", "税收征收管理法 art. 5", date(2026, 1, 1)),
    ]


@covers("R4.6")
@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"basis": None}, domain.BasisMissing),
        ({"duties": []}, domain.LeadMissing),
        ({"duties": DUTIES[1:]}, domain.LeadMissing),
        (
            {"duties": [*DUTIES, {"stage": "penalty", "line": "tax", "role": "cooperate"}]},
            domain.LeadMissing,
        ),
        (
            {"duties": [*DUTIES, {"stage": "daily", "line": "market", "role": "lead"}]},
            domain.LeadTwice,
        ),
        ({"duties": DUTIES[:1]}, domain.OneLineOnly),
        ({"kind": "spot_check"}, domain.SeveralLines),
        ({"from": None}, domain.DayMissing),
        ({"from": "2026-03-04"}, domain.DayNotCome),
    ],
)
def test_an_item_that_is_not_whole_is_not_published(
    other: dict[str, object], why: type[Refusal]
) -> None:
    with pytest.raises(why):
        domain.publish(drafted(**other), None, on=TODAY)


def test_a_spot_check_item_is_one_lines() -> None:
    assert published(kind="spot_check", duties=DUTIES[:1]).state is ItemState.PUBLISHED


def test_an_item_is_published_on_its_very_day() -> None:
    assert published(**{"from": "2026-03-03"}).from_ == TODAY


@covers("R5.2")
def test_a_line_has_one_duty_at_a_stage() -> None:
    with pytest.raises(domain.DutyTwice):
        drafted(duties=[*DUTIES, DUTIES[0]])


@covers("R4.3")
def test_the_next_version_closes_the_one_before_on_its_own_day() -> None:
    before = published()
    again = domain.next_version(before).value
    assert (again.version, again.state, again.from_) == (2, ItemState.DRAFT, None)
    change = ChangedItem.model_validate({"from": "2026-03-01", "name": "成品油"})
    changed = domain.revise(again, change, seen=again.mark).value
    new = domain.publish(changed, before, on=TODAY).value
    assert domain.close(before, new).to == date(2026, 3, 1)
    assert {duty.from_ for duty in new.duties} == {date(2026, 3, 1)}
    assert new.duties[0].id == "refined-oil_2_daily_commerce"


def test_the_next_version_takes_effect_after_the_one_before() -> None:
    before = published()
    again = domain.next_version(before).value
    same_day = domain.revise(
        again, ChangedItem.model_validate({"from": "2026-01-01"}), seen=again.mark
    ).value
    with pytest.raises(domain.DayBeforeLast):
        domain.publish(same_day, before, on=TODAY)


def test_a_published_version_never_changes() -> None:
    with pytest.raises(domain.NoDraft):
        domain.revise(published(), ChangedItem(name="x"), seen="1.1")
    with pytest.raises(domain.NoDraft):
        domain.publish(published(), None, on=TODAY)


def test_there_is_one_draft_at_a_time() -> None:
    with pytest.raises(domain.DraftExists):
        domain.next_version(drafted())


@covers("RX.7")
def test_a_draft_changes_only_for_who_has_seen_it_as_it_is() -> None:
    item = drafted()
    with pytest.raises(NeedsVersion):
        domain.revise(item, ChangedItem(name="x"), seen=None)
    changed = domain.revise(item, ChangedItem(name="x"), seen=item.mark).value
    with pytest.raises(Stale):
        domain.revise(changed, ChangedItem(name="y"), seen=item.mark)


def test_a_field_left_out_stays_and_only_basis_and_day_can_be_emptied() -> None:
    item = drafted()
    change = ChangedItem.model_validate({"name": None, "basis": None, "region": "330000"})
    changed = domain.revise(item, change, seen=item.mark).value
    assert (changed.name, changed.basis, changed.from_) == (item.name, None, item.from_)
    assert {duty.region for duty in changed.duties} == {"330000"}


def row(**other: object) -> Item:
    cells = {
        "id": "refined-oil",
        "name": "成品油流通",
        "kind": "shared",
        "codes14": "03102270000001 03102270000002",
        "lead": "commerce",
        "cooperating": "tax、market",
        "stages": "daily,penalty",
        "basis": "成品油流通管理办法",
        "from": "2026-01-01",
    }
    return domain.draft(listing.item_of(ItemRow.model_validate(cells | other), ())).value


def test_a_row_of_a_list_is_spelt_out_for_each_stage() -> None:
    item = row()
    assert item.codes14 == ("03102270000001", "03102270000002")
    assert [(one.stage, one.line, one.role) for one in item.duties if one.stage == "daily"] == [
        ("daily", "tax", "cooperate"),
        ("daily", "market", "cooperate"),
        ("daily", "commerce", "lead"),
    ]
    assert domain.publish(item, None, on=TODAY).says


def test_a_row_without_stages_holds_at_all_of_them() -> None:
    cells = {"id": "x", "name": "x", "kind": "spot_check", "lead": "fire"}
    new = listing.item_of(ItemRow.model_validate(cells), ())
    assert len({duty.stage for duty in new.duties}) == 5


def test_the_same_row_again_changes_nothing_drafted_or_published() -> None:
    first = domain.take_in(row(), None).value
    assert domain.take_in(row(), first).value is first
    out = domain.publish(first, None, on=TODAY).value
    assert domain.take_in(row(), out).value is out


def test_a_row_that_leaves_out_what_a_person_added_takes_nothing_away() -> None:
    bare: dict[str, object] = {
        "kind": "spot_check",
        "codes14": "",
        "basis": None,
        "from": None,
        "cooperating": "",
        "stages": "daily",
    }
    own = {"stage": "daily", "line": "commerce", "role": "lead", "basis": "三定方案"}
    mended = domain.revise(
        row(**bare),
        ChangedItem.model_validate({"basis": "条例", "from": "2026-01-01", "duties": [own]}),
        seen="1.1",
    ).value
    assert domain.take_in(row(**bare), mended).value is mended
    out = domain.publish(mended, None, on=TODAY).value
    assert domain.take_in(row(**bare), out).value is out
    corrected = domain.take_in(row(**bare, ratio="不低于5%"), out).value
    assert (corrected.version, corrected.basis, corrected.from_) == (2, "条例", None)
    assert [(one.basis, one.from_) for one in corrected.duties] == [("三定方案", None)]


def test_a_changed_row_changes_the_draft_or_begins_the_next_version() -> None:
    first = domain.take_in(row(), None).value
    changed = domain.take_in(row(name="成品油"), first).value
    assert (changed.version, changed.revision, changed.name) == (1, 2, "成品油")
    out = domain.publish(first, None, on=TODAY).value
    further = domain.take_in(row(cooperating="tax"), out).value
    assert (further.version, further.revision, further.state) == (2, 1, ItemState.DRAFT)
    assert further.duties[0].id == "refined-oil_2_daily_tax"
