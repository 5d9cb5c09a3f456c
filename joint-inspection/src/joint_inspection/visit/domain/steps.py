"""The steps of a visit: 审批 approved, 通知 notified, 实施 started, 办结 finished."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date, datetime

from contracts.errors import Conflict, Forbidden, Invalid
from contracts.item_registry import DepartmentId
from contracts.joint_inspection import InspectorId, VisitFinished
from contracts.says import Decided
from joint_inspection.visit.domain.visits import (
    Member,
    State,
    Team,
    Visit,
    with_teams,
)
from kit.deadlines import Due, shanghai_day


class NotYourVisit(Forbidden):
    """Only a department that comes, or the visit's lead, acts on it."""

    code = "visit-not-yours"


class VisitNotInState(Conflict):
    """The visit is not where this act belongs."""

    code = "visit-not-in-state"


class TeamNotYours(Forbidden):
    """A department names its own team; the visit's lead also those that others reported."""

    code = "visit-team-not-yours"


class TeamDrawn(Conflict):
    """Inspectors of a draw are drawn, not chosen (国发〔2019〕5号)."""

    code = "visit-team-drawn"


class TeamTooSmall(Conflict):
    """Two inspectors at least (行政处罚法 art. 42)."""

    code = "visit-team-too-small"


class TeamsMissing(Conflict):
    """A department that comes has not named whom it sends."""

    code = "visit-teams-missing"


class InspectorUnknown(Invalid):
    """The department has no such inspector in the directory."""

    code = "visit-inspector-unknown"


class CertificateInvalid(Conflict):
    """The inspector's certificate is not valid on the day of the visit."""

    code = "visit-certificate-invalid"


class InspectorRecused(Conflict):
    """The inspector must withdraw 回避 (行政处罚法 art. 43)."""

    code = "visit-inspector-recused"


class CertificatesNotShown(Conflict):
    """Too few of a department's team showed their certificates (行政处罚法 art. 42, 55)."""

    code = "visit-certificates-not-shown"


class StepBeforeLast(Invalid):
    """A step was taken on the day of the step before it, or later."""

    code = "visit-step-before-last"


class ResultsMissing(Conflict):
    """A department has not given its result for an item code."""

    code = "visit-results-missing"


@dataclass(frozen=True, slots=True)
class Officer:
    """An inspector as the directory has it now, and whether this visit is closed to them."""

    member: Member
    department: DepartmentId
    recused: bool


def approve(
    visit: Visit,
    *,
    by: DepartmentId,
    teams: Mapping[DepartmentId, Sequence[InspectorId]],
    officers: Mapping[InspectorId, Officer],
    least: int,
) -> Decided[Visit]:
    """Name teams, and as the lead approve (国办发〔2024〕54号: no check without approval).

    A cooperating department names its own team before; the lead's approval needs all of them.
    Refuses: NotYourVisit, VisitNotInState, TeamNotYours, TeamDrawn, TeamTooSmall, TeamsMissing,
    InspectorUnknown, CertificateInvalid, InspectorRecused.
    """
    _concerned(visit, by)
    _in_state(visit, State.PLANNED)
    named = [
        _team(visit, department, ids, by=by, officers=officers, least=least)
        for department, ids in teams.items()
    ]
    all_teams = with_teams(visit.teams, named)
    if by != visit.lead:
        return Decided(replace(visit, teams=all_teams))
    sent = {team.department: len(team.members) for team in all_teams}
    missing = [one for one in visit.departments if sent.get(one, 0) < least]
    if missing:
        raise TeamsMissing(departments=missing, least=least)
    return Decided(replace(visit, teams=all_teams, state=State.APPROVED))


def notify(visit: Visit, *, by: DepartmentId, on: date) -> Decided[Visit]:
    """Serve the notice; an unannounced check is notified on arrival.

    Refuses: NotYourVisit, VisitNotInState.
    """
    _concerned(visit, by)
    _in_state(visit, State.APPROVED)
    return Decided(replace(visit, state=State.NOTIFIED, notified_on=on))


def start(
    visit: Visit, *, by: DepartmentId, shown: AbstractSet[InspectorId], on: date, least: int
) -> Decided[Visit]:
    """Enter the premises: of each department two inspectors show valid certificates.

    Refuses: NotYourVisit, VisitNotInState, StepBeforeLast, InspectorUnknown, CertificateInvalid,
    CertificatesNotShown.
    """
    _concerned(visit, by)
    _in_state(visit, State.NOTIFIED)
    _not_before(visit.notified_on, on)
    members = {one.inspector: one for team in visit.teams for one in team.members}
    for inspector in sorted(shown - members.keys()):
        raise InspectorUnknown(field="shown", got=inspector, expected=sorted(members))
    _certified((members[inspector] for inspector in sorted(shown)), on)
    for department in visit.departments:
        team = visit.team(department)
        present = {one.inspector for one in team.members} & shown if team else set()
        if len(present) < least:
            raise CertificatesNotShown(department=department, shown=len(present), least=least)
    return Decided(replace(visit, state=State.STARTED, started_on=on))


def finish(
    visit: Visit,
    *,
    by: DepartmentId,
    given: AbstractSet[tuple[DepartmentId, str]],
    at: datetime,
    publish_due: Due,
) -> Decided[Visit]:
    """End a visit whose results are all in; from now on the clock of publication runs.

    `given` are the results: department and item code. Refuses: NotYourVisit, VisitNotInState,
    StepBeforeLast, ResultsMissing.
    """
    _concerned(visit, by)
    _in_state(visit, State.STARTED)
    _not_before(visit.started_on, shanghai_day(at))
    wanted = {(one, code) for one in visit.departments for code in visit.checks(one)}
    missing = sorted(wanted - given)
    if missing:
        raise ResultsMissing(missing=[f"{department} {code}" for department, code in missing])
    finished = replace(
        visit,
        state=State.FINISHED,
        finished_at=at,
        publish_due=publish_due,
        version=visit.version + 1,
    )
    fact = VisitFinished(
        visit=visit.id,
        requests=visit.requests,
        departments=visit.departments,
        separate_visits=visit.separate_visits,
        region=visit.region,
    )
    return Decided(finished, says=(fact,))


def recount(visit: Visit, publish_due: Due) -> Decided[Visit] | None:
    """Take over the due time that a changed calendar moved; None once its results are public."""
    if visit.publish_due is None or visit.published_at is not None:
        return None
    return Decided(replace(visit, publish_due=publish_due))


def _team(
    visit: Visit,
    department: DepartmentId,
    ids: Sequence[InspectorId],
    *,
    by: DepartmentId,
    officers: Mapping[InspectorId, Officer],
    least: int,
) -> Team:
    if department not in visit.departments or by not in {department, visit.lead}:
        raise TeamNotYours(department=department, yours=by)
    known = visit.team(department)
    drawn = known.members if known is not None and known.drawn else ()
    if len(drawn) >= least:
        raise TeamDrawn(department=department)
    members = [*drawn, *(_member(one, department, officers, visit) for one in dict.fromkeys(ids))]
    if len({one.inspector for one in members}) < least:
        raise TeamTooSmall(department=department, got=len(members), least=least)
    return Team(department, tuple(members), drawn=bool(drawn))


def _member(
    id_: InspectorId,
    department: DepartmentId,
    officers: Mapping[InspectorId, Officer],
    visit: Visit,
) -> Member:
    officer = officers.get(id_)
    if officer is None or officer.department != department:
        raise InspectorUnknown(
            field="inspectors", got=id_, expected=f"an inspector of {department}"
        )
    if officer.recused:
        raise InspectorRecused(inspector=id_, visit=visit.id)
    _certified([officer.member], visit.on)
    return officer.member


def _certified(members: Iterable[Member], on: date) -> None:
    for one in members:
        if one.valid_until < on:
            raise CertificateInvalid(inspector=one.inspector, valid_until=one.valid_until, on=on)


def _concerned(visit: Visit, by: DepartmentId) -> None:
    if by != visit.lead and by not in visit.departments:
        raise NotYourVisit(visit=visit.id, yours=by)


def _not_before(last: date | None, on: date) -> None:
    if last is not None and on < last:
        raise StepBeforeLast(field="acted_on", got=on.isoformat(), expected=f"≥ {last}")


def _in_state(visit: Visit, expected: State) -> None:
    if visit.state is not expected:
        raise VisitNotInState(visit=visit.id, state=visit.state, expected=expected)
