"""Results 抽查结果: given per department and item code, in the public system's eight classes."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date

from contracts.credit_service import EntityId
from contracts.errors import Conflict, Invalid
from contracts.item_registry import DepartmentId, ItemId, RegionId
from contracts.joint_inspection import (
    Category,
    Disposal,
    InspectorId,
    ResultId,
    ResultRecorded,
    VisitId,
    VisitKind,
)
from contracts.says import Decided, Fact
from joint_inspection.visit.domain.steps import NotYourVisit, TeamTooSmall, VisitNotInState
from joint_inspection.visit.domain.visits import Duty, Member, State, Visit


class CategoriesMissing(Invalid):
    """A result has one category at least."""

    code = "result-categories-missing"


class NoProblemExcludes(Invalid):
    """① 未发现问题 excludes all other categories."""

    code = "result-no-problem-excludes"


class NotChecked(Invalid):
    """The department does not check this item code in this visit."""

    code = "result-not-checked"


class RecordedAlready(Conflict):
    """The department has given its result for this item code."""

    code = "result-known"


class InspectedOutside(Invalid):
    """The day of inspection lies between the start of the visit and today."""

    code = "result-inspected-outside"


class NotOfTheTeam(Invalid):
    """Who inspected stands in the department's team."""

    code = "result-inspector-not-of-the-team"


@dataclass(frozen=True, slots=True)
class Result:
    """One department's result for one item code, with all that the national platform asks."""

    id: ResultId
    visit: VisitId
    requests: tuple[str, ...]
    draw: str | None
    department: DepartmentId
    code14: str
    item: ItemId | None
    subject: EntityId | None
    region: RegionId
    categories: tuple[Category, ...]
    disposal: Disposal
    findings: str | None
    inspected_on: date
    inspectors: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a department says it found: by whom, when, in which categories."""

    department: DepartmentId
    code14: str
    categories: tuple[Category, ...]
    disposal: Disposal
    findings: str | None
    inspectors: tuple[InspectorId, ...]
    inspected_on: date


def categories_of(given: Sequence[Category]) -> tuple[Category, ...]:
    """Order categories, each once; refuses CategoriesMissing, NoProblemExcludes."""
    found = tuple(sorted(set(given)))
    if not found:
        raise CategoriesMissing(field="categories", got="[]", expected="1-8")
    if Category.NO_PROBLEM in found and len(found) > 1:
        raise NoProblemExcludes(field="categories", got=list(found), expected="1 | 2-8")
    return found


def record(
    visit: Visit,
    finding: Finding,
    *,
    id_: ResultId,
    known: AbstractSet[tuple[DepartmentId, str]],
    today: date,
    least: int,
) -> Decided[Result]:
    """Take one department's result for one item code.

    `known` are the results that the visit has. Refuses: NotYourVisit, VisitNotInState,
    NotChecked, RecordedAlready, CategoriesMissing, NoProblemExcludes, InspectedOutside,
    NotOfTheTeam, TeamTooSmall.
    """
    who, code = finding.department, finding.code14
    if who not in visit.departments:
        raise NotYourVisit(visit=visit.id, yours=who)
    if visit.state is not State.STARTED or visit.started_on is None:
        raise VisitNotInState(visit=visit.id, state=visit.state, expected=State.STARTED)
    if code not in visit.checks(who):
        raise NotChecked(field="code14", got=code, expected=sorted(visit.checks(who)))
    if (who, code) in known:
        raise RecordedAlready(department=who, code14=code)
    if not visit.started_on <= finding.inspected_on <= today:
        expected = f"{visit.started_on} – {today}"
        raise InspectedOutside(field="inspected_on", got=finding.inspected_on, expected=expected)
    mine = [one for one in visit.duties if one.department == who and code in one.codes14]
    requests, draws = _causes(mine)
    result = Result(
        id=id_,
        visit=visit.id,
        requests=requests,
        draw=draws[0] if draws else None,
        department=who,
        code14=code,
        item=next((duty.item for duty in mine if duty.item is not None), visit.item),
        subject=visit.subject,
        region=visit.region,
        categories=categories_of(finding.categories),
        disposal=finding.disposal,
        findings=finding.findings,
        inspected_on=finding.inspected_on,
        inspectors=_present(visit, finding, least=least),
    )
    return Decided(result, says=_announced(result))


def _causes(mine: Sequence[Duty]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    requests = {duty.origin for duty in mine if duty.purpose is VisitKind.CLUE}
    draws = {duty.origin for duty in mine if duty.purpose is VisitKind.DRAWN}
    return tuple(sorted(requests)), tuple(sorted(draws))


def _present(visit: Visit, finding: Finding, *, least: int) -> tuple[Member, ...]:
    team = visit.team(finding.department)
    members = {one.inspector: one for one in team.members} if team else {}
    for inspector in finding.inspectors:
        if inspector not in members:
            raise NotOfTheTeam(field="inspectors", got=inspector, expected=sorted(members))
    present = sorted(set(finding.inspectors))
    if len(present) < least:
        raise TeamTooSmall(department=finding.department, got=len(present), least=least)
    return tuple(members[inspector] for inspector in present)


def _announced(result: Result) -> tuple[Fact, ...]:
    """Announce a result that is about somebody; a place without an entity has nobody to tell of."""
    if result.subject is None:
        return ()
    fact = ResultRecorded(
        result=result.id,
        visit=result.visit,
        request=result.requests[0] if result.requests else None,
        requests=result.requests,
        draw=result.draw,
        department=result.department,
        code14=result.code14,
        item=result.item,
        subject=result.subject,
        region=result.region,
        categories=result.categories,
        disposal=result.disposal,
        inspected_on=result.inspected_on,
    )
    return (fact,)
