"""Which rows are kept as signals, whose they are, and when a source is late."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from contracts.acts import Headers
from contracts.errors import Refusal
from contracts.item_registry import RegionId
from contracts.risk_monitor import SignalRow
from kit.codes import provisional_id
from kit.deadlines import shanghai_day
from kit.testing import covers
from risk_monitor.signal.domain import (
    Accepted,
    Amount,
    InFuture,
    Negative,
    PeriodImpossible,
    RegionUnknown,
    Sender,
    SourceMissing,
    SourceNotYours,
    StreamUnknown,
    ValueImpossible,
    accept,
    source_of,
    subject_id,
)
from risk_monitor.source.domain import (
    Density,
    ProductMissing,
    ProductUnknown,
    UnitOther,
    late,
    next_due,
)
from risk_monitor.source.store import scales, streams_on

NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)
STREAMS = streams_on(NOW.date())
SCALES = scales()
REGIONS = {RegionId("330106")}
TAX = Sender("tax-330100", known=True)
CENTRE = Sender("data-centre", known=False)
ROW = {
    "stream": "declared",
    "code": "91330000668306747T",
    "from": "2026-02-01",
    "to": "2026-03-01",
    "value": 100.0,
    "region": "330106",
}


def taken(sender: Sender = TAX, **change: object) -> Accepted:
    row = SignalRow.model_validate(ROW | change)
    return accept(row, sender=sender, streams=STREAMS, scales=SCALES, regions=REGIONS, now=NOW)


def test_a_day_begins_at_midnight_in_china() -> None:
    signal = taken().signal
    assert signal.from_ == datetime(2026, 1, 31, 16, tzinfo=UTC)
    assert (signal.source, signal.subject) == ("tax-330100", "uscc-91330000668306747T")


@pytest.mark.parametrize(
    ("change", "refusal", "field"),
    [
        ({"stream": "metred"}, StreamUnknown, "stream"),
        ({"unit": "kg"}, UnitOther, "unit"),
        ({"unit": "t"}, ProductMissing, "product"),
        ({"unit": "t", "product": "kerosene"}, ProductUnknown, "product"),
        ({"product": "kerosene"}, ProductUnknown, "product"),
        (
            {"unit": "t", "product": "diesel0", "from": "2016-02-01", "to": "2016-03-01"},
            ProductUnknown,
            "product",
        ),
        ({"stream": "gauge", "to": None, "value": 1, "unit": "t"}, UnitOther, "unit"),
        ({"region": "999999"}, RegionUnknown, "region"),
        ({"value": -1}, Negative, "value"),
        ({"value": None}, ValueImpossible, "value"),
        ({"stream": "gauge", "to": None, "value": 2}, ValueImpossible, "value"),
        ({"to": None}, PeriodImpossible, "to"),
        ({"to": "2026-02-01"}, PeriodImpossible, "to"),
        ({"to": "2026-01-01"}, PeriodImpossible, "to"),
        ({"from": "2026-02-01T08:00:00+08:00"}, PeriodImpossible, "from"),
        ({"from": "2026-04-01", "to": "2026-05-01"}, InFuture, "from"),
        ({"to": "2026-04-01"}, InFuture, "to"),
        ({"from": "0001-01-01", "to": "0001-02-01"}, PeriodImpossible, "from"),
        ({"from": "1026-02-01"}, PeriodImpossible, "from"),
        ({"stream": "licence", "to": "9999-12-31T23:59:59Z"}, PeriodImpossible, "to"),
        ({"stream": "licence", "to": "9999-12-31T23:00:00-08:00"}, PeriodImpossible, "to"),
        ({"value": 1e300}, ValueImpossible, "value"),
        ({"source": "market-330100"}, SourceNotYours, "source"),
    ],
)
def test_a_row_that_cannot_be_names_the_field_what_was_got_and_what_would_be_right(
    change: dict[str, Any], refusal: type[Refusal], field: str
) -> None:
    with pytest.raises(refusal) as no:
        taken(**change)
    assert no.value.facts["field"] == field
    assert set(no.value.facts) == {"field", "got", "expected"}
    assert no.value.facts["expected"]


def test_a_licence_may_end_in_years_and_needs_no_value() -> None:
    signal = taken(stream="licence", to="2031-02-01", value=None).signal
    assert signal.amount == Amount(1.0)
    for_ever = taken(stream="licence", to="9999-12-31", value=None).signal
    assert shanghai_day(for_ever.to) == date(9999, 12, 31)


def test_tonnes_are_turned_into_litres_and_what_was_sent_is_kept() -> None:
    signal = taken(value=74.75, unit="吨", product="92号汽油").signal
    assert signal.product == "gasoline92"
    assert signal.amount == Amount(100_000.0, 74.75, "t")
    litres = taken(value=5.0, unit="升", product="diesel0").signal
    assert (litres.product, litres.amount) == ("diesel0", Amount(5.0))


def test_a_mass_is_converted_by_the_density_of_the_rows_own_day() -> None:
    older, newer = date(2020, 1, 1), date(2026, 2, 1)
    own = replace(
        SCALES,
        densities=(Density("diesel0", 0.8, older, newer), Density("diesel0", 0.9, newer, None)),
    )
    assert own.litres(8.0, "t", "diesel0", date(2026, 1, 31)) == pytest.approx(10_000.0)
    assert own.litres(9.0, "t", "diesel0", newer) == pytest.approx(10_000.0)


def test_a_file_may_name_its_columns_as_departments_do() -> None:
    names = {
        name: [word for one in info.metadata if isinstance(one, Headers) for word in one.names]
        for name, info in SignalRow.model_fields.items()
    }
    assert "所属期起" in names["from_"]
    assert "统一社会信用代码" in names["code"]
    assert all(names.values())


def test_a_gauge_changes_at_a_moment() -> None:
    change: dict[str, Any] = {
        "stream": "gauge",
        "from": "2026-03-05T14:30:00",
        "to": None,
        "value": 0,
    }
    signal = taken(**change).signal
    assert signal.from_ == signal.to == datetime(2026, 3, 5, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize("number", [20260201, 20260201.0, "20260201", True])
def test_a_number_is_not_taken_for_a_day(number: object) -> None:
    with pytest.raises(ValueError, match="from"):
        SignalRow.model_validate(ROW | {"from": number})


@pytest.mark.parametrize("code", ["9.1333E+17", "913300006683067000"])
def test_a_code_that_a_spreadsheet_mangled_lands_on_a_provisional_subject(code: str) -> None:
    found = taken(code=code)
    assert found.signal.subject == provisional_id("tax-330100", code)
    assert found.sighting is not None
    assert (found.sighting.fault, found.sighting.raw) == ("code-excel", code)


def test_a_persons_number_is_not_told_to_others() -> None:
    found = taken(code="11010519491231002X").sighting
    assert found is not None
    assert (found.fault, found.raw) == ("code-person", None)
    unnamed = taken(code=None, name="王某").sighting
    assert unnamed is not None
    assert unnamed.raw is None


def test_a_department_speaks_for_itself_and_a_data_centre_names_the_source() -> None:
    assert source_of("tax-330100", TAX) == source_of(None, TAX) == "tax-330100"
    assert source_of("market-330100", CENTRE) == "market-330100"
    assert source_of(None, CENTRE) == "data-centre"
    with pytest.raises(SourceMissing):
        source_of(None, Sender(None, known=False))


def test_a_code_alone_works_as_a_subject() -> None:
    assert subject_id("91330000668306747T") == "uscc-91330000668306747T"
    assert subject_id("prov-0123456789abcdef") == "prov-0123456789abcdef"


@covers("R8.2")
def test_a_source_is_late_after_its_next_period_and_grace() -> None:
    declared = STREAMS["declared"]
    assert next_due(declared, date(2026, 2, 1)) == date(2026, 3, 4)
    assert late(declared, date(2026, 2, 1), date(2026, 3, 19)) is False
    assert late(declared, date(2026, 2, 1), date(2026, 3, 20)) is True
    assert late(STREAMS["licence"], date(2020, 1, 1), date(2026, 3, 20)) is None
