"""The tree of regions and the agencies in it."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.item_registry import ROOT, DepartmentId, Line, NewRegion, RegionId
from item_registry.place import domain
from item_registry.place.domain import (
    Department,
    OutsideYourRegions,
    ParentCircular,
    ParentUnknown,
    Region,
    RegionUnknown,
    RootMisplaced,
    SuccessorUnknown,
    Tree,
)
from kit.testing import covers

PROVINCE, CITY, COUNTY = (RegionId(id_) for id_ in ("330000", "330100", "330106"))
TREE: Tree = {ROOT: None, PROVINCE: ROOT, CITY: PROVINCE}


def region(id_: str, parent: str | None) -> Region:
    return Region(RegionId(id_), RegionId(parent) if parent else None, "某地")


def department(*territory: str, successor: str | None = None) -> Department:
    return Department(
        id=DepartmentId("tax-330100"),
        name="某市税务局",
        line=Line("tax"),
        level=3,
        vertical_parent=DepartmentId("tax-330000"),
        territorial_parent=None,
        territory=tuple(RegionId(one) for one in territory),
        successor=DepartmentId(successor) if successor else None,
    )


def test_a_node_hangs_below_a_known_one() -> None:
    domain.hang(region("330106", "330100"), tree=TREE, promised={})


def test_a_parent_further_down_in_the_same_file_will_do() -> None:
    promised: Tree = {RegionId("330200"): PROVINCE}
    domain.hang(region("330205", "330200"), tree=TREE, promised=promised)


def test_a_parent_that_nobody_knows_is_named() -> None:
    with pytest.raises(ParentUnknown) as no:
        domain.hang(region("330205", "330200"), tree=TREE, promised={})
    assert no.value.facts["got"] == "330200"


def test_a_promised_parent_must_hang_in_the_tree_too() -> None:
    with pytest.raises(ParentUnknown):
        domain.hang(region("a", "b"), tree=TREE, promised={RegionId("b"): RegionId("nowhere")})


@pytest.mark.parametrize(
    ("node", "promised"),
    [
        (region("a", "a"), {}),
        (region("a", "b"), {RegionId("b"): RegionId("a")}),
        (region("330000", "330100"), {}),
    ],
)
def test_no_node_stands_below_itself(node: Region, promised: Tree) -> None:
    with pytest.raises(ParentCircular):
        domain.hang(node, tree=TREE, promised=promised)


@pytest.mark.parametrize("node", [region("000000", "330000"), region("330000", None)])
def test_the_root_alone_has_no_parent(node: Region) -> None:
    with pytest.raises(RootMisplaced):
        domain.hang(node, tree=TREE, promised={})


def test_the_root_may_be_registered_first() -> None:
    domain.hang(region("000000", None), tree={}, promised={})


@given(
    st.dictionaries(
        st.sampled_from("abcdef").map(RegionId),
        st.sampled_from([*"abcdefx", ROOT]).map(RegionId),
    )
)
def test_whoever_is_accepted_reaches_the_root(promised: dict[RegionId, RegionId]) -> None:
    tree: dict[RegionId, RegionId | None] = {ROOT: None}
    for id_, parent in promised.items():
        try:
            domain.hang(region(id_, parent), tree=tree, promised=promised)
        except (ParentCircular, ParentUnknown):
            continue
        steps, node = 0, id_
        while node != ROOT:
            node = promised[node]
            steps += 1
            assert steps <= len(promised)


def test_a_changed_node_is_announced_with_its_next_version_and_an_equal_one_says_nothing() -> None:
    first = domain.register_region(region("330106", "330100"), None)
    assert [fact.about() for fact in first.says] == ["region/330106"]
    again = domain.register_region(region("330106", "330100"), first.value)
    assert (again.value, again.says) == (first.value, ())
    moved = domain.register_region(region("330106", "330000"), first.value)
    assert (moved.value.version, len(moved.says)) == (2, 1)


def test_divisions_of_a_cell_are_parted() -> None:
    new = NewRegion.model_validate({"id": "x", "name": "某区", "divisions": "330104;330106"})
    made = domain.region_of(new)
    assert [span.code for span in made.divisions] == ["330104", "330106"]
    dated = {"id": "x", "name": "某区", "divisions": [{"code": "330104", "from": "2021-04-09"}]}
    assert domain.region_of(NewRegion.model_validate(dated)).divisions[0].from_ == date(2021, 4, 9)


@covers("R12.5")
def test_an_agency_keeps_both_its_parents() -> None:
    said = domain.register_department(department("330100"), None).says[0].model_dump()
    assert (said["vertical_parent"], said["territorial_parent"]) == ("tax-330000", None)


def test_an_agency_serves_known_nodes_only() -> None:
    with pytest.raises(RegionUnknown) as no:
        domain.staff(department("330100", "330191z"), regions={CITY}, agencies=set())
    assert no.value.facts["got"] == "330191z"


@pytest.mark.parametrize("heir", ["tax-330100", "tax-999999"])
def test_an_agency_is_succeeded_by_another_known_one(heir: str) -> None:
    known = {DepartmentId("tax-330100")}
    with pytest.raises(SuccessorUnknown):
        domain.staff(department("330100", successor=heir), regions={CITY}, agencies=known)


@covers("RX.2")
def test_a_caller_changes_things_within_its_regions_only() -> None:
    chain = (COUNTY, CITY, PROVINCE, ROOT)
    domain.allow(["330100"], chain)
    domain.allow(["000000"], (RegionId("nowhere"),))
    with pytest.raises(OutsideYourRegions):
        domain.allow(["330200"], chain)
    with pytest.raises(OutsideYourRegions):
        domain.allow(["330106"], (CITY, PROVINCE, ROOT))
