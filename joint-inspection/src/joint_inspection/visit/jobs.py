"""Bulk rows in, for visits: those that other systems made, so that caps count them."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.credit_service import EntityId
from contracts.errors import Refusal
from contracts.item_registry import RegionId
from contracts.joint_inspection import PastVisit, TargetKind, VisitId
from joint_inspection.directory import domain as directory
from joint_inspection.directory import store as targets
from joint_inspection.directory.domain import Sighting, Target
from joint_inspection.visit import store
from joint_inspection.visit.domain import past
from joint_inspection.visit.domain.visits import Visit
from kit.db import dealing
from kit.deadlines import shanghai_day
from kit.jobs import Import, Row, RowFault, Taken, Upload, fault_of


async def _past(tx: AsyncConnection, rows: Sequence[Row[PastVisit]], upload: Upload) -> Taken:
    source = upload.department or upload.client
    sightings = defaultdict[RegionId, list[Sighting]](list)
    values = dict[VisitId, Visit]()
    places: dict[str, Target] = {}
    faults: list[RowFault] = []
    before = await store.known(tx, [VisitId(row.value.id) for row in rows if row.value.id])
    for row in rows:
        subject, sighting = directory.responsible(source, row.value.entity, row.value.name)
        place = _place(row.value, subject)
        visit = past.visit(row.value, place)
        try:
            past.check(visit, before.get(visit.id), today=shanghai_day(dealing(tx).now))
        except Refusal as no:
            faults.append(fault_of(row.number, no))
            continue
        if sighting is not None:
            sightings[row.value.region].append(sighting)
        places.setdefault(place.id, place)
        values[visit.id] = visit
    known = await targets.get_targets(tx, places)
    new = [place for id_, place in places.items() if id_ not in known]
    for place in new:
        item = place.items[0] if place.items else None
        readers = await targets.scope(tx, place.region, item, (upload.line, upload.department))
        await targets.keep_targets(tx, [(place, readers)])
    before = await store.known(tx, values)
    scopes = await store.scopes(tx, values.values())
    await store.add(tx, [(one, scopes[one.id]) for one in values.values()])
    await targets.sight(tx, sightings)
    same = sum(before.get(id_) == one for id_, one in values.items())
    return Taken(
        len(rows) - len(faults),
        provisional=sum(map(len, sightings.values())),
        duplicate=same + len(rows) - len(faults) - len(values),
        revised=len(before) - same,
        faults=tuple(faults),
    )


def _place(row: PastVisit, subject: EntityId | None) -> Target:
    return Target(
        id=directory.target_id(subject, row.region, "" if subject else row.name),
        name=row.name,
        kind=TargetKind.PREMISES,
        region=row.region,
        entity=subject,
        address="",
        items=() if row.item is None else (row.item,),
        department=None,
    )


VISITS = Import("visits", PastVisit, _past)
