"""HTTP in, for a credit record: load, decide, save; grades follow in the same transaction."""

from typing import Annotated

from fastapi import Query

from contracts.acts import Act
from contracts.credit_service import (
    CreditRecordNew,
    CreditRecordView,
    EntityId,
    RecordId,
    RecordKind,
)
from contracts.item_registry import ItemId
from credit_service.entity import store as entities
from credit_service.entity.domain import identified
from credit_service.grade import store as grades
from credit_service.record import domain, store
from kit.acts import conclude
from kit.context import Caller, Tx
from kit.context import router as routes
from kit.lists import Asked, Page, shown

router = routes("/credit-records")
of_entity = routes("/entities")


@router.post("", status_code=201)
async def add_credit_record(new: CreditRecordNew, tx: Tx, caller: Caller) -> CreditRecordView:
    """Record what the caller's department says of a subject."""
    regions = await entities.regions(tx, [new.region])
    decided = await store.brought(tx, new, caller.department, regions)
    kept = await store.keep(tx, [decided.value])
    domain.only_once(kept, decided.value)
    await conclude(tx, caller, Act(), before=None, decided=decided)
    await grades.follow(tx, [decided.value.subject], Act())
    return CreditRecordView.model_validate(decided.value)


@router.get("")
async def list_credit_records(
    tx: Tx,
    asked: Asked,
    subject: Annotated[str | None, Query(description="监管对象 id or code")] = None,
    item: Annotated[str | None, Query(description="事项")] = None,
    kind: Annotated[RecordKind | None, Query(description="类别")] = None,
) -> Page[CreditRecordView]:
    """List records in order of recording."""
    of = await store.ids_of(tx, identified(subject, "subject")) if subject else None
    rows, next_ = await store.listed(
        tx, asked, subjects=of, item=ItemId(item) if item else None, kind=kind
    )
    return shown(rows, CreditRecordView.model_validate, next_)


@router.get("/{record_id}")
async def get_credit_record(record_id: RecordId, tx: Tx) -> CreditRecordView:
    """Give one record."""
    return CreditRecordView.model_validate(await store.get(tx, record_id))


@of_entity.get("/{entity_id}/records")
async def list_entity_records(entity_id: str, tx: Tx, asked: Asked) -> Page[CreditRecordView]:
    """List what is said of an entity, also under ids that became it."""
    of: tuple[EntityId, ...] = await store.ids_of(tx, identified(entity_id))
    rows, next_ = await store.listed(tx, asked, subjects=of)
    return shown(rows, CreditRecordView.model_validate, next_)
