"""The rounds of a draw: frozen, committed by all, revealed by all, completed (heli-draw-1).

    draft ──freeze──► frozen ──all commit──► committed ──all reveal──► revealed ──► completed
      └───────────────── abandon ─┴──────────── silence ──┘

No reveal before all commitments are in; no change after the freeze. Once all have revealed, the
result is known to everybody and nobody can abandon it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NewType, assert_never

from contracts.errors import Conflict, Forbidden
from contracts.item_registry import DepartmentId, RegionId
from contracts.joint_inspection import DrawCompleted, DrawFrozen
from contracts.says import Decided
from joint_inspection.draw.domain.freezing import NotInThisForm, check
from joint_inspection.draw.domain.handles import Digest, well_formed_digest, well_formed_id
from joint_inspection.draw.domain.parties import Commitment, Reveal, check_opens, seed
from joint_inspection.draw.domain.plan import Plan, plan_digest
from joint_inspection.draw.domain.result import Result, result_digest

DrawId = NewType("DrawId", str)


class State(StrEnum):
    """How far a draw has come (the picture stands above)."""

    DRAFT = "draft"
    FROZEN = "frozen"
    COMMITTED = "committed"
    REVEALED = "revealed"
    COMPLETED = "completed"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class Draw:
    """One draw of a series; `version` counts announced changes.

    From the freeze on it has its plan; `silent` names in public who kept a draw from its result.
    """

    id: DrawId
    series: str
    department: DepartmentId
    region: RegionId
    state: State
    version: int
    plan: Plan | None = None
    plan_digest: Digest | None = None
    commitments: tuple[Commitment, ...] = ()
    reveals: tuple[Reveal, ...] = ()
    result_digest: Digest | None = None
    silent: tuple[DepartmentId, ...] = ()


class NotTheInitiator(Forbidden):
    """Only the initiating department 发起部门 freezes its draw."""

    code = "draw-not-the-initiator"


class NotAParty(Forbidden):
    """Only the parties that the plan names commit, reveal, or declare a draw void."""

    code = "draw-not-a-party"


class NotInState(Conflict):
    """The draw is not where this act belongs."""

    code = "draw-not-in-state"


class PlanOfAnotherDraw(Conflict):
    """The plan names another draw, series or initiating department."""

    code = "draw-plan-of-another-draw"


class PreviousDiffers(Conflict):
    """The plan names the one before it in the series, so that no draw is made and forgotten."""

    code = "draw-previous-differs"


class PreviousOpen(Conflict):
    """The draw before it in the series is not completed yet."""

    code = "draw-previous-open"


class RevealByPassed(Conflict):
    """The time until which parties may commit and reveal has passed."""

    code = "draw-reveal-by-passed"


class RevealByAhead(Conflict):
    """Parties still have time to reveal: a draw is void for silence only after that."""

    code = "draw-reveal-by-ahead"


class CommittedAlready(Conflict):
    """A party commits once: a second, different commitment would be a second try."""

    code = "draw-committed-already"


class CommitmentsMissing(Conflict):
    """No reveal before all commitments are in."""

    code = "draw-commitments-missing"


def draft(
    *,
    id_: DrawId,
    series: str,
    department: DepartmentId,
    region: RegionId,
    cycle: str | None = None,
    redraw_of: DrawId | None = None,
) -> Decided[Draw]:
    """Begin a draw of a series. Refuses: NotInThisForm (cycle, redraw), IdMalformed."""
    if cycle is not None:
        raise NotInThisForm(part="cycle", got=cycle)
    if redraw_of is not None:
        raise NotInThisForm(part="redraw", got=redraw_of)
    well_formed_id(id_, field="draw")
    well_formed_id(series, field="series")
    return Decided(Draw(id_, series, department, region, State.DRAFT, version=0))


def freeze(
    draw: Draw,
    plan: Plan,
    texts: Mapping[Digest, str],
    *,
    by: DepartmentId,
    last: Draw | None,
    at: datetime,
) -> Decided[Draw]:
    """Freeze plan and lists; `last` is the frozen draw before this one in its series.

    Refuses: NotTheInitiator, NotInState, PlanOfAnotherDraw, PreviousDiffers, PreviousOpen,
    RevealByPassed, and what `freezing.check` refuses. After a void draw the series needs a
    redraw, which this first form refuses (NotInThisForm).
    """
    if by != draw.department:
        raise NotTheInitiator(draw=draw.id)
    _in_state(draw, State.DRAFT)
    check(plan, texts)
    drawing = next(each.department for each in plan.departments if each.allocations)
    named = (plan.draw, plan.series, drawing)
    if named != (draw.id, draw.series, draw.department):
        raise PlanOfAnotherDraw(got=named, expected=(draw.id, draw.series, draw.department))
    _follows(plan, last)
    if plan.reveal_by <= at:
        raise RevealByPassed(reveal_by=plan.reveal_by)
    digest = plan_digest(plan)
    frozen = replace(
        draw, state=State.FROZEN, plan=plan, plan_digest=digest, version=draw.version + 1
    )
    fact = DrawFrozen(draw=draw.id, plan_digest=digest, region=draw.region)
    return Decided(frozen, says=(fact,))


def commit(draw: Draw, *, party: DepartmentId, digest: str, at: datetime) -> Decided[Draw]:
    """Take one party's commitment; the same one again changes nothing.

    Refuses: NotInState, NotAParty, CommittedAlready, RevealByPassed, DigestMalformed.
    """
    plan = _frozen(draw)
    _is_party(plan, party)
    wanted = well_formed_digest(digest, field="digest")
    given = {each.party: each.digest for each in draw.commitments}
    if party in given:
        if given[party] == wanted:
            return Decided(draw)
        raise CommittedAlready(party=party)
    _in_state(draw, State.FROZEN)
    _in_time(plan, at)
    commitments = _by_party((*draw.commitments, Commitment(party, wanted, at)))
    complete = len(commitments) == len(plan.parties)
    state = State.COMMITTED if complete else State.FROZEN
    return Decided(replace(draw, state=state, commitments=commitments))


def reveal(draw: Draw, shown: Reveal, *, at: datetime) -> Decided[Draw]:
    """Take one party's salt and secret; the same again changes nothing.

    Refuses: NotInState, NotAParty, CommitmentsMissing, RevealDoesNotOpen, RevealByPassed.
    """
    plan = _frozen(draw)
    _is_party(plan, shown.party)
    if draw.state is State.FROZEN:
        committed = {each.party for each in draw.commitments}
        raise CommitmentsMissing(missing=[p for p in plan.parties if p not in committed])
    if shown in draw.reveals:
        return Decided(draw)
    _in_state(draw, State.COMMITTED)
    commitment = next(each for each in draw.commitments if each.party == shown.party)
    check_opens(commitment, shown, plan=plan_digest(plan))
    _in_time(plan, at)
    reveals = tuple(sorted((*draw.reveals, shown), key=lambda each: each.party))
    state = State.REVEALED if len(reveals) == len(plan.parties) else State.COMMITTED
    return Decided(replace(draw, state=state, reveals=reveals))


def seed_of(draw: Draw) -> bytes:
    """Give the seed, once all have revealed; refuses NotInState."""
    plan = _frozen(draw)
    if draw.state not in {State.REVEALED, State.COMPLETED}:
        raise NotInState(draw=draw.id, state=draw.state, expected=State.REVEALED)
    return seed(plan_digest(plan), draw.reveals)


def complete(draw: Draw, result: Result) -> Decided[Draw]:
    """Keep the result that `carry_out` made of plan, lists and seed; refuses NotInState."""
    _in_state(draw, State.REVEALED)
    plan = plan_digest(_frozen(draw))
    digest = result_digest(result)
    completed = replace(draw, state=State.COMPLETED, result_digest=digest, version=draw.version + 1)
    fact = DrawCompleted(draw=draw.id, plan_digest=plan, result_digest=digest, region=draw.region)
    return Decided(completed, says=(fact,))


def abandon(draw: Draw, *, by: DepartmentId, at: datetime) -> Decided[Draw]:
    """Give up a draw whose result nobody can know yet, or declare it void for silence.

    While reveals are due nobody may stop a draw: the last party would see the result first. After
    `reveal_by` the silent are named. Refuses: NotTheInitiator, NotAParty, RevealByAhead,
    NotInState.
    """
    match draw.state:
        case State.DRAFT | State.FROZEN:
            if by != draw.department:
                raise NotTheInitiator(draw=draw.id)
            return Decided(replace(draw, state=State.ABANDONED, silent=silent(draw)))
        case State.COMMITTED:
            plan = _frozen(draw)
            if by != draw.department:
                _is_party(plan, by)
            if at <= plan.reveal_by:
                raise RevealByAhead(reveal_by=plan.reveal_by)
            return Decided(replace(draw, state=State.ABANDONED, silent=silent(draw)))
        case State.REVEALED | State.COMPLETED | State.ABANDONED:
            raise NotInState(draw=draw.id, state=draw.state, expected=State.FROZEN)
        case _:
            assert_never(draw.state)


def expire(draw: Draw, *, at: datetime) -> Decided[Draw] | None:
    """Void a draw in which a party was silent until `reveal_by`; None where nobody was waited for.

    Nobody needs to declare it: who has not revealed, or not committed, is named in public.
    """
    waits = draw.state in {State.FROZEN, State.COMMITTED}
    if not waits or at <= _frozen(draw).reveal_by:
        return None
    return Decided(replace(draw, state=State.ABANDONED, silent=silent(draw)))


def silent(draw: Draw) -> tuple[DepartmentId, ...]:
    """Who has not revealed, or not committed while commitments are due."""
    if draw.plan is None:
        return ()
    spoke: Sequence[Commitment | Reveal] = (
        draw.commitments if draw.state is State.FROZEN else draw.reveals
    )
    heard = {each.party for each in spoke}
    return tuple(party for party in draw.plan.parties if party not in heard)


def _follows(plan: Plan, last: Draw | None) -> None:
    before = None if last is None else last.plan_digest
    if plan.previous != before:
        raise PreviousDiffers(got=plan.previous, expected=before)
    if last is None or last.state is State.COMPLETED:
        return
    if last.state is State.ABANDONED:
        raise NotInThisForm(part="redraw", got=last.id)
    raise PreviousOpen(draw=last.id, state=last.state)


def _frozen(draw: Draw) -> Plan:
    if draw.plan is None:
        raise NotInState(draw=draw.id, state=draw.state, expected=State.FROZEN)
    return draw.plan


def _in_state(draw: Draw, expected: State) -> None:
    if draw.state is not expected:
        raise NotInState(draw=draw.id, state=draw.state, expected=expected)


def _is_party(plan: Plan, party: DepartmentId) -> None:
    if party not in plan.parties:
        raise NotAParty(draw=plan.draw, party=party)


def _in_time(plan: Plan, at: datetime) -> None:
    if at > plan.reveal_by:
        raise RevealByPassed(reveal_by=plan.reveal_by)


def _by_party(commitments: Sequence[Commitment]) -> tuple[Commitment, ...]:
    return tuple(sorted(commitments, key=lambda each: each.party))
