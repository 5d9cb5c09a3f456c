"""HTTP in, for a provisional subject: load, decide, save and announce; no rule stands here."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import Query

from contracts.credit_service import CandidateView, EntityId, ResolveSubject, SubjectView
from credit_service.entity import store as entities
from credit_service.entity.domain import Entity, identified
from credit_service.grade import store as grades
from credit_service.subject import domain, store
from credit_service.subject.domain import Neighbour, ProvisionalSubject
from kit.acts import conclude
from kit.clock import new_id
from kit.context import Caller, Tx
from kit.context import router as routes
from kit.lists import Asked, Page

router = routes("/provisional-subjects")


async def _shown(tx: Tx, subjects: Sequence[ProvisionalSubject]) -> list[SubjectView]:
    """Show subjects with whom they may be, all looked up in one query."""
    near = {one.id: domain.neighbours(one.raw) for one in subjects if one.entity is None}
    known = await entities.known(tx, (each.id for some in near.values() for each in some))
    return [
        SubjectView.model_validate(one).model_copy(
            update={"candidates": _candidates(one, near.get(one.id, ()), known)}
        )
        for one in subjects
    ]


def _candidates(
    subject: ProvisionalSubject, near: Sequence[Neighbour], known: Mapping[EntityId, Entity]
) -> tuple[CandidateView, ...]:
    found = domain.candidates(subject, near, known)
    return tuple(CandidateView.model_validate(one) for one in found)


@router.get("")
async def list_provisional_subjects(
    tx: Tx,
    asked: Asked,
    open_only: Annotated[bool, Query(alias="open", description="只看未核实的")] = False,  # noqa: FBT002 - a query
) -> Page[SubjectView]:
    """List provisional subjects by id, each with whom it may be."""
    rows, next_ = await store.listed(tx, open_only=open_only, asked=asked)
    return Page(items=await _shown(tx, rows), next=next_)


@router.get("/{subject_id}")
async def get_provisional_subject(subject_id: EntityId, tx: Tx) -> SubjectView:
    """Give one provisional subject with whom it may be."""
    (view,) = await _shown(tx, [await store.get(tx, subject_id)])
    return view


@router.post("/{subject_id}:resolve")
async def resolve_provisional_subject(
    subject_id: EntityId, act: ResolveSubject, tx: Tx, caller: Caller
) -> SubjectView:
    """Say which entity a provisional subject is; its records then count for that entity."""
    subject = await store.lock(tx, subject_id)
    await entities.hold(tx)
    into, row = await entities.resolving(tx, identified(act.entity, "entity"), subject.id)
    decided, alias = domain.resolve(subject, row, into=into, reason=act.reason, batch=new_id())
    await store.save(tx, decided.value)
    await entities.save(tx, [alias])
    last = f"entity/{subject.batch}"
    await conclude(tx, caller, act, before=subject, decided=decided, of=last)
    await grades.follow(tx, [subject.id], act)
    return SubjectView.model_validate(decided.value)
