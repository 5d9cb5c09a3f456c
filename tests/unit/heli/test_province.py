"""The synthetic province: a world, its truth, and what nobody may find in it."""

from collections import Counter
from datetime import date, timedelta
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heli.demo.province import planted
from heli.demo.province.planted import SILENT_FROM, Kind
from heli.demo.province.sheets import Province, make
from heli.demo.province.window import MONTHS, Window, after
from heli.demo.province.world import MARK, ZONE, agency, credit_code
from kit.codes import entity_id, organisation_code_ok
from kit.testing import covers

TODAY = date(2026, 11, 25)
HARD_DAYS = (date(2026, 12, 31), date(2026, 2, 17), date(2024, 2, 29), date(2026, 1, 2))
SEEDS = st.integers(0, 2**32 - 1)
PLAYED = ("commerce-330100", "market-330100", "emergency-330100")


@cache
def full() -> Province:
    return make(1, TODAY, 2000)


@cache
def small(seed: int = 1, today: date = TODAY) -> Province:
    return make(seed, today, 60)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    again = make(1, TODAY, 60)
    assert again == small()
    assert [one.body for one in again.sheets] != [one.body for one in small(2).sheets]


def test_there_are_33_agencies_and_the_zone_is_served_by_a_neighbours_tax_agency() -> None:
    world = full().world
    assert len(world.departments) == 33
    serving = [one.id for one in world.departments if ZONE in one.territory]
    assert serving == ["tax-330200"]
    station = next(one for one in world.stations if one.region == ZONE)
    assert agency(station, "tax") == "tax-330200"
    assert agency(station, "commerce") == "commerce-330100"


def test_there_are_60_inspectors_some_lapsed_but_none_whom_the_journey_needs() -> None:
    world = full().world
    assert len({one.id for one in world.inspectors}) == 60
    assert len({one.certificate for one in world.inspectors}) == 60
    lapsed = [one for one in world.inspectors if one.valid_until < TODAY]
    assert 3 <= len(lapsed) <= 10
    valid = {one.id for one in world.inspectors if one.valid_until >= TODAY}
    assert {f"{by}-{number}" for by in PLAYED for number in range(1, 5)} <= valid
    in_force = Counter(one.department for one in world.inspectors if one.id in valid)
    assert all(in_force[f"{line}-330200"] >= 2 for line in ("commerce", "tax", "market"))


@pytest.mark.parametrize("today", HARD_DAYS)
def test_an_officer_is_recused_from_a_station_that_is_not_the_journeys(today: date) -> None:
    province = small(1, today)
    ((inspector, number),) = province.world.recused
    assert inspector in {one.id for one in province.world.inspectors}
    station = province.world.stations[number - 1]
    assert agency(station, "market") == inspector.rpartition("-")[0]
    assert station.code != province.truth[0].code


@covers("RX.8")
def test_every_code_holds_and_is_of_no_real_office() -> None:
    codes = [one.code for one in full().world.stations]
    assert len(set(codes)) == 2000
    assert all(entity_id(code) == f"uscc-{code}" for code in codes)
    assert all(organisation_code_ok(code) and code[2:8] == "000000" for code in codes)
    assert credit_code(1) != credit_code(2)


@covers("RX.8")
def test_every_name_says_that_it_is_an_example() -> None:
    world = full().world
    names = [one.name for one in world.stations]
    names += [one.name for one in world.departments]
    names += [one.name for one in world.inspectors]
    names += [one.name for one in world.regions[1:]]
    assert all(MARK in name for name in names)
    assert all(MARK in one.address for one in world.stations)


def test_four_stations_in_a_hundred_have_a_wrong_code() -> None:
    province = full()
    right = {one.code for one in province.world.stations}
    assert len(province.wrong_codes) == 80
    assert set(province.wrong_codes.values()) <= right
    for wrong, code in province.wrong_codes.items():
        assert not isinstance(entity_id(wrong), str)
        differ = [at for at, (a, b) in enumerate(zip(wrong, code, strict=True)) if a != b]
        assert len(differ) == 1 or (len(differ) == 2 and differ[1] == differ[0] + 1)


def test_sixty_problems_are_planted_ten_of_each_kind() -> None:
    truth = full().truth
    assert Counter(one.kind for one in truth) == {kind.value: 10 for kind in Kind}
    assert len({one.code for one in truth}) == 60
    assert {one.warns for one in truth} == {warns for warns, _ in planted.WARNS.values()}


def test_the_first_problem_is_fit_for_the_journey() -> None:
    for province in (full(), small(), small(2), small(3, date(2026, 1, 2))):
        first = province.truth[0]
        station = next(one for one in province.world.stations if one.code == first.code)
        assert first.kind == Kind.DECLARED_20
        assert station.prefecture == "330100"
        assert first.code not in province.wrong_codes.values()
        assert after(first.first) <= province.months[-1]


def test_only_what_hangs_on_the_silent_department_cannot_be_known() -> None:
    province = full()
    unknown = [one for one in province.truth if not one.knowable]
    assert unknown
    assert {one.kind for one in unknown} == {Kind.VERIFICATION}
    assert all(one.first >= province.months[SILENT_FROM] for one in unknown)
    assert all(one.why for one in unknown)
    assert not any(one.why for one in province.truth if one.knowable)


def test_a_line_that_is_switched_off_sends_nothing_and_its_problems_cannot_be_known() -> None:
    province = make(1, TODAY, 200, {"tax"})
    senders = {one.department for one in province.sheets if one.collection == "signals"}
    assert not any(str(one).startswith("tax") for one in senders)
    assert senders
    hangs = {Kind.DECLARED_20, Kind.DECLARED_10, Kind.SOLD_OVER}
    silent = {one.kind for one in province.truth if "tax" in one.why}
    assert silent == hangs
    assert not any(one.knowable for one in province.truth if one.kind in hangs)
    assert len(province.wrong_codes) < len(make(1, TODAY, 200).wrong_codes)


@given(seed=SEEDS, stations=st.integers(20, 90), today=st.dates(date(2024, 1, 1)))
@settings(max_examples=25, deadline=None)
def test_any_small_province_has_every_kind_within_its_months(
    seed: int, stations: int, today: date
) -> None:
    today = min(today, date(2100, 1, 1))
    province = make(seed, today, stations)
    assert {one.kind for one in province.truth} == {kind.value for kind in Kind}
    assert len(province.months) == MONTHS
    assert after(province.months[-1]) == today.replace(day=1)
    for one in province.truth:
        first = province.months.index(one.first)
        assert one.months >= 1
        assert first + one.months <= MONTHS
        assert one.share > 0
    code = province.truth[0].code
    assert next(s for s in province.world.stations if s.code == code).prefecture == "330100"


@given(today=st.dates(date(2024, 1, 1), date(2030, 12, 31)))
def test_the_weeks_cover_the_months_without_a_gap_and_never_reach_into_the_future(
    today: date,
) -> None:
    window = Window.before(today)
    weeks = window.weeks
    assert weeks[0].from_ <= window.months[0].isoformat()
    assert window.over.isoformat() <= weeks[-1].to <= today.isoformat()
    assert all(a.to == b.from_ and a.end == b.first for a, b in pairwise(weeks))
    assert all(date.fromisoformat(week.from_).weekday() == 0 for week in weeks)
    assert [span.from_ for span in window.spans] == [one.isoformat() for one in window.months]
    assert window.start + timedelta(days=window.days) == date.fromisoformat(weeks[-1].to)
