"""HTTP in, for a provisional subject: load, decide, save and announce; no rule stands here."""

from typing import Annotated

from fastapi import Query

from contracts.credit_service import EntityId, ResolveSubject, SubjectView
from credit_service.entity import store as entities
from credit_service.entity.domain import identified
from credit_service.grade import store as grades
from credit_service.subject import domain, store
from kit.acts import conclude
from kit.clock import new_id
from kit.context import Caller, Tx
from kit.context import router as routes
from kit.lists import Asked, Page, shown

router = routes("/provisional-subjects")


@router.get("")
async def list_provisional_subjects(
    tx: Tx,
    asked: Asked,
    open_only: Annotated[bool, Query(alias="open", description="只看未核实的")] = False,  # noqa: FBT002 - a query
) -> Page[SubjectView]:
    """List provisional subjects by id."""
    rows, next_ = await store.listed(tx, open_only=open_only, asked=asked)
    return shown(rows, SubjectView.model_validate, next_)


@router.get("/{subject_id}")
async def get_provisional_subject(subject_id: EntityId, tx: Tx) -> SubjectView:
    """Give one provisional subject."""
    return SubjectView.model_validate(await store.get(tx, subject_id))


@router.post("/{subject_id}:resolve")
async def resolve_provisional_subject(
    subject_id: EntityId, act: ResolveSubject, tx: Tx, caller: Caller
) -> SubjectView:
    """Say which entity a provisional subject is; its records then count for that entity."""
    subject = await store.lock(tx, subject_id)
    await entities.hold(tx)
    into, _ = await entities.followed(tx, identified(act.entity, "entity"))
    row, _ = await entities.followed(tx, subject.id)
    decided, alias = domain.resolve(subject, row, into=into, reason=act.reason, batch=new_id())
    await store.save(tx, decided.value)
    await entities.save(tx, [alias])
    last = f"entity/{subject.batch}"
    await conclude(tx, caller, act, before=subject, decided=decided, of=last)
    await grades.follow(tx, [into.id], act)
    return SubjectView.model_validate(decided.value)
