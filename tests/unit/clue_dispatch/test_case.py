"""A case of penalty: its steps, and how far a penalty may go."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.clue_dispatch import matters
from tests.unit.clue_dispatch.matters import COMMERCE, HOUR, LEAD, STRANGER, TAX, TUESDAY

from clue_dispatch.case.domain import limits, steps
from clue_dispatch.case.domain.proceeding import (
    Case,
    EarlierFine,
    Measure,
    Notice,
    Penalty,
    PenaltyTerms,
    Review,
    Threshold,
)
from clue_dispatch.clue.domain.matter import Official
from contracts.clue_dispatch import (
    CaseId,
    CaseState,
    Investigator,
    PenaltyDecided,
    PenaltyId,
    PenaltyKind,
    ServiceMeans,
    Statement,
    Tier,
)
from contracts.credit_service import EntityKind
from contracts.errors import Refusal
from contracts.item_registry import DepartmentId
from kit.deadlines import Term, Unit
from kit.testing import covers
from kit.workdays import NATIONAL

FIRM = EntityKind.LEGAL_PERSON
HARD = frozenset({PenaltyKind.SUSPENSION, PenaltyKind.REVOCATION})


def thresholds(firm: int, person: int) -> tuple[Threshold, ...]:
    firms = frozenset({EntityKind.LEGAL_PERSON, EntityKind.ORGANISATION})
    persons = frozenset({EntityKind.SOLE_TRADER, EntityKind.PROVISIONAL})
    return (Threshold(firms, firm, HARD, "第六十三条"), Threshold(persons, person, HARD, "…"))


TERMS = PenaltyTerms(
    decide=Term(Unit.CALENDAR_DAY, 90, roll_forward=False),
    serve=Term(Unit.WORKING_DAY, 7),
    investigators=2,
    hearing=thresholds(10_000_000, 1_000_000),
    collective=thresholds(5_000_000, 800_000),
)
OFFICERS = (
    Investigator(person="li", certificate="33010001"),
    Investigator(person="qian", certificate="33010002"),
)
REVIEWER = Official("sun", COMMERCE, None)
FINE = Measure((PenaltyKind.FINE,), fine_fen=300_000)
DAY = date(2026, 3, 3)


def notice(measure: Measure = FINE) -> Notice:
    return Notice("计量作弊", "计量法", measure, Statement.WAIVED, None, DAY)


def penalty(measure: Measure = FINE) -> Penalty:
    return Penalty(PenaltyId("p-1"), measure, Tier.GENERAL, "杭商罚〔2026〕1号", LEAD.id, DAY)


def filed() -> Case:
    decided = steps.file(
        CaseId("k-1"),
        matters.signed(),
        code14="01330100000001",
        act="short-measure",
        by=LEAD,
        terms=TERMS,
        calendar=NATIONAL,
        at=TUESDAY + HOUR,
    )
    return decided.value


Step = Callable[[Case, datetime], Case]
STEPS: dict[str, Step] = {
    "investigate": lambda case, at: (
        steps.investigate(case, OFFICERS, "…", by=LEAD, terms=TERMS, at=at).value
    ),
    "notify": lambda case, at: (
        steps.notify(case, notice(), party=FIRM, by=LEAD, terms=TERMS, at=at).value
    ),
    "review": lambda case, at: (
        steps.review(case, Review("sun", "同意", (), DAY), by=REVIEWER, at=at).value
    ),
    "decide": lambda case, at: decide(case, penalty(), at=at),
    "serve": lambda case, at: steps.serve(case, ServiceMeans.DIRECT, by=LEAD, at=at).value,
}
AFTER = {
    "investigate": CaseState.INVESTIGATED,
    "notify": CaseState.NOTICED,
    "review": CaseState.REVIEWED,
    "decide": CaseState.DECIDED,
    "serve": CaseState.SERVED,
}


def decide(
    case: Case,
    what: Penalty,
    *,
    at: datetime = TUESDAY + HOUR,
    earlier: tuple[EarlierFine, ...] = (),
    party: EntityKind | None = FIRM,
) -> Case:
    return steps.decide(
        case,
        what,
        party=party,
        earlier=earlier,
        by=LEAD,
        terms=TERMS,
        calendar=NATIONAL,
        at=at,
    ).value


def at_state(name: str) -> Case:
    case = filed()
    for step, do in STEPS.items():
        case = do(case, TUESDAY + HOUR)
        if step == name:
            break
    return case


def test_ninety_calendar_days_run_from_filing() -> None:
    assert filed().decide_due.at == datetime(2026, 6, 1, 16, tzinfo=UTC)


def test_only_who_takes_part_in_the_clue_files_and_only_under_verification() -> None:
    for clue, by, no in (
        (matters.signed(), STRANGER, steps.NotYourCase),
        (matters.dispatched(), LEAD, steps.ClueNotVerified),
    ):
        with pytest.raises(no):
            steps.file(
                CaseId("k-2"),
                clue,
                code14="01330100000001",
                act="x",
                by=by,
                terms=TERMS,
                calendar=NATIONAL,
                at=TUESDAY + HOUR,
            )


def test_a_cooperating_department_may_file_and_a_confirmed_clue_may_be_filed_on() -> None:
    decided = steps.file(
        CaseId("k-3"),
        matters.closed(),
        code14="01330100000001",
        act="x",
        by=matters.TAXMAN,
        terms=TERMS,
        calendar=NATIONAL,
        at=TUESDAY + HOUR,
    )
    assert decided.value.department == TAX


@pytest.mark.parametrize(
    "officers",
    [
        OFFICERS[:1],
        (OFFICERS[0], OFFICERS[0]),
        (OFFICERS[0], Investigator(person="li", certificate="33010009")),
    ],
)
def test_two_different_officers_with_certificates_investigate(
    officers: tuple[Investigator, ...],
) -> None:
    with pytest.raises(steps.TooFewInvestigators):
        steps.investigate(filed(), officers, "…", by=LEAD, terms=TERMS, at=TUESDAY + HOUR)


def test_a_heard_statement_stands_in_the_file() -> None:
    heard = replace(notice(), statement=Statement.HEARD)
    with pytest.raises(steps.StatementMissing):
        steps.notify(
            at_state("investigate"), heard, party=FIRM, by=LEAD, terms=TERMS, at=TUESDAY + HOUR
        )


def test_who_investigated_does_not_review() -> None:
    for person in ("li", LEAD.id):
        by = replace(REVIEWER, id=person)
        with pytest.raises(steps.ReviewerInvestigated):
            steps.review(at_state("notify"), Review(person, "…", (), DAY), by=by, at=TUESDAY + HOUR)


def test_nothing_is_decided_before_the_legal_review() -> None:
    with pytest.raises(steps.NotReviewed):
        decide(at_state("notify"), penalty())


def test_a_decision_announces_the_penalty() -> None:
    decided = steps.decide(
        at_state("review"),
        penalty(),
        party=FIRM,
        earlier=(),
        by=LEAD,
        terms=TERMS,
        calendar=NATIONAL,
        at=TUESDAY + HOUR,
    )
    (said,) = decided.says
    assert isinstance(said, PenaltyDecided)
    assert (said.penalty, said.fine_fen, said.tier) == ("p-1", 300_000, Tier.GENERAL)
    assert decided.value.serve_due is not None
    assert decided.value.serve_due.at == datetime(2026, 3, 12, 16, tzinfo=UTC)


def test_no_decision_is_heavier_than_the_notice() -> None:
    more = Measure((PenaltyKind.FINE,), fine_fen=300_001)
    other = Measure((PenaltyKind.FINE, PenaltyKind.WARNING), fine_fen=300_000)
    for measure in (more, other):
        with pytest.raises(limits.HeavierThanNoticed):
            decide(at_state("review"), penalty(measure))


@pytest.mark.parametrize(
    "measure",
    [
        Measure((PenaltyKind.FINE,)),
        Measure((PenaltyKind.WARNING,), fine_fen=1),
        Measure((PenaltyKind.CONFISCATION,)),
    ],
)
def test_amounts_and_kinds_belong_together(measure: Measure) -> None:
    with pytest.raises(limits.AmountImpossible):
        decide(at_state("review"), penalty(measure))


@pytest.mark.parametrize(
    ("measure", "party", "no"),
    [
        (Measure((PenaltyKind.FINE,), 10_000_000), FIRM, limits.HearingNeeded),
        (Measure((PenaltyKind.FINE,), 5_000_000), FIRM, limits.CollectiveNeeded),
        (Measure((PenaltyKind.FINE,), 1_000_000), EntityKind.PROVISIONAL, limits.HearingNeeded),
        (Measure((PenaltyKind.FINE,), 1_000_000), None, limits.HearingNeeded),
        (Measure((PenaltyKind.SUSPENSION,)), FIRM, limits.HearingNeeded),
        (Measure((PenaltyKind.CONFISCATION,), 0, 10_000_000), FIRM, limits.HearingNeeded),
    ],
)
def test_what_needs_a_hearing_or_a_collective_decision_is_refused_with_its_threshold(
    measure: Measure, party: EntityKind | None, no: type[Refusal]
) -> None:
    with pytest.raises(no) as refused:
        steps.notify(
            at_state("investigate"),
            notice(measure),
            party=party,
            by=LEAD,
            terms=TERMS,
            at=TUESDAY + HOUR,
        )
    assert refused.value.facts["law"]
    case = replace(at_state("review"), notice=notice(measure))
    with pytest.raises(no):
        decide(case, penalty(measure), party=party)


EARLIER = EarlierFine(CaseId("k-0"), DepartmentId("market-330100"), 200_000)


@covers("R10.6")
def test_one_act_is_not_fined_twice() -> None:
    with pytest.raises(limits.SecondFine) as no:
        decide(at_state("review"), penalty(), earlier=(EARLIER,))
    assert no.value.facts["fine_fen"] == 200_000


def test_only_the_reviewers_finding_of_another_act_frees_a_second_fine() -> None:
    freed = replace(at_state("review"), review=Review("sun", "…", (CaseId("k-0"),), DAY))
    assert decide(freed, penalty(), earlier=(EARLIER,)).state is CaseState.DECIDED


def test_other_kinds_may_follow_a_fine() -> None:
    warned = Measure((PenaltyKind.WARNING,))
    case = replace(at_state("review"), notice=notice(warned))
    assert decide(case, penalty(warned), earlier=(EARLIER,)).state is CaseState.DECIDED


def test_another_department_does_not_go_on_with_a_case() -> None:
    with pytest.raises(steps.NotYourCase):
        steps.serve(at_state("decide"), ServiceMeans.POST, by=matters.TAXMAN, at=TUESDAY + HOUR)


def test_no_step_is_done_before_the_one_that_it_follows_from() -> None:
    with pytest.raises(steps.StepBefore):
        STEPS["serve"](at_state("decide"), TUESDAY)


@given(names=st.lists(st.sampled_from(sorted(STEPS)), max_size=20))
def test_no_step_is_skipped_and_none_goes_back(names: list[str]) -> None:
    order = [CaseState.FILED, *AFTER.values()]
    case = filed()
    for name in names:
        before = order.index(case.state)
        try:
            case = STEPS[name](case, TUESDAY + HOUR)
        except Refusal:
            assert order.index(AFTER[name]) != before + 1
            continue
        assert order.index(case.state) == before + 1
        assert case.state is AFTER[name]
