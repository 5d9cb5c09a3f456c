"""What other services' answers do to a clue: visits, results, assessments, higher warnings.

Each gives the same clue in whatever order answers about different visits and results come.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import TypeAlias, assert_never

from clue_dispatch.clue.domain.handling import close
from clue_dispatch.clue.domain.matter import Clue, Visit
from contracts.clue_dispatch import ClueState, Conclusion, RequestId, VisitState
from contracts.risk_monitor import Outcome
from contracts.says import Decided

_Change: TypeAlias = Callable[[Visit], Visit]


def visit_planned(clue: Clue, request: RequestId, *, visit: str, on: date) -> Decided[Clue]:
    """Note when the visit will be, or that it was moved; an ended one stays ended."""

    def planned(one: Visit) -> Visit:
        state = VisitState.PLANNED if one.open else one.state
        return replace(one, state=state, visit=visit, on=on)

    return Decided(_with(clue, request, planned))


def visit_refused(clue: Clue, request: RequestId, *, code: str, reason: str) -> Decided[Clue]:
    """Note why no visit can be made; the lead asks again or verifies in another way."""

    def refused(one: Visit) -> Visit:
        return replace(one, state=VisitState.REFUSED, code=code, reason=reason)

    return Decided(_with(clue, request, refused))


def result_recorded(clue: Clue, request: RequestId, *, result: str, visit: str) -> Decided[Clue]:
    """Take the result of a visit as feedback to its clue: it never makes another clue."""

    def noted(one: Visit) -> Visit:
        return replace(one, visit=visit, results=tuple(sorted({*one.results, result})))

    return Decided(_answered(_with(clue, request, noted)))


def visit_finished(clue: Clue, request: RequestId, *, visit: str) -> Decided[Clue]:
    """Note that the visit is over; with its results the clue is answered."""

    def finished(one: Visit) -> Visit:
        return replace(one, state=VisitState.FINISHED, visit=visit)

    return Decided(_answered(_with(clue, request, finished)))


def assessed(clue: Clue, outcome: Outcome, *, at: datetime) -> Decided[Clue]:
    """Take over how the warning was assessed: false and duplicate close the clue.

    While a visit is open it goes on, and the lead concludes by what is found there.
    """
    known = replace(clue, assessment=outcome, version=clue.version + 1)
    match outcome:
        case Outcome.VALID | Outcome.WATCH:
            return Decided(known)
        case Outcome.FALSE | Outcome.DUPLICATE:
            if clue.state is ClueState.CLOSED or clue.open_visit is not None:
                return Decided(known)
            conclusion = (
                Conclusion.FALSE_WARNING if outcome is Outcome.FALSE else Conclusion.DUPLICATE
            )
            return close(replace(known, moved_on=max(at, clue.moved_on)), conclusion, at)
        case _:
            assert_never(outcome)


def raised_again(clue: Clue) -> Decided[Clue]:
    """Note that the warning was raised again at a higher level; it stays one clue."""
    return Decided(replace(clue, version=clue.version + 1))


def _with(clue: Clue, request: RequestId, change: _Change) -> Clue:
    visits = tuple(change(one) if one.request == request else one for one in clue.visits)
    return replace(clue, visits=visits, version=clue.version + 1)


def _answered(clue: Clue) -> Clue:
    """Move on to `answered` once no visit is open and one that ended brought a result."""
    ended = any(one.state is VisitState.FINISHED and one.results for one in clue.visits)
    if clue.state is ClueState.VERIFYING and clue.open_visit is None and ended:
        return replace(clue, state=ClueState.ANSWERED)
    return clue
