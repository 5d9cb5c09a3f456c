"""Codes: who they name, and why they name nobody."""

import csv
from collections import Counter
from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.codes import (
    ALPHABET,
    Fault,
    SubjectUnnamed,
    entity_id,
    item_code_ok,
    normalise,
    organisation_code_ok,
    person_id_ok,
    provisional_id,
    subject_of,
    verifiable,
)

ENTERPRISES = Path(__file__).parents[4] / "shared" / "data" / "enterprises.csv"

PUBLIC_CODES = [
    "914403001922038216",
    "9144030071526726XG",
    "91330100799655058B",
    "91110000802100433B",
    "91110000710925462X",
    "91110000710926094P",
    "91100000100003962T",
    "911000001000013428",
    "9152000071430580XT",
    "91440300192317458F",
    "91440606722473344C",
    "91440400192548256N",
    "91110108551385082Q",
    "91350900587527783P",
    "91330000733796106P",
    "11100000MB0143028R",
    "91350100M000100Y43",
]
MADE_UP_CODES = [
    "91110108MA0000015T",
    "91330106MA0000023E",
    "91310115MA1K000319",
    "92440300MA5E00041Q",
    "93370100MA3C00054R",
    "51440000500000015C",
    "11110000000012343B",
    "91110108MA00000070",
    "91110108MA0000197Y",
    "91110108MA000004X8",
]


def fault_of(raw: str) -> Fault:
    found = entity_id(raw)
    assert isinstance(found, Fault), found
    return found


def test_only_what_cannot_change_the_meaning_is_normalised() -> None:
    assert normalise("　９１44０３０0o1i ") == "91440300O1I"  # noqa: RUF001 what the test is about


@pytest.mark.parametrize("code", [*PUBLIC_CODES, *MADE_UP_CODES])
def test_a_code_whose_check_digit_holds_names_an_entity(code: str) -> None:
    assert entity_id(f" {code.lower()}\n") == f"uscc-{code}"
    assert verifiable(f"uscc-{code}")


def test_codes_of_registers_that_begin_with_a_letter_are_codes() -> None:
    assert entity_id("N2330106MF00000124") == "uscc-N2330106MF00000124"


@pytest.mark.parametrize(
    ("code", "check"),
    [("914403001922038217", "6"), ("914403001922083216", "X"), ("91350100M000100Y49", "3")],
)
def test_a_wrong_check_digit_is_refused_with_the_right_one(code: str, check: str) -> None:
    assert fault_of(code) == Fault("code-check-digit", "code", code, check)


@pytest.mark.parametrize("code", ["91350100M000100Y4Z", "企合浙绍总字第002112号", "9144-0300"])
def test_a_character_that_no_code_has_is_named(code: str) -> None:
    assert fault_of(code) == Fault("code-charset", "code", code, ALPHABET)


@pytest.mark.parametrize("code", ["9.14403E+17", "9.14403001922038e17", "9,14403E+17", "9E+17"])
def test_a_code_shown_in_scientific_notation_has_lost_its_last_digits(code: str) -> None:
    assert fault_of(code).code == "code-excel"
    assert fault_of(code).suggestion is None


@pytest.mark.parametrize("code", ["914403001922038000", "914403001922038000.0"])
def test_a_code_that_a_spreadsheet_cut_to_15_digits_is_never_guessed(code: str) -> None:
    assert fault_of(code).code == "code-excel"
    assert fault_of(code).suggestion is None


def test_a_code_that_lawfully_ends_in_three_zeros_is_a_code() -> None:
    lawful = [f"9144030019220{n:02}000" for n in range(100)]
    assert [code for code in lawful if isinstance(entity_id(code), str)]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("9l4403001922038216", "914403001922038216"),
        ("9I4403001922038216", "914403001922038216"),
        ("9144O3OO1922O38216", "914403001922038216"),
        ("9L4403001922038216", "914403001922038216"),
        ("9144 0300 1922 0382 16", "914403001922038216"),
        ("'914403001922038216", "914403001922038216"),
        ("914403001922038216\u200b", "914403001922038216"),
    ],
)
def test_a_reading_that_holds_is_suggested_and_never_taken(typed: str, meant: str) -> None:
    assert fault_of(typed).suggestion == meant
    assert isinstance(entity_id(typed), Fault)


def test_a_look_alike_letter_is_pointed_out_even_where_no_reading_holds() -> None:
    fault = fault_of("91330302l19373061U")
    assert (fault.code, fault.suggestion) == ("code-lookalike", "l → 1")


@pytest.mark.parametrize("code", ["91440300192203821", "12345", "1"])
def test_a_code_of_no_known_length_is_refused(code: str) -> None:
    assert fault_of(code).code == "code-length"


@pytest.mark.parametrize("code", ["", "  ", "　"])
def test_an_empty_code_says_so(code: str) -> None:
    assert fault_of(code).code == "code-empty"


def test_a_citizens_number_names_no_entity_and_is_not_repeated() -> None:
    fault = fault_of("11010519491231002X")
    assert (fault.code, fault.got) == ("code-person", "110***********002X")


@pytest.mark.parametrize("typed", ["110105194912310021", "110105194912310000"])
def test_a_mistyped_citizens_number_is_not_repeated_either(typed: str) -> None:
    fault = fault_of(typed)
    assert (fault.code, fault.got) == ("code-person", f"110***********{typed[-4:]}")


def test_registration_numbers_of_15_digits_are_checked_and_of_13_are_not() -> None:
    assert entity_id("110108000000016") == "reg15-110108000000016"
    assert verifiable("reg15-110108000000016")
    assert fault_of("110108000000017").code == "code-check-digit"
    assert entity_id("3301081234567") == "reg13-3301081234567"
    assert not verifiable("reg13-3301081234567")


@given(code=st.sampled_from(PUBLIC_CODES), place=st.integers(0, 17), char=st.sampled_from(ALPHABET))
def test_one_wrong_character_never_names_another_entity(code: str, place: int, char: str) -> None:
    changed = code[:place] + char + code[place + 1 :]
    assert changed == code or isinstance(entity_id(changed), Fault)


@given(raw=st.text())
def test_whatever_is_typed_gets_an_id_or_a_fault(raw: str) -> None:
    found = entity_id(raw)
    if isinstance(found, str):
        assert found.split("-")[1] == normalise(raw)
    elif found.suggestion and " → " not in found.suggestion:
        assert isinstance(entity_id(found.suggestion), str)


def test_the_inner_code_is_judged_apart() -> None:
    assert all(organisation_code_ok(code) for code in PUBLIC_CODES)
    assert organisation_code_ok("uscc-914403001922038216")
    assert not organisation_code_ok("914403001922038226")
    assert not organisation_code_ok("short")


def test_an_item_code_is_14_digits() -> None:
    assert item_code_ok("01234567890123")
    assert not item_code_ok("0123456789012")
    assert not item_code_ok("0123456789012X")


@pytest.mark.parametrize(
    "number", ["11010519491231002x", "440524188001010014", "810000199408230021"]
)
def test_a_citizens_number_is_judged_without_its_division(number: str) -> None:
    assert person_id_ok(number)


@pytest.mark.parametrize("number", ["110105194912310021", "11010519490231002X", "110105491231002"])
def test_a_citizens_number_with_a_wrong_check_date_or_length_is_none(number: str) -> None:
    assert not person_id_ok(number)


def test_nobody_is_born_tomorrow() -> None:
    assert not person_id_ok("11010519491231002X", on=date(1949, 12, 30))
    assert person_id_ok("11010519491231002X", on=date(1949, 12, 31))


def test_a_provisional_subject_has_the_same_id_wherever_it_is_met() -> None:
    expected = sha256(b"dept-market-3301\x00ABC 1").hexdigest()[:16]
    assert provisional_id("dept-market-3301", " Ａbc 1 ") == f"prov-{expected}"  # noqa: RUF001 on purpose
    assert provisional_id("other", "ABC 1") != f"prov-{expected}"


def test_a_subject_is_the_entity_or_provisional_by_code_or_else_by_name() -> None:
    assert subject_of("d1", "914403001922038216", "x") == ("uscc-914403001922038216", None)
    subject, fault = subject_of("d1", "914403001922038217", "x")
    assert subject == provisional_id("d1", "914403001922038217")
    assert fault is not None
    assert fault.code == "code-check-digit"
    assert subject_of("d1", None, "张三早餐") == (
        provisional_id("d1", "张三早餐"),
        Fault("code-empty", "code", "", "18 | 15 | 13"),
    )


def test_who_has_neither_code_nor_name_is_not_merged_with_the_others() -> None:
    with pytest.raises(SubjectUnnamed):
        subject_of("d1", " ", None)


@pytest.mark.skipif(not ENTERPRISES.exists(), reason="the shared data folder is not here")
def test_a_real_directory_is_read_as_it_is() -> None:
    with ENTERPRISES.open(encoding="utf-8") as file:
        found = [(row["code"], entity_id(row["code"])) for row in csv.DictReader(file)]
    faults = {raw: result.code for raw, result in found if isinstance(result, Fault)}
    kinds = Counter(result.split("-")[0] for _, result in found if isinstance(result, str))
    assert kinds == {"uscc": 37_417, "reg15": 5_225, "reg13": 128}
    assert Counter(faults.values()) == {
        "code-check-digit": 8,
        "code-charset": 3,
        "code-lookalike": 1,
    }
    assert faults["91330302l19373061U"] == "code-lookalike"
