"""A clue: who may do what with it, when, and what is announced."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.clue_dispatch import matters
from tests.unit.clue_dispatch.matters import (
    ADMIN,
    BY_WARNING,
    CODES,
    COMMERCE,
    HOTLINE,
    HOUR,
    LEAD,
    MOVES,
    NOWHERE,
    REQUEST,
    ROUTE,
    STRANGER,
    TAX,
    TAXMAN,
    TERMS,
    TUESDAY,
    WINDOW,
)

from clue_dispatch.clue.domain import answering, handling
from clue_dispatch.clue.domain.handling import Window
from clue_dispatch.clue.domain.matter import ActedBefore, Clue, NotYourClue
from clue_dispatch.clue.domain.registering import route_again, sighting
from contracts.clue_dispatch import (
    ClueClosed,
    ClueDispatched,
    ClueState,
    Conclusion,
    RequestId,
    Task,
    VisitRequested,
    VisitState,
    Wanted,
)
from contracts.credit_service import EntityId
from contracts.errors import Refusal
from contracts.item_registry import DepartmentId, RegionId
from contracts.risk_monitor import Outcome
from contracts.roles import Role
from kit.codes import Fault
from kit.testing import covers
from kit.workdays import NATIONAL


@covers("R10.3")
def test_a_clue_is_owned_by_the_matrix_lead_from_its_first_moment() -> None:
    clue = matters.registered()
    assert clue.owner == COMMERCE
    assert clue.turn is not None
    assert (clue.turn.task, clue.turn.departments, clue.turn.role) == (
        Task.DISPATCH,
        (COMMERCE,),
        Role.LEAD,
    )
    assert clue.due is not None
    assert clue.due.at == datetime(2026, 3, 4, 16, tzinfo=UTC)  # 24:00 of 4 March in Shanghai


def test_where_the_matrix_names_nobody_the_department_that_brought_it_keeps_it() -> None:
    assert matters.registered(route=NOWHERE).owner == HOTLINE


def test_a_clue_of_a_warning_that_nobody_leads_waits_until_the_matrix_names_one() -> None:
    clue = matters.registered(BY_WARNING, NOWHERE)
    assert clue.owner is None
    assert route_again(clue, ROUTE).value.owner == COMMERCE


def test_the_first_step_of_a_warning_is_its_assessment() -> None:
    clue = matters.registered(BY_WARNING)
    assert clue.turn is not None
    assert clue.turn.task is Task.ASSESS
    valid = answering.assessed(clue, Outcome.VALID, at=TUESDAY).value
    assert valid.turn is not None
    assert valid.turn.task is Task.DISPATCH


def test_a_persons_number_is_never_announced() -> None:
    fault = Fault("code-person", "code", "330***", "18 | 15 | 13")
    said = sighting(
        EntityId("prov-1"), source="s", region=RegionId("330106"), raw="33010619900101", fault=fault
    )
    assert said.raw is None


@covers("R10.3")
def test_dispatching_says_who_why_and_due_when() -> None:
    decided = handling.dispatch(
        matters.registered(), route=ROUTE, by=LEAD, terms=TERMS, calendar=NATIONAL, at=TUESDAY
    )
    (said,) = decided.says
    assert isinstance(said, ClueDispatched)
    assert (said.lead, said.cooperators, said.item_version) == (COMMERCE, (TAX,), 3)
    assert said.reason.duties == ("oil-commerce", "oil-tax")
    assert said.reason.chain == ROUTE.chain
    assert said.sign_due == datetime(2026, 3, 4, 16, tzinfo=UTC)
    assert said.verify_due == datetime(2026, 3, 24, 16, tzinfo=UTC)


def test_an_admin_may_dispatch_and_a_stranger_may_not() -> None:
    clue = matters.registered()
    with pytest.raises(NotYourClue):
        handling.dispatch(
            clue, route=ROUTE, by=STRANGER, terms=TERMS, calendar=NATIONAL, at=TUESDAY
        )
    by_admin = handling.dispatch(
        clue, route=ROUTE, by=ADMIN, terms=TERMS, calendar=NATIONAL, at=TUESDAY
    )
    assert by_admin.value.state is ClueState.DISPATCHED


def test_a_matrix_without_a_lead_dispatches_nothing() -> None:
    clue = matters.registered(route=NOWHERE)
    by = replace(LEAD, department=HOTLINE)
    with pytest.raises(handling.Unroutable) as no:
        handling.dispatch(clue, route=NOWHERE, by=by, terms=TERMS, calendar=NATIONAL, at=TUESDAY)
    assert no.value.facts["problems"] == ("responsibility-no-lead",)


@covers("R10.3")
def test_only_the_lead_department_signs() -> None:
    with pytest.raises(NotYourClue):
        handling.sign(matters.dispatched(), by=TAXMAN, at=TUESDAY)
    assert handling.sign(matters.dispatched(), by=LEAD, at=TUESDAY).value.state is ClueState.SIGNED


def test_nothing_is_done_before_what_it_follows_from() -> None:
    with pytest.raises(ActedBefore):
        handling.sign(matters.dispatched(), by=LEAD, at=TUESDAY - HOUR)


@covers("R10.3")
def test_a_return_cites_its_basis_and_goes_back_to_who_dispatched() -> None:
    clue = matters.dispatched()
    with pytest.raises(handling.ReturnWithoutBasis):
        handling.send_back(
            clue, by=LEAD, basis=" ", terms=TERMS, calendar=NATIONAL, at=TUESDAY + HOUR
        )
    decided = handling.send_back(
        clue, by=LEAD, basis="三定规定第四条", terms=TERMS, calendar=NATIONAL, at=TUESDAY + HOUR
    )
    back = decided.value
    assert (back.state, back.lead, back.owner) == (ClueState.REGISTERED, None, COMMERCE)
    assert (back.sign_due, back.verify_due, back.returns) == (None, None, 1)


def test_nothing_is_returned_after_the_sign_window() -> None:
    clue = matters.dispatched()
    assert clue.sign_due is not None
    with pytest.raises(handling.ReturnTooLate):
        handling.send_back(
            clue, by=LEAD, basis="…", terms=TERMS, calendar=NATIONAL, at=clue.sign_due.at
        )


def test_a_signed_clue_cannot_be_returned() -> None:
    with pytest.raises(handling.NotDispatched):
        handling.send_back(
            matters.signed(), by=LEAD, basis="…", terms=TERMS, calendar=NATIONAL, at=TUESDAY + HOUR
        )


@covers("R10.4")
def test_one_visit_is_asked_for_all_departments_with_all_item_codes() -> None:
    decided = handling.request_visit(
        matters.signed(), REQUEST, WINDOW, by=LEAD, terms=TERMS, at=TUESDAY + HOUR
    )
    (said,) = decided.says
    assert isinstance(said, VisitRequested)
    assert [(one.department, one.codes14) for one in said.departments] == [
        (COMMERCE, CODES),
        (TAX, CODES),
    ]
    assert said.reason == "hand"  # a class, not the words of a person
    turn = decided.value.turn
    assert turn is not None
    assert (turn.task, turn.departments) == (Task.VISIT, (COMMERCE, TAX))


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        (date(2026, 3, 2), date(2026, 3, 5)),
        (date(2026, 3, 5), date(2026, 3, 4)),
        (date(2026, 3, 4), date(2026, 4, 3)),
    ],
)
def test_a_window_lies_ahead_and_is_not_too_long(begin: date, end: date) -> None:
    with pytest.raises(handling.WindowImpossible):
        handling.request_visit(
            matters.signed(),
            REQUEST,
            Window(begin, end),
            by=LEAD,
            terms=TERMS,
            at=TUESDAY + HOUR,
        )


def test_only_parties_and_codes_of_the_item_are_asked_into_a_visit() -> None:
    stranger = Wanted(department=DepartmentId("fire-330100"), codes14=CODES)
    foreign = Wanted(department=TAX, codes14=("99999999999999",))
    for wanted, no in (
        (stranger, handling.NotTakingPart),
        (foreign, handling.CodeNotOfItem),
    ):
        with pytest.raises(no):
            handling.request_visit(
                matters.signed(),
                REQUEST,
                replace(WINDOW, departments=(wanted,)),
                by=LEAD,
                terms=TERMS,
                at=TUESDAY + HOUR,
            )


@covers("R10.6")
def test_while_a_visit_is_open_no_second_one_is_asked_and_nothing_is_concluded() -> None:
    clue = matters.verifying()
    at = TUESDAY + 3 * HOUR
    with pytest.raises(handling.VisitOpen):
        handling.request_visit(clue, RequestId("r-2"), WINDOW, by=LEAD, terms=TERMS, at=at)
    with pytest.raises(handling.VisitOpen):
        handling.conclude(clue, Conclusion.CONFIRMED, "…", by=LEAD, at=at)
    with pytest.raises(handling.VisitOpen):
        handling.give_feedback(clue, "…", by=LEAD, at=at)


def test_a_refused_visit_gives_the_turn_back_to_the_lead() -> None:
    clue = answering.visit_refused(
        matters.verifying(), REQUEST, code="visit-cap", reason="本年检查已达上限"
    ).value
    assert clue.turn is not None
    assert (clue.turn.task, clue.turn.departments) == (Task.VERIFY, (COMMERCE,))
    assert clue.visits[0].code == "visit-cap"


@covers("R9.10", "R10.4")
@given(order=st.permutations(["plan", "result", "finish"]))
def test_a_visit_answers_its_clue_in_whatever_order_its_events_come(order: list[str]) -> None:
    clue = matters.verifying()
    for name in order:
        clue = MOVES[name](clue, TUESDAY + 3 * HOUR)
    assert clue.state is ClueState.ANSWERED
    assert (clue.visits[0].state, clue.visits[0].results) == (VisitState.FINISHED, ("x-1",))


def test_a_visit_without_result_leaves_the_answer_to_the_lead() -> None:
    clue = answering.visit_finished(matters.verifying(), REQUEST, visit="v-1").value
    assert clue.state is ClueState.VERIFYING
    assert clue.turn is not None
    assert clue.turn.task is Task.VERIFY


def test_a_cooperators_feedback_is_noted_and_moves_nothing() -> None:
    clue = matters.signed()
    noted = handling.give_feedback(clue, "税务已核", by=TAXMAN, at=TUESDAY + HOUR).value
    assert (noted.state, noted.feedback) == (ClueState.SIGNED, None)
    with pytest.raises(NotYourClue):
        handling.give_feedback(clue, "…", by=STRANGER, at=TUESDAY + HOUR)


@covers("R10.5")
def test_a_clue_is_concluded_only_after_its_verification_has_a_result() -> None:
    with pytest.raises(handling.NotAnswered):
        handling.conclude(matters.signed(), Conclusion.UNFOUNDED, "…", by=LEAD, at=TUESDAY + HOUR)
    decided = handling.conclude(
        matters.answered(), Conclusion.CONFIRMED, "现场笔录", by=LEAD, at=TUESDAY + 3 * HOUR
    )
    (said,) = decided.says
    assert isinstance(said, ClueClosed)
    assert (said.conclusion, said.closed_on) == (Conclusion.CONFIRMED, date(2026, 3, 3))
    assert (decided.value.approved_by, decided.value.evidence) == (LEAD.id, "现场笔录")
    assert decided.value.turn is None


def test_what_no_warning_raised_does_not_end_as_a_false_warning() -> None:
    with pytest.raises(handling.ConclusionImpossible):
        handling.conclude(
            matters.answered(), Conclusion.FALSE_WARNING, "…", by=LEAD, at=TUESDAY + 3 * HOUR
        )


@pytest.mark.parametrize(
    ("outcome", "conclusion"),
    [
        (Outcome.FALSE, Conclusion.FALSE_WARNING),
        (Outcome.DUPLICATE, Conclusion.DUPLICATE),
    ],
)
def test_a_false_or_duplicate_warning_closes_its_clue(
    outcome: Outcome, conclusion: Conclusion
) -> None:
    decided = answering.assessed(matters.registered(BY_WARNING), outcome, at=TUESDAY)
    assert (decided.value.state, decided.value.conclusion) == (ClueState.CLOSED, conclusion)
    assert [type(fact) for fact in decided.says] == [ClueClosed]


def test_a_warning_found_false_while_a_visit_is_open_waits_for_the_visit() -> None:
    decided = answering.assessed(matters.verifying(), Outcome.FALSE, at=TUESDAY + 3 * HOUR)
    assert (decided.value.state, decided.says) == (ClueState.VERIFYING, ())


def test_a_watched_warning_keeps_its_clue() -> None:
    watched = answering.assessed(matters.registered(BY_WARNING), Outcome.WATCH, at=TUESDAY)
    assert watched.value.state is ClueState.REGISTERED


def _walk(names: list[str], hours: list[int]) -> list[Clue]:
    """Do what can be done of some moves, each a while after the one before."""
    at = TUESDAY
    clues = [matters.registered(BY_WARNING)]
    for name, hour in zip(names, hours, strict=True):
        at += timedelta(hours=hour)
        try:
            clues.append(MOVES[name](clues[-1], at))
        except Refusal:
            continue
    return clues


WALKS = st.lists(
    st.tuples(st.sampled_from(sorted(MOVES)), st.integers(0, 60)), min_size=1, max_size=30
).map(lambda steps: ([name for name, _ in steps], [hour for _, hour in steps]))


@given(walk=WALKS)
def test_nothing_leaves_a_closed_clue(walk: tuple[list[str], list[int]]) -> None:
    ended = False
    for clue in _walk(*walk):
        assert not ended or clue.state is ClueState.CLOSED
        ended = clue.state is ClueState.CLOSED
        assert ended == (clue.turn is None) == (clue.due is None)


@given(walk=WALKS)
def test_no_due_time_lies_before_the_act_that_it_follows_from(
    walk: tuple[list[str], list[int]],
) -> None:
    for before, after in _pairs(_walk(*walk)):
        for due in (after.dispatch_due, after.sign_due, after.verify_due):
            known = (before.dispatch_due, before.sign_due, before.verify_due)
            assert due is None or due in known or due.at > after.moved_on
        assert after.moved_on >= before.moved_on
        assert after.version == before.version + 1


@given(walk=WALKS)
def test_every_open_clue_has_an_owner_and_every_dispatched_one_a_lead(
    walk: tuple[list[str], list[int]],
) -> None:
    for clue in _walk(*walk):
        if clue.state is not ClueState.CLOSED:
            assert clue.owner is not None
            assert (clue.lead is None) == (clue.state is ClueState.REGISTERED)


@given(walk=WALKS)
def test_at_most_one_visit_is_open(walk: tuple[list[str], list[int]]) -> None:
    for clue in _walk(*walk):
        assert sum(visit.open for visit in clue.visits) <= 1


def _pairs(clues: list[Clue]) -> list[tuple[Clue, Clue]]:
    return list(pairwise(clues))
