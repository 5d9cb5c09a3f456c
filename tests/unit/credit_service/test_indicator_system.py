"""Indicator systems: what a version must hold, who puts it in force."""

import tomllib
from datetime import UTC, date, datetime
from importlib.resources import files

import pytest
from pydantic import ValidationError

from contracts.credit_service import Band, IndicatorSystemNew, SystemState
from credit_service.indicator_system import domain
from credit_service.indicator_system.domain import (
    BandsUnordered,
    GradeUnknown,
    IndicatorSystem,
    NamedTwice,
    NotDraft,
    OwnDraft,
)
from kit import policy
from kit.testing import covers

AT = datetime(2026, 3, 3, tzinfo=UTC)
GRADES = ("A", "B", "C", "D")
SHIPPED = IndicatorSystemNew.model_validate(
    tomllib.loads(
        files("credit_service").joinpath("indicator_system/refined-oil.toml").read_text("utf-8")
    )
)


def _drafted(new: IndicatorSystemNew = SHIPPED) -> IndicatorSystem:
    return domain.draft(new, version=1, by="anna", at=AT, grades=GRADES).value


def _with(*bands: tuple[str, int | None]) -> IndicatorSystemNew:
    made = tuple(Band(grade=grade, from_points=points) for grade, points in bands)
    return SHIPPED.model_copy(update={"bands": made, "overrides": ()})


@covers("R11.1", "R11.2")
def test_the_shipped_refined_oil_system_is_a_lawful_draft() -> None:
    drafted = _drafted()
    assert (drafted.id, drafted.state) == ("refined-oil_1", SystemState.DRAFT)


@covers("RX.5")
def test_the_dictionary_of_grades_is_data_with_dates_and_basis() -> None:
    rows = policy.all_in_force(policy.load("credit_service"), "grade", date(2026, 3, 3))
    assert [row.key for row in rows] == ["grade.A", "grade.B", "grade.C", "grade.D"]
    assert all(row.basis for row in rows)
    assert not policy.all_in_force(policy.load("credit_service"), "grade", date(2021, 3, 3))


def test_a_grade_that_no_dictionary_knows_is_refused() -> None:
    with pytest.raises(GradeUnknown):
        _drafted(_with(("A", 90), ("E", None)))


@pytest.mark.parametrize(
    "bands",
    [
        [("A", 90), ("B", 90), ("C", None)],
        [("B", 90), ("A", 75), ("C", None)],
        [("A", 90), ("B", 75)],
        [("A", None), ("B", 75), ("C", None)],
    ],
)
def test_bands_fall_from_the_best_grade_and_the_last_takes_the_rest(
    bands: list[tuple[str, int | None]],
) -> None:
    with pytest.raises(BandsUnordered):
        _drafted(_with(*bands))


def test_two_indicators_of_one_id_are_refused() -> None:
    twice = (*SHIPPED.indicators, SHIPPED.indicators[0])
    with pytest.raises(NamedTwice):
        _drafted(SHIPPED.model_copy(update={"indicators": twice}))


@pytest.mark.parametrize("change", [{"base": 10**9}, {"points": -(10**9)}, {"limit": 10**9}])
def test_points_that_no_sum_could_hold_are_refused(change: dict[str, int]) -> None:
    content = SHIPPED.model_dump(by_alias=True)
    place = content if "base" in change else content["indicators"][0]
    place.update(change)
    with pytest.raises(ValidationError):
        IndicatorSystemNew.model_validate(content)


@covers("R11.1")
def test_a_draft_is_put_in_force_by_another_person() -> None:
    with pytest.raises(OwnDraft):
        domain.activate(_drafted(), by="anna", at=AT)
    active = domain.activate(_drafted(), by="bo", at=AT).value
    assert (active.state, active.activated_by) == (SystemState.ACTIVE, "bo")


def test_only_a_draft_is_put_in_force() -> None:
    active = domain.activate(_drafted(), by="bo", at=AT).value
    with pytest.raises(NotDraft):
        domain.activate(active, by="cy", at=AT)
    with pytest.raises(NotDraft):
        domain.activate(domain.retire(active).value, by="cy", at=AT)
