"""The steps of a visit, from approval to publication: teams, certificates, results."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.credit_service import EntityId
from contracts.item_registry import DepartmentId, ItemId, RegionId
from contracts.joint_inspection import (
    Category,
    Disposal,
    InspectorId,
    PublicationId,
    PublicationKind,
    ResultId,
    ResultRecorded,
    TargetId,
    VisitFinished,
    VisitId,
    VisitKind,
)
from joint_inspection.publication import domain as publication
from joint_inspection.visit.domain import past, results, steps
from joint_inspection.visit.domain.results import (
    CategoriesMissing,
    Finding,
    InspectedOutside,
    NoProblemExcludes,
    NotChecked,
    NotOfTheTeam,
    RecordedAlready,
    Result,
    categories_of,
)
from joint_inspection.visit.domain.steps import (
    CertificateInvalid,
    CertificatesNotShown,
    InspectorRecused,
    InspectorUnknown,
    NotYourVisit,
    Officer,
    ResultsMissing,
    StepBeforeLast,
    TeamDrawn,
    TeamNotYours,
    TeamsMissing,
    TeamTooSmall,
    VisitNotInState,
)
from joint_inspection.visit.domain.visits import Duty, Member, State, Team, Visit, Window
from kit.deadlines import Term, Unit, due
from kit.testing import covers
from kit.workdays import Calendar

DAY = date(2026, 3, 2)
COMMERCE = DepartmentId("commerce-330100")
TAX = DepartmentId("tax-330100")
A, B = "33010000000001", "33010000000002"
FIRM = EntityId("uscc-91330000668306747T")
PLANNED = Visit(
    id=VisitId("v1"),
    target=TargetId("t1"),
    subject=FIRM,
    region=RegionId("330106"),
    item=ItemId("refined-oil"),
    lead=COMMERCE,
    state=State.PLANNED,
    on=DAY,
    window=Window(DAY, DAY),
    name="站",
    address="",
    duties=(
        Duty(COMMERCE, (A,), VisitKind.CLUE, "r1", "c1"),
        Duty(COMMERCE, (A, B), VisitKind.DRAWN, "d1"),
        Duty(TAX, (B,), VisitKind.CLUE, "r1", "c1"),
    ),
)


def officer(number: int, department: DepartmentId, *, recused: bool = False) -> Officer:
    id_ = InspectorId(f"i{number}")
    valid_until = date(2026, 1, 1) if number > 8 else date(2027, 1, 1)
    return Officer(Member(id_, "王", f"33{number}", valid_until), department, recused)


OFFICERS = {
    one.member.inspector: one
    for one in (
        officer(1, COMMERCE),
        officer(2, COMMERCE),
        officer(3, TAX),
        officer(4, TAX),
        officer(5, TAX, recused=True),
        officer(9, TAX),
    )
}


def ids(*numbers: int) -> tuple[InspectorId, ...]:
    return tuple(InspectorId(f"i{number}") for number in numbers)


def approved_by(
    by: DepartmentId, teams: dict[DepartmentId, tuple[InspectorId, ...]], visit: Visit = PLANNED
) -> Visit:
    return steps.approve(visit, by=by, teams=teams, officers=OFFICERS, least=2).value


BOTH = {COMMERCE: ids(1, 2), TAX: ids(3, 4)}
APPROVED = approved_by(COMMERCE, BOTH)
NOTIFIED = steps.notify(APPROVED, by=TAX, on=DAY).value
STARTED = steps.start(
    NOTIFIED, by=COMMERCE, shown=frozenset(ids(1, 2, 3, 4)), on=DAY, least=2
).value


@covers("R9.5", "R9.7")
def test_a_department_names_its_team_and_then_the_lead_approves() -> None:
    with pytest.raises(TeamsMissing) as no:
        approved_by(COMMERCE, {COMMERCE: ids(1, 2)})
    assert no.value.facts["departments"] == [TAX]
    named = approved_by(TAX, {TAX: ids(3, 4)})
    assert named.state is State.PLANNED
    assert approved_by(COMMERCE, {COMMERCE: ids(1, 2)}, named).state is State.APPROVED


def test_nobody_names_the_team_of_another_but_the_lead() -> None:
    with pytest.raises(TeamNotYours):
        approved_by(TAX, {COMMERCE: ids(1, 2)})
    with pytest.raises(NotYourVisit):
        approved_by(DepartmentId("fire-330100"), {})


@covers("R9.5")
def test_a_team_has_two_certified_inspectors_of_the_department_without_recusal() -> None:
    with pytest.raises(TeamTooSmall):
        approved_by(TAX, {TAX: ids(3, 3)})
    with pytest.raises(InspectorUnknown):
        approved_by(TAX, {TAX: ids(1, 3)})
    with pytest.raises(InspectorRecused):
        approved_by(TAX, {TAX: ids(3, 5)})
    with pytest.raises(CertificateInvalid):
        approved_by(TAX, {TAX: ids(3, 9)})


def test_a_drawn_team_is_not_replaced_and_an_empty_seat_is_filled() -> None:
    members = tuple(OFFICERS[id_].member for id_ in ids(3, 4))
    whole = replace(PLANNED, teams=(Team(TAX, members, drawn=True),))
    with pytest.raises(TeamDrawn):
        approved_by(TAX, {TAX: ids(3, 4)}, whole)
    short = replace(PLANNED, teams=(Team(TAX, members[:1], drawn=True),))
    team = approved_by(TAX, {TAX: ids(4)}, short).team(TAX)
    assert team == Team(TAX, members, drawn=True)


@covers("R9.7")
def test_no_check_without_approval_and_notice() -> None:
    with pytest.raises(VisitNotInState):
        steps.notify(PLANNED, by=COMMERCE, on=DAY)
    with pytest.raises(VisitNotInState):
        steps.start(APPROVED, by=COMMERCE, shown=frozenset(), on=DAY, least=2)


def test_no_step_is_taken_before_the_day_of_the_step_before_it() -> None:
    with pytest.raises(StepBeforeLast) as no:
        steps.start(NOTIFIED, by=COMMERCE, shown=frozenset(), on=DAY - timedelta(days=1), least=2)
    assert no.value.facts["expected"] == f"≥ {DAY}"
    with pytest.raises(StepBeforeLast):
        steps.finish(STARTED, by=TAX, given=GIVEN, at=AT - timedelta(days=400), publish_due=DUE)


@covers("R9.5")
def test_two_of_each_department_show_valid_certificates() -> None:
    def start(*numbers: int, on: date = DAY) -> Visit:
        shown = frozenset(ids(*numbers))
        return steps.start(NOTIFIED, by=COMMERCE, shown=shown, on=on, least=2).value

    with pytest.raises(CertificatesNotShown) as no:
        start(1, 2, 3)
    assert no.value.facts["department"] == TAX
    with pytest.raises(InspectorUnknown):
        start(1, 2, 3, 4, 9)
    with pytest.raises(CertificateInvalid):
        start(1, 2, 3, 4, on=date(2027, 1, 2))


def found(code: str = A, department: DepartmentId = COMMERCE) -> Finding:
    inspectors = ids(1, 2) if department == COMMERCE else ids(3, 4)
    return Finding(
        department, code, (Category.CORRECTION_ORDERED,), Disposal.CORRECT, None, inspectors, DAY
    )


def record(
    finding: Finding, known: frozenset[tuple[DepartmentId, str]] = frozenset(), id_: str = "x"
) -> Result:
    return results.record(
        STARTED, finding, id_=ResultId(id_), known=known, today=DAY, least=2
    ).value


@covers("R9.8", "R9.10")
def test_a_result_says_whether_it_answers_a_request_a_draw_or_both() -> None:
    decided = results.record(
        STARTED, found(), id_=ResultId("x"), known=frozenset(), today=DAY, least=2
    )
    (fact,) = decided.says
    assert isinstance(fact, ResultRecorded)
    assert (fact.request, fact.draw, fact.requests) == ("r1", "d1", ("r1",))
    assert record(found(B)).requests == ()
    assert record(found(B)).draw == "d1"


def test_a_result_names_the_item_that_its_code_is_checked_under() -> None:
    gas = ItemId("gas")
    duties = (*PLANNED.duties, Duty(TAX, (A,), VisitKind.DRAWN, "d2", item=gas))
    merged = replace(STARTED, duties=duties)
    for code, item in ((A, gas), (B, PLANNED.item)):
        decided = results.record(
            merged, found(code, TAX), id_=ResultId("x"), known=frozenset(), today=DAY, least=2
        )
        assert decided.value.item == item
        (fact,) = decided.says
        assert isinstance(fact, ResultRecorded)
        assert fact.item == item


def test_a_result_is_of_a_code_and_of_inspectors_of_the_department() -> None:
    with pytest.raises(NotChecked):
        record(found(A, TAX))
    with pytest.raises(NotYourVisit):
        record(replace(found(), department=DepartmentId("fire-330100")))
    with pytest.raises(NotOfTheTeam):
        record(replace(found(), inspectors=ids(1, 3)))
    with pytest.raises(TeamTooSmall):
        record(replace(found(), inspectors=ids(1)))
    with pytest.raises(InspectedOutside):
        record(replace(found(), inspected_on=date(2026, 3, 3)))
    with pytest.raises(RecordedAlready):
        record(found(), frozenset({(COMMERCE, A)}))
    with pytest.raises(VisitNotInState):
        results.record(NOTIFIED, found(), id_=ResultId("x"), known=frozenset(), today=DAY, least=2)


@covers("R9.8")
@given(given_=st.lists(st.sampled_from(list(Category)), max_size=6))
def test_a_result_is_never_both_no_problem_and_another(given_: list[Category]) -> None:
    try:
        kept = categories_of(given_)
    except CategoriesMissing:
        assert not given_
    except NoProblemExcludes:
        assert Category.NO_PROBLEM in given_
        assert len(set(given_)) > 1
    else:
        assert set(kept) == set(given_)
        assert kept == (Category.NO_PROBLEM,) or Category.NO_PROBLEM not in kept


AT = datetime(2026, 3, 2, 8, tzinfo=UTC)
DUE = due(AT, Term(Unit.WORKING_DAY, 20), Calendar())
GIVEN = frozenset({(COMMERCE, A), (COMMERCE, B), (TAX, B)})


@covers("R9.8", "R9.9")
def test_a_visit_ends_when_all_results_are_in_and_says_what_it_saved() -> None:
    with pytest.raises(ResultsMissing) as no:
        steps.finish(STARTED, by=TAX, given=GIVEN - {(TAX, B)}, at=AT, publish_due=DUE)
    assert no.value.facts["missing"] == [f"{TAX} {B}"]
    decided = steps.finish(STARTED, by=TAX, given=GIVEN, at=AT, publish_due=DUE)
    (fact,) = decided.says
    assert isinstance(fact, VisitFinished)
    assert (fact.separate_visits, fact.requests) == (3, ("r1",))
    # Twenty working days after 2 March 2026, with its last day complete: until 31 March 00:00.
    assert decided.value.publish_due_at == datetime(2026, 3, 30, 16, tzinfo=UTC)


FINISHED = steps.finish(STARTED, by=TAX, given=GIVEN, at=AT, publish_due=DUE).value


@covers("R9.9")
def test_what_is_published_names_no_inspector_and_no_finding_in_words() -> None:
    one = record(replace(found(), findings="油罐区堆放杂物"))
    content = publication.result_content(FINISHED, [one], "某公司")
    assert content["subject_name"] == "某公司"
    assert set(content["results"][0]) == {"department", "code14", "categories", "inspected_on"}
    assert "王" not in str(content)
    assert "油罐区" not in str(content)


def test_a_provisional_subject_is_not_named_in_public() -> None:
    unknown = replace(FINISHED, subject=EntityId("prov-0123456789abcdef"))
    assert publication.result_content(unknown, [], "张三")["subject"] is None
    assert publication.result_content(unknown, [], "张三")["subject_name"] is None


def test_results_are_published_once_and_only_when_the_visit_is_over() -> None:
    with pytest.raises(publication.NothingToPublish):
        publication.result_content(STARTED, [], None)
    with pytest.raises(publication.PublishedAlready):
        publication.result_content(replace(FINISHED, published_at=AT), [], None)


@covers("R9.9")
def test_those_who_inspected_publish_or_a_supervisor() -> None:
    def publish(by: DepartmentId, *, supervises: bool = False) -> publication.Publication:
        who = publication.Publishing(PublicationId("p1"), by, supervises, AT)
        kind = PublicationKind.RESULT
        return publication.publish(who, kind, FINISHED, content={}, digest="sha256:0").value

    assert publish(TAX).department == TAX
    justice = DepartmentId("justice-330100")
    assert publish(justice, supervises=True).of == "v1"
    with pytest.raises(publication.NotYoursToPublish):
        publish(justice)


def test_a_past_visit_lies_in_the_past_and_replaces_none_of_ours() -> None:
    made = replace(FINISHED, source="tax-330100")
    past.check(made, made, today=DAY)
    with pytest.raises(past.PastVisitAhead):
        past.check(made, None, today=date(2026, 3, 1))
    with pytest.raises(past.VisitTaken):
        past.check(made, FINISHED, today=DAY)
    with pytest.raises(past.VisitTaken):
        past.check(made, replace(made, source="commerce-330100"), today=DAY)
