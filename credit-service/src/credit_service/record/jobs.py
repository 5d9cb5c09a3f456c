"""Bulk rows in, for a credit record: a wrong code lands on a provisional subject."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.acts import Act
from contracts.credit_service import CreditRecordNew
from contracts.errors import Refusal
from credit_service.entity import store as entities
from credit_service.entity.domain import is_provisional
from credit_service.grade import store as grades
from credit_service.record import store
from kit.jobs import Import, Row, RowFault, Taken, Upload, fault_of


async def _take(tx: AsyncConnection, rows: Sequence[Row[CreditRecordNew]], upload: Upload) -> Taken:
    made = []
    faults: list[RowFault] = []
    regions = await entities.regions(tx, {row.value.region for row in rows})
    for row in rows:
        try:
            decided = await store.brought(tx, row.value, upload.department, regions)
        except Refusal as no:
            faults.append(fault_of(row.number, no))
        else:
            made.append(decided.value)
    kept = await store.keep(tx, made)
    await grades.follow(tx, [one.subject for one in kept], Act())
    return Taken(
        accepted=len(made),
        provisional=sum(is_provisional(one.subject) for one in made),
        duplicate=len(made) - len(kept),
        faults=tuple(faults),
    )


IMPORTS = (Import("credit-records", CreditRecordNew, _take),)
