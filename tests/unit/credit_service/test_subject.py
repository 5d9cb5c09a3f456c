"""Provisional subjects: they stand in, and are never merged in silence."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.credit_service import EntityBatch, EntityId, EntityNew, Slip
from contracts.item_registry import DepartmentId, RegionId
from credit_service.entity.domain import registered
from credit_service.subject import domain
from credit_service.subject.domain import (
    AlreadyResolved,
    IntoProvisional,
    ProvisionalSubject,
    ReasonMissing,
    neighbours,
)
from kit import codes

SUBJECT = ProvisionalSubject(
    id=EntityId("prov-0123456789abcdef"),
    source=DepartmentId("tax-330100"),
    fault="code-check-digit",
    raw="91110108MA0000015X",
    region=RegionId("330100"),
    sighted_by="risk-monitor",
    sighted_at=datetime(2026, 3, 3, tzinfo=UTC),
    batch="b1",
)
FIRM = registered(
    EntityId("uscc-91110108MA0000015T"), EntityNew(name="甲", code="91110108MA0000015T")
)
ROW = domain.entity_of(SUBJECT)


def test_a_sighted_subject_is_announced_without_a_name() -> None:
    (event,) = domain.sighted(SUBJECT).says
    assert isinstance(event, EntityBatch)
    assert [(row.id, row.name, row.kind) for row in event.rows] == [
        (SUBJECT.id, None, "provisional")
    ]


def test_a_resolved_subject_becomes_an_alias_and_its_id_stays() -> None:
    decided, alias = domain.resolve(SUBJECT, ROW, into=FIRM, reason="对照执照", batch="b2")
    (event,) = decided.says
    assert isinstance(event, EntityBatch)
    assert [(row.id, row.alias_of, row.version) for row in event.rows] == [(SUBJECT.id, FIRM.id, 2)]
    assert alias.name is None
    assert decided.value.entity == FIRM.id


@pytest.mark.parametrize("reason", [None, "", "  "])
def test_nobody_says_who_somebody_is_without_a_reason(reason: str | None) -> None:
    with pytest.raises(ReasonMissing):
        domain.resolve(SUBJECT, ROW, into=FIRM, reason=reason, batch="b2")


def test_a_subject_is_resolved_once() -> None:
    done = replace(SUBJECT, entity=FIRM.id)
    with pytest.raises(AlreadyResolved):
        domain.resolve(done, ROW, into=FIRM, reason="对照执照", batch="b2")


def test_a_subject_does_not_become_another_that_nobody_can_name() -> None:
    with pytest.raises(IntoProvisional):
        domain.resolve(SUBJECT, ROW, into=ROW, reason="对照执照", batch="b2")


# Whom it may be -------------------------------------------------------------------------------

WEIGHTS = [pow(3, n, 31) for n in range(17)]
TYPED = st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
digits = st.text("0123456789", min_size=14, max_size=14)
bodies = st.from_regex(
    rf"\A[{codes.ALPHABET}]{{2}}[0-9]{{6}}[{codes.ALPHABET}]{{9}}\Z", fullmatch=True
)


def checked(body: str) -> str:
    total = sum(codes.ALPHABET.index(a) * w for a, w in zip(body, WEIGHTS, strict=True))
    return body + codes.ALPHABET[-total % 31]


def checked_15(body: str) -> str:
    return next(body + d for d in "0123456789" if isinstance(codes.entity_id(body + d), str))


def finds(raw: str, code: str, why: Slip) -> None:
    """Check that the original is found, unless the slip itself made a lawful code."""
    lawful = isinstance(codes.entity_id(raw), str)
    found = [(one.id, one.why) for one in neighbours(raw)]
    assert lawful or (codes.entity_id(code), why) in found, (code, raw)


@given(body=bodies, at=st.integers(0, 17), typed=TYPED)
def test_one_wrong_character_of_a_credit_code_finds_the_original(
    body: str, at: int, typed: str
) -> None:
    code = checked(body)
    finds(code[:at] + typed + code[at + 1 :], code, Slip.ONE_CHARACTER)


@given(body=bodies, at=st.integers(0, 16))
def test_two_exchanged_neighbours_of_a_credit_code_find_the_original(body: str, at: int) -> None:
    code = checked(body)
    raw = code[:at] + code[at + 1] + code[at] + code[at + 2 :]
    finds(raw, code, Slip.TWO_EXCHANGED)


@given(body=digits, at=st.integers(0, 14), typed=TYPED)
def test_one_wrong_digit_of_a_registration_number_finds_the_original(
    body: str, at: int, typed: str
) -> None:
    code = checked_15(body)
    finds(code[:at] + typed + code[at + 1 :], code, Slip.ONE_CHARACTER)


@given(body=digits, at=st.integers(0, 13))
def test_two_exchanged_digits_of_a_registration_number_find_the_original(
    body: str, at: int
) -> None:
    code = checked_15(body)
    raw = code[:at] + code[at + 1] + code[at] + code[at + 2 :]
    finds(raw, code, Slip.TWO_EXCHANGED)


@given(raw=st.text(max_size=20))
def test_whatever_was_sent_each_neighbour_is_a_lawful_code_one_slip_away(raw: str) -> None:
    text = codes.normalise(raw)
    for one in neighbours(raw):
        code = one.id.partition("-")[2]
        differ = [n for n, (a, b) in enumerate(zip(code, text, strict=True)) if a != b]
        assert codes.entity_id(code) == one.id
        assert differ[0] + 1 == one.at
        assert len(differ) == (1 if one.why is Slip.ONE_CHARACTER else 2)


def test_candidates_are_registered_entities_until_somebody_says_who_it_is() -> None:
    near = neighbours(SUBJECT.raw)
    assert len(near) > 10
    (found,) = domain.candidates(SUBJECT, near, {FIRM.id: FIRM})
    assert (found.entity, found.name, found.why, found.at) == (FIRM.id, "甲", "one_character", 18)
    done = replace(SUBJECT, entity=FIRM.id)
    assert domain.candidates(done, near, {FIRM.id: FIRM}) == ()


def test_a_subject_without_a_code_has_no_neighbours() -> None:
    assert neighbours(None) == neighbours("某企业") == neighbours("91110108MA0000015") == ()
