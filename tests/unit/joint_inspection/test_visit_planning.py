"""Planning visits: merging, windows, caps, who can come."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.credit_service import EntityId
from contracts.item_registry import DepartmentId, ItemId, Line, RegionId
from contracts.joint_inspection import InspectorId, TargetId, VisitId, VisitKind, VisitPlanned
from joint_inspection.frequency.domain import Cap, Caps, CapUsedUp, Use
from joint_inspection.visit.domain.caps import attended, uses
from joint_inspection.visit.domain.planning import (
    Need,
    NobodyCanCome,
    Surroundings,
    WindowTooLong,
    WindowWithoutWorkingDay,
    able,
    first_working_day,
    plan,
    plan_all,
    plan_drawn,
)
from joint_inspection.visit.domain.summary import Counted, summed
from joint_inspection.visit.domain.visits import (
    OPEN,
    Duty,
    Member,
    State,
    Team,
    Visit,
    Window,
)
from kit.testing import covers
from kit.workdays import Calendar

MONDAY = date(2026, 3, 2)
WEEK = Window(MONDAY, MONDAY + timedelta(days=4))
NEXT_WEEK = Window(MONDAY + timedelta(days=7), MONDAY + timedelta(days=11))
CALENDAR = Calendar()
COMMERCE = DepartmentId("commerce-330100")
TAX = DepartmentId("tax-330100")
CITY = RegionId("330100")
PROVINCE = RegionId("330000")
OIL = ItemId("refined-oil")
FIRM = EntityId("uscc-91330000668306747T")
CODE = "33010000000001"
LINES = {COMMERCE: Line("commerce"), TAX: Line("tax")}


def caps(*rows: Cap, used: frozenset[Use] = frozenset()) -> Caps:
    return Caps(rows, LINES, (CITY, PROVINCE), used, frozenset({VisitKind.CLUE}))


def around(caps_: Caps | None = None, *, today: date = MONDAY) -> Surroundings:
    return Surroundings(today, CALENDAR, caps_ or caps())


def a_duty(
    origin: str, department: DepartmentId = COMMERCE, purpose: VisitKind = VisitKind.CLUE
) -> Duty:
    clue = f"c-{origin}" if purpose is VisitKind.CLUE else None
    return Duty(department, (CODE,), purpose, origin, clue)


def a_need(*duties: Duty, window: Window = WEEK, target: str = "t1") -> Need:
    return Need(TargetId(target), FIRM, CITY, OIL, COMMERCE, window, "站", "路1号", duties)


def planned(need: Need, *near: Visit, id_: str = "v1", on: Surroundings | None = None) -> Visit:
    return plan(need, near, id_=VisitId(id_), around=on or around()).value


ONE_A_YEAR = Cap("cap1", Line("commerce"), PROVINCE, None, 1, date(2025, 1, 1), None)
USED = frozenset({Use(VisitId("v0"), COMMERCE, 2026)})
DRAWN = a_need(a_duty("d1", COMMERCE, VisitKind.DRAWN), a_duty("d1", TAX, VisitKind.DRAWN))


def test_a_requested_visit_is_planned_on_the_first_working_day_of_the_window() -> None:
    need = a_need(a_duty("r1"), window=Window(date(2026, 2, 28), date(2026, 3, 6)))
    decided = plan(need, (), id_=VisitId("v1"), around=around(today=date(2026, 2, 25)))
    # 28 February 2026, a Saturday, is worked for Spring Festival.
    assert decided.value.on == date(2026, 2, 28)
    (fact,) = decided.says
    assert isinstance(fact, VisitPlanned)
    assert (fact.requests, fact.kind_) == (("r1",), VisitKind.CLUE)


@covers("R9.8", "R18.3")
def test_a_request_is_merged_into_a_drawn_visit_at_the_same_place() -> None:
    drawn = planned(replace(DRAWN, window=Window(MONDAY, NEXT_WEEK.last)))
    both = planned(a_need(a_duty("r1", TAX)), drawn, id_="v2")
    assert both.id == "v1"
    assert both.kind is VisitKind.MERGED
    assert (both.requests, both.draws, both.on) == (("r1",), ("d1",), drawn.on)
    assert both.separate_visits == 3


def test_a_merged_visit_moves_into_the_window_of_the_request() -> None:
    drawn = planned(replace(DRAWN, window=Window(MONDAY, NEXT_WEEK.last)))
    both = planned(a_need(a_duty("r1"), window=NEXT_WEEK), drawn)
    assert both.on == NEXT_WEEK.first
    assert both.window == NEXT_WEEK


def test_what_was_approved_is_approved_again_when_more_is_checked() -> None:
    approved = replace(planned(a_need(a_duty("r1"))), state=State.NOTIFIED)
    again = planned(a_need(a_duty("r2", TAX)), approved)
    assert again.state is State.PLANNED
    assert again.departments == (COMMERCE, TAX)


def test_a_visit_under_way_takes_no_further_request() -> None:
    started = replace(planned(a_need(a_duty("r1"))), state=State.STARTED)
    assert planned(a_need(a_duty("r2")), started, id_="v2").id == "v2"


def test_a_drawn_team_stands_before_a_named_one() -> None:
    member = Member(InspectorId("i1"), "王", "1", date(2027, 1, 1))
    named = replace(planned(a_need(a_duty("r1"))), teams=(Team(COMMERCE, (member,)),))
    drawn = Team(COMMERCE, (replace(member, inspector=InspectorId("i2")),), drawn=True)
    assert planned(replace(DRAWN, teams=(drawn,)), named).team(COMMERCE) == drawn
    held = replace(named, teams=(drawn,))
    assert planned(replace(DRAWN, teams=(Team(COMMERCE, (member,)),)), held).teams == (drawn,)


def test_a_window_without_a_working_day_left_is_refused() -> None:
    weekend = Window(date(2026, 3, 7), date(2026, 3, 8))
    with pytest.raises(WindowWithoutWorkingDay):
        planned(a_need(a_duty("r1"), window=weekend))
    with pytest.raises(WindowWithoutWorkingDay):
        planned(a_need(a_duty("r1")), on=around(today=date(2026, 3, 7)))
    with pytest.raises(WindowTooLong):
        planned(a_need(a_duty("r1"), window=Window(MONDAY, date(2126, 3, 2))))


@covers("R9.5")
def test_a_department_without_two_certified_inspectors_does_not_come() -> None:
    need = a_need(a_duty("r1"), a_duty("r1", TAX))
    left = able(need, [COMMERCE, COMMERCE, TAX], least=2)
    assert [duty.department for duty in left.duties] == [COMMERCE]
    assert [one.code for one in left.left_out] == ["visit-too-few-inspectors"]
    with pytest.raises(NobodyCanCome):
        able(need, [COMMERCE, TAX], least=2)


@covers("R9.6")
def test_a_department_whose_cap_is_used_up_loses_its_seat_and_the_others_come() -> None:
    visit = planned(DRAWN, on=around(caps(ONE_A_YEAR, used=USED)))
    assert visit.departments == (TAX,)
    assert [(one.department, one.code) for one in visit.left_out] == [
        (COMMERCE, "visit-cap-used-up")
    ]


@covers("R9.6")
def test_where_every_cap_is_used_up_nobody_comes_and_a_draw_leaves_its_trace() -> None:
    alone = a_need(a_duty("d1", COMMERCE, VisitKind.DRAWN))
    full = around(caps(ONE_A_YEAR, used=USED))
    with pytest.raises(CapUsedUp):
        planned(alone, on=full)
    decided = plan_drawn(alone, (), id_=VisitId("v1"), around=full)
    assert (decided.value.state, decided.says) == (State.DROPPED, ())
    assert decided.value.left_out[0].code == "visit-cap-used-up"


@covers("R9.6")
def test_a_check_that_a_clue_began_stands_outside_the_cap() -> None:
    visit = planned(a_need(a_duty("r1")), on=around(caps(ONE_A_YEAR, used=USED)))
    assert visit.departments == (COMMERCE,)


def test_another_years_visits_and_other_agencies_do_not_count() -> None:
    others = frozenset({Use(VisitId("v0"), COMMERCE, 2025), Use(VisitId("v9"), TAX, 2026)})
    assert planned(DRAWN, on=around(caps(ONE_A_YEAR, used=others))).departments == (COMMERCE, TAX)


def test_the_nearest_regions_cap_holds_and_there_the_items_own() -> None:
    city = replace(ONE_A_YEAR, cap="cap2", region=CITY, per_year=2)
    own = replace(city, cap="cap3", item=OIL, per_year=3)
    known = caps(ONE_A_YEAR, city, own)
    assert known.of(COMMERCE, item=OIL, on=MONDAY) == own
    assert known.of(COMMERCE, item=None, on=MONDAY) == city
    assert known.of(TAX, item=OIL, on=MONDAY) is None
    ended = replace(city, to=MONDAY)
    assert caps(ONE_A_YEAR, ended).of(COMMERCE, item=OIL, on=MONDAY) == ONE_A_YEAR


def test_merging_into_a_visit_that_counts_already_uses_no_more_of_the_cap() -> None:
    first = planned(DRAWN)
    used = frozenset({Use(first.id, COMMERCE, 2026)})
    again = a_need(a_duty("own", COMMERCE, VisitKind.DAILY))
    merged = planned(again, first, id_="v2", on=around(caps(ONE_A_YEAR, used=used)))
    assert merged.id == first.id
    assert merged.separate_visits == 3


@covers("R9.6")
def test_two_targets_of_one_entity_in_one_draw_share_the_cap() -> None:
    needs = [
        (replace(DRAWN, target=TargetId(target)), VisitId(f"v-{target}")) for target in ("t1", "t2")
    ]
    here: dict[tuple[RegionId, EntityId | None], Surroundings] = {
        (CITY, FIRM): around(caps(ONE_A_YEAR))
    }
    first, second = (one.value for one in plan_all(needs, {}, here))
    assert first.departments == (COMMERCE, TAX)
    assert second.departments == (TAX,)
    assert [one.code for one in second.left_out] == ["visit-cap-used-up"]


def test_who_attends_is_counted_once_a_visit_and_purpose_and_never_for_a_dropped_one() -> None:
    both = planned(a_need(a_duty("r1"), a_duty("r2")), planned(DRAWN), id_="v2")
    found = [(one.department, one.purpose) for one in attended(both)]
    assert found == [
        (COMMERCE, VisitKind.CLUE),
        (COMMERCE, VisitKind.DRAWN),
        (TAX, VisitKind.DRAWN),
    ]
    assert [use.department for use in uses(both, caps())] == [COMMERCE, TAX]
    assert attended(replace(both, state=State.DROPPED)) == []


@covers("R18.3")
def test_the_summary_sums_by_kind_and_leaves_out_what_was_dropped() -> None:
    drawn = Counted(
        kind=VisitKind.DRAWN,
        elsewhere=False,
        state=State.PLANNED,
        visits=3,
        separate_visits=6,
        drawn_and_clue=0,
    )
    made = replace(drawn, state=State.FINISHED, visits=1, separate_visits=2)
    merged = replace(drawn, kind=VisitKind.MERGED, visits=1, separate_visits=4, drawn_and_clue=1)
    past = replace(made, elsewhere=True, visits=5, separate_visits=5)
    dropped = replace(drawn, state=State.DROPPED, visits=2, separate_visits=4)
    found = summed([drawn, made, dropped, merged, past])
    assert (found.visits, found.made, found.separate_visits, found.saved) == (10, 6, 17, 7)
    assert (found.drawn_and_clue, found.dropped) == (1, 2)
    assert [(one.kind, one.elsewhere, one.visits, one.made) for one in found.kinds] == [
        ("drawn", False, 4, 1),
        ("drawn", True, 5, 5),
        ("merged", False, 1, 0),
    ]


WINDOWS = st.tuples(st.integers(0, 30), st.integers(0, 14)).map(
    lambda pair: Window(
        MONDAY + timedelta(days=pair[0]), MONDAY + timedelta(days=pair[0] + pair[1])
    )
)
NEEDS = st.lists(
    st.tuples(
        WINDOWS,
        st.sampled_from([COMMERCE, TAX]),
        st.sampled_from([VisitKind.CLUE, VisitKind.DRAWN]),
        st.sampled_from(["t1", "t2"]),
    ),
    max_size=12,
)


def after_all(
    needs: list[tuple[Window, DepartmentId, VisitKind, str]],
) -> tuple[dict[str, Visit], set[str]]:
    """Plan one need after the other; give the visits and the origins that were planned."""
    visits: dict[str, Visit] = {}
    taken: set[str] = set()
    for number, (window, department, purpose, target) in enumerate(needs):
        need = a_need(a_duty(f"o{number}", department, purpose), window=window, target=target)
        near = [one for one in visits.values() if one.target == target]
        try:
            visit = planned(need, *near, id_=f"v{number}")
        except WindowWithoutWorkingDay:
            continue
        visits[visit.id] = visit
        taken.add(f"o{number}")
    return visits, taken


@covers("R18.3")
@given(needs=NEEDS)
def test_merging_never_loses_a_request(
    needs: list[tuple[Window, DepartmentId, VisitKind, str]],
) -> None:
    visits, taken = after_all(needs)
    answered = [duty.origin for visit in visits.values() for duty in visit.duties]
    assert sorted(answered) == sorted(taken)
    for visit in visits.values():
        assert set(visit.requests) | set(visit.draws) == {duty.origin for duty in visit.duties}


@covers("R18.3")
@given(needs=NEEDS)
def test_nobody_is_visited_twice_in_a_window_where_one_visit_would_do(
    needs: list[tuple[Window, DepartmentId, VisitKind, str]],
) -> None:
    visits, _ = after_all(needs)
    for one, other in combinations(visits.values(), 2):
        if one.target == other.target and {one.state, other.state} <= OPEN:
            both = one.window.within(other.window)
            assert first_working_day(both, MONDAY, CALENDAR) is None


@given(needs=NEEDS)
def test_a_visit_is_made_on_a_working_day_inside_every_window_that_it_serves(
    needs: list[tuple[Window, DepartmentId, VisitKind, str]],
) -> None:
    visits, _ = after_all(needs)
    for visit in visits.values():
        assert CALENDAR.working(visit.on)
        for duty in visit.duties:
            window = needs[int(duty.origin[1:])][0]
            assert window.first <= visit.on <= window.last
