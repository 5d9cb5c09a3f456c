"""HTTP in, for publications: made by departments and supervisors, read by everybody."""

from dataclasses import replace
from datetime import datetime
from typing import Any, assert_never

from pydantic import AwareDatetime

from contracts.acts import Act
from contracts.credit_service import EntityKind
from contracts.item_registry import DepartmentId
from contracts.joint_inspection import (
    NewPublication,
    PublicationId,
    PublicationKind,
    PublicationView,
    VisitId,
)
from contracts.roles import Role
from contracts.says import Decided
from joint_inspection.draw import store as draws
from joint_inspection.draw.domain.rounds import DrawId
from joint_inspection.publication import domain, store
from joint_inspection.publication.domain import Publication, Publishing
from joint_inspection.visit import store as visits
from joint_inspection.visit.domain.visits import Visit
from kit import entities
from kit.acts import conclude
from kit.clock import new_id
from kit.context import Caller, Now, Tx, router
from kit.db import digest_of
from kit.lists import Asked, Page, shown

publications = router("/publications")


@publications.get("")
async def list_publications(
    tx: Tx, asked: Asked, kind: PublicationKind | None = None, since: AwareDatetime | None = None
) -> Page[PublicationView]:
    """List what was published."""
    found, next_ = await store.page_publications(tx, asked, kind=kind, since=since)
    return shown(found, PublicationView.model_validate, next_)


@publications.get("/{publication_id}")
async def get_publication(publication_id: PublicationId, tx: Tx) -> PublicationView:
    """Give one publication."""
    return PublicationView.model_validate(await store.get(tx, publication_id))


@publications.post("", status_code=201)
async def publish(new: NewPublication, tx: Tx, caller: Caller, now: Now) -> PublicationView:
    """Publish a plan, a draw or the results of a visit."""
    publishing = Publishing(
        id=PublicationId(new_id()),
        by=DepartmentId(caller.department or caller.id),
        supervises=Role.SUPERVISOR in caller.roles,
        at=now,
    )
    match new.kind:
        case PublicationKind.RESULT:
            decided = await _results(tx, publishing, VisitId(new.of), now)
            of = f"visit/{new.of}"
        case PublicationKind.PLAN | PublicationKind.DRAW:
            decided = await _draw(tx, publishing, new)
            of = f"draw/{new.of}"
        case _:
            assert_never(new.kind)
    await store.add(tx, decided.value)
    await conclude(tx, caller, Act(), before=None, decided=decided, of=of)
    return PublicationView.model_validate(decided.value)


async def _results(
    tx: Tx, publishing: Publishing, id_: VisitId, now: datetime
) -> Decided[Publication]:
    visit = await visits.lock(tx, id_)
    known = await visits.results_of(tx, id_)
    content = domain.result_content(visit, known, await _name(tx, visit))
    digest = digest_of(content)
    decided = domain.publish(
        publishing, PublicationKind.RESULT, visit, content=content, digest=digest
    )
    await visits.save(tx, replace(visit, published_at=now))
    return decided


async def _draw(tx: Tx, publishing: Publishing, new: NewPublication) -> Decided[Publication]:
    draw = await draws.get(tx, DrawId(new.of))
    plan = new.kind is PublicationKind.PLAN
    content: dict[str, Any] = domain.plan_content(draw) if plan else domain.draw_content(draw)
    return domain.publish(publishing, new.kind, draw, content=content, digest=digest_of(content))


async def _name(tx: Tx, visit: Visit) -> str | None:
    """Give the name of a legal person or organisation; sole traders' names are a person's."""
    if visit.subject is None:
        return None
    found = (await entities.known(tx, [visit.subject])).get(visit.subject)
    public = {EntityKind.LEGAL_PERSON.value, EntityKind.ORGANISATION.value}
    return found.name if found is not None and found.kind in public else None
