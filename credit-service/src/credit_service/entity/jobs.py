"""Bulk rows in, for an entity: the one import that refuses a bad code."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.credit_service import EntityId, EntityNew
from contracts.errors import Refusal
from credit_service.entity import domain, store
from credit_service.entity.domain import CodeNamesNobody
from kit import outbox
from kit.clock import new_id
from kit.jobs import Import, Row, RowFault, Taken, Upload, fault_of


async def _take(tx: AsyncConnection, rows: Sequence[Row[EntityNew]], _upload: Upload) -> Taken:
    good: list[tuple[EntityId, EntityNew]] = []
    faults: list[RowFault] = []
    regions = await store.regions(tx, {row.value.region for row in rows})
    for row in rows:
        try:
            id_ = domain.registrable(row.value.code)
            domain.agreed(id_, row.value.kind)
            domain.placed(row.value.region, regions)
        except CodeNamesNobody as no:
            faults.append(RowFault(row.number, "code", str(no.facts["fault"]), dict(no.facts)))
        except Refusal as no:
            faults.append(fault_of(row.number, no))
        else:
            good.append((id_, row.value))
    await store.hold(tx)
    taken = domain.take(good, await store.known(tx, (id_ for id_, _ in good)))
    parcels = domain.parcels(taken.changed)
    await store.save(tx, taken.changed)
    await outbox.add(tx, domain.announced(parcels, [new_id() for _ in parcels]))
    return Taken(
        accepted=len(good),
        duplicate=taken.duplicate,
        revised=taken.revised,
        faults=tuple(faults),
    )


IMPORTS = (Import("entities", EntityNew, _take),)
