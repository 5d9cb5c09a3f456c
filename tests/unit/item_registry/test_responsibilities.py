"""What a region adds to or overrides in an item's duties, its calendar, and caps."""

from datetime import date

import pytest
from pydantic import ValidationError

from contracts.item_registry import (
    ROOT,
    CapPublished,
    Duty,
    DutyRole,
    ItemId,
    Line,
    NewCalendar,
    NewCap,
    NewDuty,
    RegionId,
    Stage,
)
from item_registry.calendar import domain as calendars
from item_registry.cap import domain as caps
from item_registry.responsibility import domain
from kit.testing import covers

OIL = ItemId("refined-oil")
PROVINCE, CITY = RegionId("330000"), RegionId("330100")
CHAIN = (CITY, PROVINCE, ROOT)
DUTY = Duty(
    id="refined-oil_330100_daily_market",
    stage=Stage.DAILY,
    region=CITY,
    line=Line("market"),
    role=DutyRole.LEAD,
    basis="某市实施方案",
)


@covers("R5.4")
def test_a_region_overrides_within_itself_and_says_the_whole_of_it() -> None:
    first = domain.declare(None, (DUTY,), item=OIL, held_in=ROOT, chain=CHAIN)
    assert [fact.about() for fact in first.says] == ["responsibility/refined-oil_330100"]
    same = domain.declare(first.value, (DUTY,), item=OIL, held_in=ROOT, chain=CHAIN)
    assert (same.value, same.says) == (first.value, ())
    gone = domain.declare(first.value, (), item=OIL, held_in=ROOT, chain=CHAIN)
    assert (gone.value.version, gone.value.duties, len(gone.says)) == (2, (), 1)


def test_no_two_pairs_of_item_and_region_share_a_name() -> None:
    pairs = [("a_b", "c"), ("a", "b_c"), ("a", "c"), ("a" * 60, "330100"), ("a" * 61, "330100")]
    named = {domain.id_of(ItemId(item), RegionId(region)) for item, region in pairs}
    assert len(named) == len(pairs)
    assert max(map(len, named)) <= 64


def test_a_duty_ends_after_it_begins() -> None:
    said = {"stage": "daily", "line": "market", "role": "lead", "from": "2026-03-01"}
    assert NewDuty.model_validate(said | {"to": "2026-03-02"}).to == date(2026, 3, 2)
    with pytest.raises(ValidationError, match="later than 2026-03-01"):
        NewDuty.model_validate(said | {"to": "2026-03-01"})


@pytest.mark.parametrize(
    ("held_in", "chain"),
    [(ROOT, (ROOT,)), (CITY, CHAIN), (RegionId("320000"), CHAIN)],
)
def test_the_duties_of_an_items_own_region_come_with_its_versions(
    held_in: RegionId, chain: tuple[RegionId, ...]
) -> None:
    with pytest.raises(domain.NotBelowItem):
        domain.declare(None, (DUTY,), item=OIL, held_in=held_in, chain=chain)


def calendar(*days: tuple[str, bool]) -> NewCalendar:
    rows = [{"date": day, "working": working} for day, working in days]
    given = {"region": "330000", "days": rows, "basis": "某省通知"}
    return NewCalendar.model_validate(given)


@covers("RX.3")
def test_a_calendar_is_announced_whole_and_in_order() -> None:
    first = calendars.declare(calendar(("2026-04-04", False), ("2026-03-07", True)), None)
    assert [day.date.isoformat() for day in first.value.days] == ["2026-03-07", "2026-04-04"]
    assert [fact.about() for fact in first.says] == ["calendar/330000"]
    again = calendars.declare(calendar(("2026-03-07", True), ("2026-04-04", False)), first.value)
    assert again.says == ()


def test_a_day_stands_once_in_a_calendar() -> None:
    with pytest.raises(calendars.DayTwice):
        calendars.declare(calendar(("2026-04-04", False), ("2026-04-04", True)), None)


def cap(since: str, to: str | None = None, per_year: int = 2) -> NewCap:
    given = {"line": "market", "region": "330000", "per_year": per_year, "from": since, "to": to}
    return NewCap.model_validate(given | {"basis": "国办发〔2024〕54号"})


def test_a_new_cap_ends_the_one_in_force_and_both_are_announced() -> None:
    first, _ = caps.publish("a", cap("2025-01-01"), [])
    second, closed = caps.publish("b", cap("2026-01-01", per_year=1), [first.value])
    assert [(one.id, one.to, one.version) for one in closed] == [("a", date(2026, 1, 1), 2)]
    said = [fact for fact in second.says if isinstance(fact, CapPublished)]
    assert [(one.cap, one.per_year, one.to) for one in said] == [
        ("a", 2, date(2026, 1, 1)),
        ("b", 1, None),
    ]


def test_a_cap_that_ended_before_is_left_alone() -> None:
    first, _ = caps.publish("a", cap("2025-01-01", "2025-07-01"), [])
    _, closed = caps.publish("b", cap("2025-07-01"), [first.value])
    assert closed == ()


def test_no_cap_is_put_before_one_that_holds_on_a_day_of_it() -> None:
    first, _ = caps.publish("a", cap("2026-01-01"), [])
    with pytest.raises(caps.Overlaps):
        caps.publish("b", cap("2025-06-01"), [first.value])
    assert caps.publish("c", cap("2025-06-01", "2026-01-01"), [first.value])[1] == ()


def test_a_cap_ends_after_it_begins() -> None:
    with pytest.raises(caps.EndsBeforeItBegins):
        caps.publish("a", cap("2026-01-01", "2026-01-01"), [])
