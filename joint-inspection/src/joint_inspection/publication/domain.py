"""Rules of publication 公示: plans and draws, and results within their term (国发〔2019〕5号).

Never a grade, never personal data: inspectors, findings in words and the names of natural persons
and sole traders stay inside.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts.errors import Conflict, Forbidden
from contracts.item_registry import DepartmentId, RegionId
from contracts.joint_inspection import PublicationId, PublicationKind, PublicationPublished
from contracts.says import Decided
from joint_inspection.draw.domain.rounds import Draw, State
from joint_inspection.visit.domain.results import Result
from joint_inspection.visit.domain.visits import State as VisitState
from joint_inspection.visit.domain.visits import Visit

_UNRESOLVED = "prov-"


class NothingToPublish(Conflict):
    """A plan is published when frozen, a draw when completed, results when the visit is over."""

    code = "publication-nothing-yet"


class PublishedAlready(Conflict):
    """It is public already."""

    code = "publication-already"


class NotYoursToPublish(Forbidden):
    """谁检查、谁公开: a department of the visit or the draw publishes, or a supervisor."""

    code = "publication-not-yours"


@dataclass(frozen=True, slots=True)
class Publication:
    """What was published, by whom, when; `digest` is over `content`."""

    id: PublicationId
    kind: PublicationKind
    of: str
    department: DepartmentId
    region: RegionId
    published_at: datetime
    digest: str
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Publishing:
    """Who publishes, when, under which id, and whether as a supervisor."""

    id: PublicationId
    by: DepartmentId
    supervises: bool
    at: datetime


def plan_content(draw: Draw) -> dict[str, Any]:
    """Say what a frozen plan makes public; refuses NothingToPublish."""
    if draw.plan is None:
        raise NothingToPublish(of=draw.id, state=draw.state)
    return {
        "draw": draw.id,
        "series": draw.series,
        "department": draw.department,
        "departments": [part.department for part in draw.plan.departments],
        "parties": list(draw.plan.parties),
        "plan_digest": draw.plan_digest,
        "file": f"/api/v1/draws/{draw.id}/file",
    }


def draw_content(draw: Draw) -> dict[str, Any]:
    """Say what a completed draw makes public; refuses NothingToPublish."""
    if draw.state is not State.COMPLETED:
        raise NothingToPublish(of=draw.id, state=draw.state)
    return plan_content(draw) | {"result_digest": draw.result_digest}


def result_content(
    visit: Visit, results: Iterable[Result], subject_name: str | None
) -> dict[str, Any]:
    """Say what a finished visit makes public; refuses NothingToPublish, PublishedAlready.

    `subject_name` is None where it could be a person's.
    """
    if visit.state is not VisitState.FINISHED or visit.elsewhere:
        raise NothingToPublish(of=visit.id, state=visit.state)
    if visit.published_at is not None:
        raise PublishedAlready(of=visit.id)
    resolved = visit.subject is not None and not visit.subject.startswith(_UNRESOLVED)
    return {
        "visit": visit.id,
        "kind": visit.kind,
        "subject": visit.subject if resolved else None,
        "subject_name": subject_name if resolved else None,
        "results": [
            {
                "department": one.department,
                "code14": one.code14,
                "categories": list(one.categories),
                "inspected_on": one.inspected_on.isoformat(),
            }
            for one in results
        ],
    }


def publish(
    publishing: Publishing,
    kind: PublicationKind,
    about: Visit | Draw,
    *,
    content: Mapping[str, Any],
    digest: str,
) -> Decided[Publication]:
    """Publish content; refuses NotYoursToPublish."""
    mine = {about.lead, *about.departments} if isinstance(about, Visit) else {about.department}
    if not publishing.supervises and publishing.by not in mine:
        raise NotYoursToPublish(of=about.id, yours=publishing.by)
    made = Publication(
        id=publishing.id,
        kind=kind,
        of=about.id,
        department=publishing.by,
        region=about.region,
        published_at=publishing.at,
        digest=digest,
        content=content,
    )
    fact = PublicationPublished(publication=made.id, kind_=kind, digest=digest, region=about.region)
    return Decided(made, says=(fact,))
