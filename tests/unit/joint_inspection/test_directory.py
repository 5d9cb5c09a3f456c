"""The directories: who is responsible for a target, which target is near, who serves a place."""

from dataclasses import dataclass, replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.credit_service import EntityId
from contracts.item_registry import DepartmentId, ItemId, RegionId
from contracts.joint_inspection import InspectorId, NewInspector, TargetId, TargetKind
from joint_inspection.directory.domain import (
    Inspector,
    InspectorTaken,
    NotYourInspector,
    RecusalUnexplained,
    RegionNotKnown,
    Target,
    TargetTaken,
    able,
    check_keeper,
    check_region,
    check_same,
    coded,
    inspector,
    kept,
    landing,
    merged,
    nearest,
    recuse,
    responsible,
    target_id,
)
from joint_inspection.pool.domain import serving
from kit.codes import provisional_id
from kit.testing import covers

OIL = ItemId("refined-oil")
FIRE = ItemId("fire-safety")
CITY = RegionId("330100")
COUNTY = RegionId("330106")
PROVINCE = RegionId("330000")
CHAIN = (COUNTY, CITY, PROVINCE)
FIRM = EntityId("uscc-91330000668306747T")
TAX = DepartmentId("tax-330100")


def a_target(id_: str, region: RegionId, *, items: tuple[ItemId, ...] = (OIL,)) -> Target:
    kind = TargetKind.PREMISES
    return Target(TargetId(id_), "加油站", kind, region, FIRM, "", items, "commerce-330100")


def an_inspector(*, valid_until: date = date(2026, 12, 31)) -> Inspector:
    return Inspector(InspectorId("i1"), TAX, "王", "33010001", valid_until, ("oil",), ("t9", FIRM))


@covers("R9.1")
def test_a_target_with_a_good_code_has_its_entity() -> None:
    assert responsible("commerce-330100", "91330000668306747T", "公司") == (FIRM, None)
    assert responsible("commerce-330100", FIRM, "公司") == (FIRM, None)


@covers("R9.1")
def test_a_wrong_code_becomes_a_provisional_subject_and_is_sighted() -> None:
    subject, sighting = responsible("commerce-330100", "913300006683067471", "公司")
    assert subject == provisional_id("commerce-330100", "913300006683067471")
    assert sighting is not None
    assert (sighting.fault, sighting.raw) == ("code-check-digit", "913300006683067471")


def test_a_persons_number_is_never_passed_on() -> None:
    _, sighting = responsible("commerce-330100", "11010519491231002X", "张三")
    assert sighting is not None
    assert (sighting.fault, sighting.raw) == ("code-person", None)


def test_a_target_without_a_code_has_nobody() -> None:
    assert responsible("commerce-330100", None, "空地") == (None, None)


def test_a_code_alone_works_as_an_id() -> None:
    assert coded("91330000668306747T") == FIRM
    assert coded("prov-0123456789abcdef") == "prov-0123456789abcdef"


@given(entity=st.text(min_size=1), region=st.text(min_size=1), address=st.text())
def test_the_same_row_sent_twice_is_one_target(entity: str, region: str, address: str) -> None:
    once = target_id(EntityId(entity), RegionId(region), address)
    assert once == target_id(EntityId(entity), RegionId(region), address)


def test_a_further_item_joins_those_a_target_is_under() -> None:
    known = a_target("t1", COUNTY)
    assert merged(known, a_target("t1", COUNTY, items=(FIRE,))).items == (FIRE, OIL)


def test_another_department_adds_its_items_and_changes_no_word() -> None:
    known = a_target("t1", COUNTY)
    other = Target(known.id, "别名", known.kind, COUNTY, FIRM, "", (FIRE,), department="tax-330100")
    assert merged(known, other).name == "加油站"
    assert merged(known, other).items == (FIRE, OIL)


def test_another_departments_id_is_not_taken() -> None:
    other = Target(TargetId("t1"), "别", TargetKind.SITE, CITY, None, "", (), "tax-330100")
    with pytest.raises(TargetTaken):
        merged(a_target("t1", COUNTY), other)


def test_the_nearest_target_of_a_subject_is_visited() -> None:
    here, above = a_target("t2", COUNTY), a_target("t1", CITY)
    found = nearest([(above, CHAIN[1:]), (here, CHAIN)], region=COUNTY, chain=CHAIN, item=OIL)
    assert found == here


def test_a_target_below_the_region_is_near() -> None:
    found = nearest([(a_target("t1", COUNTY), CHAIN)], region=CITY, chain=CHAIN[1:], item=OIL)
    assert found is not None


def test_a_target_in_another_city_is_not_near() -> None:
    far = a_target("t1", RegionId("330200"))
    chain = (far.region, PROVINCE)
    assert nearest([(far, chain)], region=COUNTY, chain=CHAIN, item=OIL) is None


def test_of_two_targets_at_one_place_that_under_the_item_is_visited() -> None:
    fire, oil = a_target("t1", COUNTY, items=(FIRE,)), a_target("t2", COUNTY)
    assert nearest([(fire, CHAIN), (oil, CHAIN)], region=COUNTY, chain=CHAIN, item=OIL) == oil


@covers("R9.5")
def test_only_officers_with_a_valid_certificate_are_able() -> None:
    one = an_inspector(valid_until=date(2026, 3, 1))
    assert able([one], on=date(2026, 3, 1)) == [one]
    assert able([one], on=date(2026, 3, 2)) == []


@covers("R9.5")
def test_an_officer_withdraws_from_a_target_or_an_entity() -> None:
    assert an_inspector().recused("t9", None)
    assert an_inspector().recused("t1", FIRM)
    assert not an_inspector().recused("t1", None)


def test_a_department_keeps_its_own_inspectors_only() -> None:
    check_keeper(TAX, by=TAX, for_others=False)
    check_keeper(TAX, by=None, for_others=True)
    with pytest.raises(NotYourInspector):
        check_keeper(TAX, by=DepartmentId("commerce-330100"), for_others=False)


def test_an_inspectors_id_stays_with_its_department() -> None:
    row = {"name": "李", "certificate": "1", "valid_until": "2026-12-31", "qualifications": "a;b"}
    given_ = inspector(NewInspector.model_validate(row | {"id": "i1", "department": "fire-1"}))
    assert given_.qualifications == ("a", "b")
    with pytest.raises(InspectorTaken):
        check_same(an_inspector(), given_)


@dataclass(frozen=True)
class Agency:
    id: DepartmentId
    territory: tuple[RegionId, ...]


def test_agencies_above_and_below_a_region_serve_it_and_others_do_not() -> None:
    far = RegionId("330200")
    agencies = [
        Agency(DepartmentId("province"), (PROVINCE,)),
        Agency(DepartmentId("county"), (COUNTY,)),
        Agency(DepartmentId("far"), (far,)),
    ]
    above = {PROVINCE: (PROVINCE,), COUNTY: CHAIN, far: (far, PROVINCE)}
    found = serving(agencies, region=CITY, chain=CHAIN[1:], above=above)
    assert found == ["province", "county"]


def test_a_target_stands_at_a_region_that_exists() -> None:
    check_region(CITY, {CITY})
    with pytest.raises(RegionNotKnown) as no:
        check_region(RegionId("33010x"), {CITY})
    assert no.value.facts == {"field": "region", "got": "33010x", "expected": "GET /api/v1/regions"}


def shop(id_: str, name: str, address: str, region: RegionId = COUNTY) -> Target:
    return replace(a_target(id_, region), name=name, address=address)


def landed(*targets: Target, name: str = "", address: str = "", region: RegionId = COUNTY) -> str:
    chains = {COUNTY: CHAIN, CITY: CHAIN[1:]}
    near = [(one, chains[one.region]) for one in targets]
    found = landing(near, region=region, chain=chains[region], name=name, address=address)
    return "" if found is None else found.id


@covers("R9.1")
def test_a_record_lands_on_the_one_target_of_its_entity_near_the_place_whatever_its_words() -> None:
    assert landed(shop("t1", "甲站", "一路1号"), name="甲加油站有限公司", address="他处") == "t1"
    assert landed(shop("t1", "甲站", "", CITY), region=COUNTY) == "t1"
    assert landed(shop("t1", "甲站", "", COUNTY), region=CITY) == "t1"
    assert not landed()


@covers("R9.1")
def test_of_several_targets_the_address_tells_which_then_the_name_and_else_none() -> None:
    shops = (shop("t1", "甲站", "一路1号"), shop("t2", "乙站", "二路2号"))
    assert landed(*shops, name="甲站", address="二路 ２号") == "t2"
    assert landed(*shops, name=" 乙站") == "t2"
    assert not landed(*shops, name="丙站", address="三路3号")
    assert landed(*shops, shop("t3", "丙站", "", CITY), name="丙站", region=CITY) == "t3"


@covers("R9.5")
def test_a_recusal_is_declared_by_the_own_department_with_its_reason_and_stays() -> None:
    known = replace(an_inspector(), recusals=())
    told = recuse(known, "91330000668306747T", "近亲属", by=TAX, for_others=False)
    assert told.recused("t1", FIRM)
    with pytest.raises(RecusalUnexplained):
        recuse(known, FIRM, " ", by=TAX, for_others=False)
    with pytest.raises(NotYourInspector):
        recuse(known, FIRM, "近亲属", by=DepartmentId("commerce-330100"), for_others=False)
    # A row sent later that does not name it does not lift it.
    again = kept(told, replace(known, name="王某"))
    assert (again.name, again.recusals) == ("王某", (FIRM,))
    assert kept(None, known) == known
