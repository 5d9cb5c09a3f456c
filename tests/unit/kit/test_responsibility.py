"""Who leads and who cooperates at a place."""

from dataclasses import dataclass
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from contracts.item_registry import ROOT, DepartmentId, Duty, DutyRole, Line, RegionId, Stage
from kit.responsibility import ProblemCode, Resolution, lines_of, resolve
from kit.testing import covers

PROVINCE, CITY, COUNTY, ZONE = (RegionId(id_) for id_ in ("330000", "330100", "330106", "330191z"))
CHAIN = (COUNTY, CITY, PROVINCE, ROOT)
DAY = date(2026, 3, 3)


@dataclass(frozen=True)
class Agency:
    id: DepartmentId
    line: Line
    territory: tuple[RegionId, ...]
    successor: DepartmentId | None = None


def agency(line: str, *territory: str, successor: str | None = None) -> Agency:
    return Agency(
        DepartmentId(f"{line}-{territory[0]}"),
        Line(line),
        tuple(RegionId(one) for one in territory),
        DepartmentId(successor) if successor else None,
    )


def duty(
    line: str,
    role: str = "cooperate",
    region: str = ROOT,
    *,
    stage: str = "daily",
    since: date | None = None,
    to: date | None = None,
) -> Duty:
    return Duty(
        id=f"{region}_{stage}_{line}_{role}",
        stage=Stage(stage),
        region=RegionId(region),
        line=Line(line),
        role=DutyRole(role),
        basis="成品油流通管理办法",
        from_=since,
        to=to,
    )


NATIONAL = (duty("commerce", "lead"), duty("tax"), duty("market"))
AGENCIES = (
    agency("commerce", "330000"),
    agency("commerce", "330100"),
    agency("tax", "330100", ZONE),
    agency("market", "330106"),
    agency("market", "330100"),
)


def ask(
    duties: tuple[Duty, ...] = NATIONAL,
    *,
    chain: tuple[RegionId, ...] = CHAIN,
    on: date = DAY,
    agencies: tuple[Agency, ...] = AGENCIES,
) -> Resolution:
    return resolve(duties, stage=Stage.DAILY, chain=chain, on=on, agencies=agencies)


def codes(found: Resolution) -> list[ProblemCode]:
    return [one.code for one in found.problems]


@covers("R5.6")
def test_each_line_acts_through_its_agency_nearest_above_the_place() -> None:
    found = ask()
    assert found.lead == "commerce-330100"
    assert found.cooperators == ("market-330106", "tax-330100")
    assert found.chain == CHAIN
    assert found.problems == ()


@covers("R5.1")
def test_the_rows_that_decided_stand_in_the_answer_the_lead_first() -> None:
    assert [one.line for one in ask().duties] == ["commerce", "market", "tax"]


def test_a_place_without_an_office_is_served_by_the_neighbour_who_has_it_in_its_territory() -> None:
    found = ask(chain=(ZONE, PROVINCE, ROOT))
    assert found.lead == "commerce-330000"
    assert found.cooperators == ("tax-330100",)
    assert [(one.code, one.lines) for one in found.problems] == [
        (ProblemCode.NO_AGENCY, ("market",))
    ]


@covers("R5.4")
def test_a_lead_named_by_a_region_replaces_the_national_one() -> None:
    found = ask((*NATIONAL, duty("market", "lead", CITY)))
    assert found.lead == "market-330106"
    assert found.cooperators == ("tax-330100",)
    assert [(one.line, one.region) for one in found.duties] == [("market", CITY), ("tax", ROOT)]


@covers("R5.4")
def test_the_former_lead_cooperates_where_the_region_says_so() -> None:
    local = (duty("market", "lead", CITY), duty("commerce", "cooperate", CITY))
    assert ask(NATIONAL + local).cooperators == ("commerce-330100", "tax-330100")


@covers("R5.4")
def test_a_regions_rows_hold_only_within_it() -> None:
    elsewhere = ask((*NATIONAL, duty("market", "lead", "330200")))
    assert elsewhere.lead == "commerce-330100"


def test_the_nearest_of_several_regions_wins() -> None:
    both = (duty("tax", "lead", PROVINCE), duty("market", "lead", COUNTY))
    assert ask(NATIONAL + both).lead == "market-330106"


@covers("R5.2")
def test_a_stage_that_nobody_leads_is_a_gap() -> None:
    found = ask((duty("tax"), duty("market")))
    assert found.lead is None
    assert codes(found) == [ProblemCode.NO_LEAD]
    assert found.cooperators == ("market-330106", "tax-330100")


@covers("R5.2")
def test_two_lines_leading_equally_near_are_an_overlap_and_nobody_is_guessed() -> None:
    found = ask((*NATIONAL, duty("market", "lead", CITY), duty("tax", "lead", CITY)))
    assert found.lead is None
    assert [(one.code, one.lines) for one in found.problems] == [
        (ProblemCode.TWO_LEADS, ("market", "tax"))
    ]


def test_two_agencies_of_a_line_equally_near_are_a_finding_that_names_both() -> None:
    rival = Agency(DepartmentId("tax-2"), Line("tax"), (CITY,))
    found = ask(agencies=(*AGENCIES, rival))
    assert found.cooperators == ("market-330106",)
    assert [(one.code, one.departments) for one in found.problems] == [
        (ProblemCode.TWO_AGENCIES, ("tax-2", "tax-330100"))
    ]


def test_a_lead_without_an_agency_leaves_no_lead() -> None:
    found = ask(agencies=AGENCIES[2:])
    assert found.lead is None
    assert [(one.code, one.lines) for one in found.problems] == [
        (ProblemCode.NO_AGENCY, ("commerce",))
    ]


def test_a_merged_agency_is_found_as_what_it_became() -> None:
    old = agency("market", "330106", successor="market-330100")
    assert ask(agencies=(*AGENCIES[:3], old, AGENCIES[4])).cooperators[0] == "market-330100"


def test_agencies_merged_into_one_are_one() -> None:
    first = Agency(DepartmentId("a"), Line("tax"), (CITY,), DepartmentId("c"))
    second = Agency(DepartmentId("b"), Line("tax"), (CITY,), DepartmentId("c"))
    heir = Agency(DepartmentId("c"), Line("tax"), (CITY,))
    found = ask((duty("tax", "lead"),), agencies=(first, second, heir))
    assert (found.lead, found.problems) == ("c", ())


def test_agencies_that_name_each_other_as_successor_do_not_go_on_for_ever() -> None:
    first = Agency(DepartmentId("a"), Line("tax"), (COUNTY,), DepartmentId("b"))
    second = Agency(DepartmentId("b"), Line("tax"), (CITY,), DepartmentId("a"))
    assert ask((duty("tax", "lead"),), agencies=(first, second)).lead == "b"


def test_a_row_holds_from_its_first_day_until_the_day_before_its_end() -> None:
    row = (duty("commerce", "lead", since=DAY, to=date(2026, 4, 1)),)
    held = {day: ask(row, on=day).lead is not None for day in (date(2026, 3, 2), DAY)}
    held |= {
        day: ask(row, on=day).lead is not None for day in (date(2026, 3, 31), date(2026, 4, 1))
    }
    assert list(held.values()) == [False, True, True, False]


def test_a_place_outside_the_tree_has_the_national_lines_but_no_agency_is_guessed() -> None:
    found = ask(chain=(RegionId("999999"),))
    assert found.lead is None
    assert [one.line for one in found.duties] == ["commerce", "market", "tax"]
    assert set(codes(found)) == {ProblemCode.PLACE_UNKNOWN, ProblemCode.NO_AGENCY}


def test_only_the_stage_asked_for_counts() -> None:
    assert ask((*NATIONAL, duty("fire", "lead", stage="emergency"))).lead == "commerce-330100"
    assert lines_of((*NATIONAL, duty("fire", stage="emergency")), Stage.EMERGENCY) == ("fire",)


@given(st.permutations((*NATIONAL, duty("market", "lead", CITY), duty("fire", "cooperate", CITY))))
def test_the_order_of_rows_changes_nothing(duties: list[Duty]) -> None:
    found = ask(tuple(duties))
    assert (found.lead, found.cooperators) == ("market-330106", ("tax-330100",))


@given(st.permutations(AGENCIES))
def test_the_order_of_agencies_changes_nothing(agencies: list[Agency]) -> None:
    assert ask(agencies=tuple(agencies)) == ask()
