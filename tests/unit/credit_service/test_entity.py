"""Entities: who a code names, what a row changes, what others may know."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.credit_service import EntityId, EntityKind, EntityNew, EntityStatus
from credit_service.entity import domain
from credit_service.entity.domain import CodeNamesNobody, Entity, KindContradictsCode, Taken
from kit.codes import Fault
from kit.testing import covers

CODE = "91110108MA0000015T"
SOLE = "92440300MA5E00041Q"
ROW = EntityNew(name="示范加油站", code=CODE)


def registered(row: EntityNew, stands: Entity | None = None) -> Entity:
    return domain.registered(domain.identified(row.code, "code"), row, stands)


def take(rows: list[EntityNew], stand: dict[EntityId, Entity]) -> Taken:
    return domain.take([(domain.identified(row.code, "code"), row) for row in rows], stand)


def test_a_code_alone_and_its_id_name_the_same_entity() -> None:
    assert domain.named(CODE) == domain.named(f"uscc-{CODE}") == f"uscc-{CODE}"
    assert domain.named(" 91110108ma0000015t ") == f"uscc-{CODE}"


def test_an_id_whose_code_is_broken_names_nobody() -> None:
    found = domain.named(f"uscc-{CODE[:-1]}X")
    assert isinstance(found, Fault)
    assert found.code == "code-check-digit"


def test_an_id_with_the_wrong_prefix_names_nobody() -> None:
    assert isinstance(domain.named(f"reg15-{CODE}"), Fault)


@covers("R9.1")
def test_a_wrong_check_digit_is_refused_with_what_would_be_right() -> None:
    with pytest.raises(CodeNamesNobody) as no:
        registered(EntityNew(name="某公司", code="914403001922038217"))
    assert no.value.facts["fault"] == "code-check-digit"
    assert no.value.facts["expected"] == "6"


def test_a_provisional_subject_is_not_registered_under_its_own_id() -> None:
    assert domain.registrable(CODE) == f"uscc-{CODE}"
    with pytest.raises(CodeNamesNobody) as no:
        domain.registrable("prov-0123456789abcdef")
    assert no.value.facts["fault"] == "code-length"


def test_the_code_tells_a_sole_trader_from_a_legal_person_and_an_organisation() -> None:
    assert domain.kind_of(EntityId(f"uscc-{SOLE}")) is EntityKind.SOLE_TRADER
    assert domain.kind_of(EntityId(f"uscc-{CODE}")) is EntityKind.LEGAL_PERSON
    assert domain.kind_of(EntityId("uscc-51440000500000015C")) is EntityKind.ORGANISATION
    assert domain.kind_of(EntityId("reg15-330100600000019")) is EntityKind.SOLE_TRADER
    assert domain.kind_of(EntityId("reg13-3301001000000")) is EntityKind.LEGAL_PERSON


def test_a_kind_that_contradicts_the_code_is_refused() -> None:
    with pytest.raises(KindContradictsCode):
        registered(EntityNew(name="甲", code=SOLE, kind=EntityKind.LEGAL_PERSON))
    with pytest.raises(KindContradictsCode):
        registered(EntityNew(name="甲", code=CODE, kind=EntityKind.PROVISIONAL))


def test_the_same_content_again_is_a_duplicate_and_changes_nothing() -> None:
    first = registered(ROW)
    taken = take([ROW, ROW], {first.id: first})
    assert (taken.changed, taken.duplicate, taken.revised) == ((), 2, 0)


def test_changed_content_is_a_revision_with_the_next_version() -> None:
    first = registered(ROW)
    taken = take([EntityNew(name="新名加油站", code=CODE)], {first.id: first})
    assert [(one.name, one.version) for one in taken.changed] == [("新名加油站", 2)]
    assert (taken.duplicate, taken.revised) == (0, 1)


def test_what_a_row_leaves_out_stays_as_it_stands() -> None:
    first = registered(EntityNew(name="甲", code=CODE, region="330100", address="某路1号"))
    assert registered(EntityNew(name="甲", code=CODE), first) is first


def test_a_code_twice_in_one_file_is_announced_once_in_its_last_form() -> None:
    rows = [ROW, EntityNew(name="新名加油站", code=CODE), ROW]
    taken = take(rows, {})
    assert [(one.name, one.version) for one in taken.changed] == [("示范加油站", 3)]
    assert (taken.duplicate, taken.revised) == (0, 2)


def test_the_name_of_a_sole_trader_is_not_announced_and_its_address_not_shown() -> None:
    sole = registered(EntityNew(name="张三小店", code=SOLE, address="某村1号"))
    assert domain.row_of(sole).name is None
    assert domain.open_address(sole) is None
    firm = registered(EntityNew(name="甲", code=CODE, address="某路1号"))
    assert (domain.row_of(firm).name, domain.open_address(firm)) == ("甲", "某路1号")


@given(names=st.lists(st.integers(1, 200), max_size=1200))
def test_every_parcel_fits_one_event_and_none_loses_a_row(names: list[int]) -> None:
    made = [
        Entity(
            EntityId(f"reg13-{n:013}"),
            1,
            "油" * width,
            EntityKind.LEGAL_PERSON,
            EntityStatus.ACTIVE,
        )
        for n, width in enumerate(names)
    ]
    parcels = domain.parcels(made)
    assert [row.id for rows in parcels for row in rows] == [one.id for one in made]
    for event in domain.announced(parcels, [str(n) for n in range(len(parcels))]):
        assert 1 <= len(event.rows) <= domain.ROWS
        assert len(event.model_dump_json().encode()) <= domain.BYTES + 1024
