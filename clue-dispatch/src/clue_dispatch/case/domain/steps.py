"""The steps of a case, each with what it refuses."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from clue_dispatch.case.domain.limits import (
    require_first_fine,
    require_no_heavier,
    require_simple,
    require_whole,
)
from clue_dispatch.case.domain.proceeding import (
    Case,
    EarlierFine,
    Notice,
    Penalty,
    PenaltyTerms,
    Review,
)
from clue_dispatch.clue.domain.matter import Clue, Official, takes_part
from contracts.clue_dispatch import (
    CaseId,
    CaseState,
    ClueState,
    Conclusion,
    Investigator,
    PenaltyDecided,
    ServiceMeans,
    Statement,
)
from contracts.credit_service import EntityKind
from contracts.errors import Conflict, Forbidden, Invalid
from contracts.says import Decided
from kit.deadlines import Due, due, shanghai_day
from kit.workdays import Calendar


class NotYourCase(Forbidden):
    """Only the department that takes part in the clue files, only the one that filed goes on."""

    code = "case-not-yours"


class ClueNotVerified(Conflict):
    """A case is filed on a clue under verification, or on one that was confirmed."""

    code = "case-clue-not-verified"


class AlreadyFiled(Conflict):
    """The first agency to file has jurisdiction (art. 25): one case a clue and type of act."""

    code = "case-already-filed"


class NotFiled(Conflict):
    """Only a case that was just filed is investigated."""

    code = "case-not-filed"


class NotInvestigated(Conflict):
    """The party is told of facts that were investigated (art. 44)."""

    code = "case-not-investigated"


class NotNoticed(Conflict):
    """Legal review comes after the notice and the party's statement (art. 58)."""

    code = "case-not-noticed"


class NotReviewed(Conflict):
    """Without legal review no decision is made (art. 58)."""

    code = "case-not-reviewed"


class NotDecided(Conflict):
    """Only a decision can be served, once."""

    code = "case-not-decided"


class TooFewInvestigators(Invalid):
    """Two officers or more, each another person with a certificate of their own (art. 42)."""

    code = "case-too-few-investigators"


class StatementMissing(Invalid):
    """What the party said and how it was weighed belongs into the file (art. 45)."""

    code = "case-statement-missing"


class ReviewerInvestigated(Forbidden):
    """Who investigated does not review (art. 58)."""

    code = "case-reviewer-investigated"


class StepBefore(Invalid):
    """No step was done before the one that it follows from."""

    code = "case-step-before"


def file(
    id_: CaseId,
    clue: Clue,
    *,
    code14: str,
    act: str,
    by: Official,
    terms: PenaltyTerms,
    calendar: Calendar,
    at: datetime,
) -> Decided[Case]:
    """File a case on a clue (art. 54): ninety days run from then (art. 60).

    Refuses: NotYourCase, ClueNotVerified, StepBefore.
    """
    if by.department is None or not takes_part(clue, by):
        raise NotYourCase(clue=clue.id, lead=clue.lead, yours=by.department)
    under_verification = {ClueState.SIGNED, ClueState.VERIFYING, ClueState.ANSWERED}
    if clue.state not in under_verification and clue.conclusion is not Conclusion.CONFIRMED:
        raise ClueNotVerified(clue=clue.id, state=clue.state)
    _require_order(clue.registered_on, at)
    case = Case(
        id=id_,
        clue=clue.id,
        subject=clue.about,
        item=clue.item,
        region=clue.region,
        department=by.department,
        code14=code14,
        act=act,
        filed_on=shanghai_day(at),
        decide_due=due(at, terms.decide, calendar),
        moved_on=at,
    )
    return Decided(case)


def investigate(
    case: Case,
    officers: Sequence[Investigator],
    findings: str,
    *,
    by: Official,
    terms: PenaltyTerms,
    at: datetime,
) -> Decided[Case]:
    """Record who investigated and what they found.

    Refuses: NotYourCase, NotFiled, TooFewInvestigators, StepBefore.
    """
    _require_ours(case, by)
    if case.state is not CaseState.FILED:
        raise NotFiled(case=case.id, state=case.state)
    _require_order(case.moved_on, at)
    persons = {officer.person for officer in officers}
    certificates = {officer.certificate for officer in officers}
    several = min(len(persons), len(certificates))
    if several < terms.investigators:
        raise TooFewInvestigators(
            field="officers", got=several, expected=f"≥ {terms.investigators}"
        )
    investigated = replace(
        _moved(case, CaseState.INVESTIGATED, at),
        investigators=tuple(officers),
        investigated_by=by.id,
        findings=findings,
    )
    return Decided(investigated)


def notify(
    case: Case,
    notice: Notice,
    *,
    party: EntityKind | None,
    by: Official,
    terms: PenaltyTerms,
    at: datetime,
) -> Decided[Case]:
    """Tell the party what is intended and hear it.

    Refuses: NotYourCase, NotInvestigated, AmountImpossible, StatementMissing, HearingNeeded,
    CollectiveNeeded, StepBefore.
    """
    _require_ours(case, by)
    if case.state is not CaseState.INVESTIGATED:
        raise NotInvestigated(case=case.id, state=case.state)
    _require_order(case.moved_on, at)
    require_whole(notice.measure)
    if notice.statement is Statement.HEARD and not (notice.statement_text or "").strip():
        expected = "陈述、申辩及采纳情况 statement and how it was weighed"
        raise StatementMissing(field="statement_text", got="", expected=expected)
    require_simple(case, notice.measure, party, terms)
    return Decided(replace(_moved(case, CaseState.NOTICED, at), notice=notice))


def review(case: Case, found: Review, *, by: Official, at: datetime) -> Decided[Case]:
    """Review the case legally, by another person than those who investigated.

    Refuses: NotYourCase, NotNoticed, ReviewerInvestigated, StepBefore.
    """
    _require_ours(case, by)
    if case.state is not CaseState.NOTICED:
        raise NotNoticed(case=case.id, state=case.state)
    if by.id in {case.investigated_by, *(one.person for one in case.investigators)}:
        raise ReviewerInvestigated(case=case.id, reviewer=by.id)
    _require_order(case.moved_on, at)
    return Decided(replace(_moved(case, CaseState.REVIEWED, at), review=found))


def decide(
    case: Case,
    penalty: Penalty,
    *,
    party: EntityKind | None,
    earlier: Iterable[EarlierFine],
    by: Official,
    terms: PenaltyTerms,
    calendar: Calendar,
    at: datetime,
) -> Decided[Case]:
    """Decide the penalty and announce it; it takes effect when it is served.

    Refuses: NotYourCase, NotReviewed, AmountImpossible, HeavierThanNoticed, HearingNeeded,
    CollectiveNeeded, SecondFine, StepBefore.
    """
    _require_ours(case, by)
    if case.state is not CaseState.REVIEWED or case.notice is None or case.review is None:
        raise NotReviewed(case=case.id, state=case.state)
    _require_order(case.moved_on, at)
    require_whole(penalty.measure)
    require_no_heavier(case, penalty.measure, case.notice.measure)
    require_simple(case, penalty.measure, party, terms)
    require_first_fine(case, penalty.measure, earlier, case.review.other_act_than)
    decided = replace(
        _moved(case, CaseState.DECIDED, at),
        penalty=penalty,
        serve_due=due(at, terms.serve, calendar),
    )
    said = PenaltyDecided(
        penalty=penalty.penalty,
        case=case.id,
        clue=case.clue,
        subject=case.subject,
        code14=case.code14,
        department=case.department,
        kinds=penalty.measure.kinds,
        fine_fen=penalty.measure.fine_fen,
        tier=penalty.tier,
        decided_on=penalty.on,
        region=case.region,
    )
    return Decided(decided, says=(said,))


def serve(case: Case, means: ServiceMeans, *, by: Official, at: datetime) -> Decided[Case]:
    """Serve the decision. Refuses: NotYourCase, NotDecided, StepBefore."""
    _require_ours(case, by)
    if case.state is not CaseState.DECIDED:
        raise NotDecided(case=case.id, state=case.state)
    _require_order(case.moved_on, at)
    served = _moved(case, CaseState.SERVED, at)
    return Decided(replace(served, means=means, served_on=shanghai_day(at)))


def recount(case: Case, dues: Mapping[str, Due]) -> Decided[Case]:
    """Take over due times that a changed calendar moved, of the terms that still run."""
    moved = {f"{step}_due": due for step, due in dues.items() if step in case.open_terms}
    counted: Case = replace(case, **moved, version=case.version + 1)  # type: ignore[arg-type]
    return Decided(counted)


def _moved(case: Case, state: CaseState, at: datetime) -> Case:
    return replace(case, state=state, moved_on=at, version=case.version + 1)


def _require_ours(case: Case, by: Official) -> None:
    if by.department != case.department:
        raise NotYourCase(case=case.id, department=case.department, yours=by.department)


def _require_order(before: datetime, at: datetime) -> None:
    if at < before:
        expected = f"≥ {before.isoformat()}"
        raise StepBefore(field="acted_on", got=at.isoformat(), expected=expected)
