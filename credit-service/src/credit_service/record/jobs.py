"""Bulk rows in, for a credit record: a wrong code lands on a provisional subject."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.acts import Act
from contracts.credit_service import CreditRecordNew, RecordId
from contracts.errors import Refusal
from contracts.item_registry import ItemId
from credit_service.entity.domain import is_provisional
from credit_service.grade import store as grades
from credit_service.record import domain, store
from credit_service.record.domain import CreditRecord
from kit.clock import new_id
from kit.db import dealing
from kit.deadlines import shanghai_day
from kit.jobs import Import, Row, RowFault, Taken, Upload, fault_of


async def _made(tx: AsyncConnection, new: CreditRecordNew, upload: Upload) -> CreditRecord:
    now = dealing(tx).now
    department = domain.speaker(upload.department)
    decided = domain.record(
        new,
        id_=RecordId(new_id()),
        subject=await store.about(tx, new, department, new_id()),
        department=department,
        item=ItemId(new.item) if new.item else await store.item_of(tx, new.code14),
        terms=store.terms(new.kind, new.detail, new.effective_on),
        today=shanghai_day(now),
        at=now,
    )
    return decided.value


async def _take(tx: AsyncConnection, rows: Sequence[Row[CreditRecordNew]], upload: Upload) -> Taken:
    made: list[CreditRecord] = []
    faults: list[RowFault] = []
    for row in rows:
        try:
            made.append(await _made(tx, row.value, upload))
        except Refusal as no:
            faults.append(fault_of(row.number, no))
    kept = await store.keep(tx, made)
    await grades.follow(tx, [one.subject for one in kept], Act())
    return Taken(
        accepted=len(made),
        provisional=sum(is_provisional(one.subject) for one in made),
        duplicate=len(made) - len(kept),
        faults=tuple(faults),
    )


IMPORTS = (Import("credit-records", CreditRecordNew, _take),)
