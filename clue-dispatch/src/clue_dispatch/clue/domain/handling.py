"""What people do to a clue: dispatch, sign, return, ask for a visit, give feedback, conclude."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from clue_dispatch.clue.domain.matter import (
    Clue,
    NotYourClue,
    Official,
    Visit,
    require_lead,
    require_order,
    takes_part,
)
from clue_dispatch.routing.domain import Route
from clue_dispatch.terms.domain import Terms
from contracts.clue_dispatch import (
    ClueClosed,
    ClueDispatched,
    ClueId,
    ClueState,
    Conclusion,
    OriginType,
    Reason,
    RequestId,
    VisitRequested,
    VisitState,
    Wanted,
)
from contracts.errors import Conflict, Invalid, NotFound, Refusal
from contracts.item_registry import RegionId
from contracts.says import Decided
from kit.deadlines import Due, due, overdue, shanghai_day
from kit.workdays import Calendar


class NotRegistered(Conflict):
    """Only a registered clue can be dispatched."""

    code = "clue-not-registered"


class NotDispatched(Conflict):
    """Only a dispatched clue that nobody has signed can be signed or returned."""

    code = "clue-not-dispatched"


class NotSigned(Conflict):
    """Only a clue that was signed and is not closed can be verified."""

    code = "clue-not-signed"


class NotAnswered(Conflict):
    """Only a clue with the result of its verification can be concluded (应查必查)."""

    code = "clue-not-answered"


class Unroutable(Conflict):
    """The matrix names no lead or two: item-registry mends the rows, nobody guesses."""

    code = "clue-unroutable"


class ReturnWithoutBasis(Invalid):
    """A return cites the law or the duties that say whose it is not."""

    code = "clue-return-without-basis"


class ReturnTooLate(Conflict):
    """A clue can be returned within its sign window only."""

    code = "clue-return-too-late"


class VisitOpen(Conflict):
    """A visit asked for this clue has not ended."""

    code = "clue-visit-open"


class WindowImpossible(Invalid):
    """The window of a visit begins today or later, ends after that, and has a longest length."""

    code = "clue-window-impossible"


class NotTakingPart(Invalid):
    """Only the lead and the cooperating departments can be asked into a visit."""

    code = "clue-department-not-taking-part"


class CodeNotOfItem(Invalid):
    """What is to be checked must be an item code of the clue's item."""

    code = "clue-code-not-of-item"


class ConclusionImpossible(Invalid):
    """Only a clue from a warning can end as a false warning."""

    code = "clue-conclusion-impossible"


@dataclass(frozen=True, slots=True)
class Window:
    """Days between which a visit is asked for, both included, and who is to check what."""

    from_: date
    to: date
    departments: tuple[Wanted, ...] = ()


def dispatch(
    clue: Clue, *, route: Route, by: Official, terms: Terms, calendar: Calendar, at: datetime
) -> Decided[Clue]:
    """Give the clue to the lead and the cooperating departments of the matrix; clocks begin.

    By the department that owns it, by the one that brought it (国办发〔2020〕53号: a hotline sends
    out what it received), by a department of the line that leads, or by an admin.
    Refuses: NotYourClue, NotRegistered, Unroutable, ActedBefore.
    """
    if not _dispatches(clue, route, by):
        raise NotYourClue(clue=clue.id, lead=clue.owner, yours=by.department)
    if clue.state is not ClueState.REGISTERED:
        raise NotRegistered(clue=clue.id, state=clue.state)
    require_order(clue, at)
    if route.lead is None or route.item_version is None:
        raise Unroutable(clue=clue.id, item=clue.item, region=clue.region, problems=route.problems)
    sign_due = due(at, terms.sign, calendar)
    verify_due = due(at, terms.verify, calendar)
    dispatched = replace(
        clue,
        state=ClueState.DISPATCHED,
        route=route,
        owner=route.lead,
        dispatched_by=by.department,
        lead=route.lead,
        cooperators=route.cooperators,
        sign_due=sign_due,
        verify_due=verify_due,
        moved_on=at,
        version=clue.version + 1,
    )
    said = ClueDispatched(
        clue=clue.id,
        lead=route.lead,
        cooperators=route.cooperators,
        item=clue.item,
        item_version=route.item_version,
        reason=Reason(duties=tuple(duty.id for duty in route.duties), chain=route.chain),
        sign_due=sign_due.at,
        verify_due=verify_due.at,
        region=clue.region,
    )
    return Decided(dispatched, says=(said,))


def dispatch_each(
    ids: Iterable[ClueId],
    held: Mapping[ClueId, Clue],
    *,
    routes: Mapping[ClueId, Route],
    by: Official,
    terms: Terms,
    calendars: Mapping[tuple[RegionId, ...], Calendar],
    at: datetime,
) -> dict[ClueId, Decided[Clue] | Refusal]:
    """Dispatch each clue as if alone; gives the decision or why not, in the order asked for.

    A clue that is not among those held is not there for who asks.
    """
    answers: dict[ClueId, Decided[Clue] | Refusal] = {}
    for id_ in dict.fromkeys(ids):
        if id_ not in held:
            answers[id_] = NotFound(clue=id_)
            continue
        route = routes[id_]
        try:
            answers[id_] = dispatch(
                held[id_],
                route=route,
                by=by,
                terms=terms,
                calendar=calendars[route.chain],
                at=at,
            )
        except Refusal as no:
            answers[id_] = no
    return answers


def recount(clue: Clue, dues: Mapping[str, Due]) -> Decided[Clue]:
    """Take over due times that a changed calendar moved, of the terms that still run."""
    moved = {f"{step}_due": due for step, due in dues.items() if step in clue.open_terms}
    counted: Clue = replace(clue, **moved, version=clue.version + 1)  # type: ignore[arg-type]
    return Decided(counted)


def sign(clue: Clue, *, by: Official, at: datetime) -> Decided[Clue]:
    """Take the clue on (签收); late is possible and shows.

    Refuses: NotYourClue, NotDispatched, ActedBefore.
    """
    require_lead(clue, by)
    if clue.state is not ClueState.DISPATCHED:
        raise NotDispatched(clue=clue.id, state=clue.state)
    require_order(clue, at)
    return Decided(_moved(clue, ClueState.SIGNED, at))


def send_back(
    clue: Clue, *, by: Official, basis: str | None, terms: Terms, calendar: Calendar, at: datetime
) -> Decided[Clue]:
    """Return a clue that is another's (退回), with its legal basis and within the sign window.

    It goes back to the department that dispatched it. Refuses: NotYourClue, NotDispatched,
    ReturnWithoutBasis, ReturnTooLate, ActedBefore.
    """
    require_lead(clue, by)
    if clue.state is not ClueState.DISPATCHED or clue.sign_due is None:
        raise NotDispatched(clue=clue.id, state=clue.state)
    if not (basis or "").strip():
        raise ReturnWithoutBasis(field="basis", got=basis or "", expected="法律依据 law, article")
    require_order(clue, at)
    if overdue(clue.sign_due.at, at):
        raise ReturnTooLate(clue=clue.id, sign_due=clue.sign_due.at.isoformat())
    back = replace(
        _moved(clue, ClueState.REGISTERED, at),
        owner=clue.dispatched_by or clue.owner,
        lead=None,
        cooperators=(),
        dispatch_due=due(at, terms.dispatch, calendar),
        sign_due=None,
        verify_due=None,
        returns=clue.returns + 1,
    )
    return Decided(back)


def request_visit(
    clue: Clue, request: RequestId, window: Window, *, by: Official, terms: Terms, at: datetime
) -> Decided[Clue]:
    """Ask for one joint visit (R10.4); without a list, of all departments for all item codes.

    Refuses: NotYourClue, NotSigned, VisitOpen, ActedBefore, WindowImpossible, NotTakingPart,
    CodeNotOfItem.
    """
    require_lead(clue, by)
    _require_under_verification(clue)
    _require_no_visit(clue)
    require_order(clue, at)
    _require_window(window, shanghai_day(at), terms.visit_days)
    wanted = _wanted(clue, window.departments)
    visit = Visit(request, VisitState.ASKED, wanted, window.from_, window.to)
    asked = replace(_moved(clue, ClueState.VERIFYING, at), visits=(*clue.visits, visit))
    said = VisitRequested(
        request=request,
        clue=clue.id,
        subject=clue.about,
        region=clue.region,
        item=clue.item,
        departments=wanted,
        from_=window.from_,
        to=window.to,
        reason=clue.origin.rule,
    )
    return Decided(asked, says=(said,))


def give_feedback(clue: Clue, text: str, *, by: Official, at: datetime) -> Decided[Clue]:
    """Say what was found; the lead's own word ends the verification, a cooperator's is noted.

    Refuses: NotYourClue, NotSigned, VisitOpen, ActedBefore.
    """
    if not takes_part(clue, by):
        raise NotYourClue(clue=clue.id, lead=clue.lead, yours=by.department)
    _require_under_verification(clue)
    require_order(clue, at)
    if by.department != clue.lead:
        return Decided(_moved(clue, clue.state, at))
    _require_no_visit(clue)
    return Decided(replace(_moved(clue, ClueState.ANSWERED, at), feedback=text))


def conclude(
    clue: Clue, conclusion: Conclusion, evidence: str, *, by: Official, at: datetime
) -> Decided[Clue]:
    """Close a clue with a conclusion, its evidence and the approval of who calls (R10.5).

    Refuses: NotYourClue, VisitOpen, NotAnswered, ConclusionImpossible, ActedBefore.
    """
    require_lead(clue, by)
    _require_no_visit(clue)
    if clue.state is not ClueState.ANSWERED:
        raise NotAnswered(clue=clue.id, state=clue.state)
    require_order(clue, at)
    if conclusion is Conclusion.FALSE_WARNING and clue.origin.type is not OriginType.WARNING:
        expected = " | ".join(sorted(set(Conclusion) - {Conclusion.FALSE_WARNING}))
        raise ConclusionImpossible(field="conclusion", got=conclusion, expected=expected)
    ended = replace(_moved(clue, ClueState.CLOSED, at), evidence=evidence, approved_by=by.id)
    return close(ended, conclusion, at)


def close(clue: Clue, conclusion: Conclusion, at: datetime) -> Decided[Clue]:
    """End a clue and announce it; rules of who may and when stand with the callers."""
    day = shanghai_day(at)
    closed = replace(clue, state=ClueState.CLOSED, conclusion=conclusion, closed_on=day)
    said = ClueClosed(
        clue=clue.id,
        origin=clue.origin,
        conclusion=conclusion,
        closed_on=day,
        region=clue.region,
    )
    return Decided(closed, says=(said,))


def _dispatches(clue: Clue, route: Route, by: Official) -> bool:
    if by.admin:
        return True
    if by.department is not None and by.department in {clue.owner, clue.brought_by, route.lead}:
        return True
    return by.line is not None and by.line == route.line


def _moved(clue: Clue, state: ClueState, at: datetime) -> Clue:
    return replace(clue, state=state, moved_on=at, version=clue.version + 1)


def _require_under_verification(clue: Clue) -> None:
    if clue.state not in {ClueState.SIGNED, ClueState.VERIFYING, ClueState.ANSWERED}:
        raise NotSigned(clue=clue.id, state=clue.state)


def _require_no_visit(clue: Clue) -> None:
    if (visit := clue.open_visit) is not None:
        raise VisitOpen(clue=clue.id, request=visit.request, visit=visit.visit)


def _require_window(window: Window, today: date, longest: int) -> None:
    if window.from_ < today:
        raise WindowImpossible(field="from", got=window.from_.isoformat(), expected=f"≥ {today}")
    days = (window.to - window.from_).days + 1
    if not 1 <= days <= longest:
        expected = f"1 … {longest} 日 days"
        raise WindowImpossible(field="to", got=window.to.isoformat(), expected=expected)


def _wanted(clue: Clue, asked: Sequence[Wanted]) -> tuple[Wanted, ...]:
    parties = [one for one in (clue.lead, *clue.cooperators) if one is not None]
    if not asked:
        return tuple(Wanted(department=one, codes14=clue.route.codes14) for one in parties)
    for one in asked:
        if one.department not in parties:
            raise NotTakingPart(
                field="departments", got=one.department, expected=" | ".join(parties)
            )
        foreign = sorted(set(one.codes14) - set(clue.route.codes14))
        if foreign:
            expected = " | ".join(clue.route.codes14)
            raise CodeNotOfItem(field="departments", got=", ".join(foreign), expected=expected)
    return tuple(asked)
