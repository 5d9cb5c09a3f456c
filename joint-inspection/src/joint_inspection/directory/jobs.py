"""Bulk rows in, for the directories: targets and inspectors."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.errors import Refusal
from contracts.item_registry import RegionId
from contracts.joint_inspection import InspectorId, NewInspector, NewTarget, TargetId
from joint_inspection.directory import domain, store
from joint_inspection.directory.domain import Inspector, Sighting, Target
from kit import places
from kit.jobs import Import, Row, RowFault, Taken, Upload, fault_of


async def _targets(tx: AsyncConnection, rows: Sequence[Row[NewTarget]], upload: Upload) -> Taken:
    source = upload.department or upload.client
    given = [(row, *_target(row.value, source, upload.department)) for row in rows]
    known = await store.get_targets(tx, [value.id for _, value, _ in given])
    chains = await places.chains(tx, [row.value.region for row in rows])
    where = {(row.value.region, row.value.item) for row in rows}
    scopes = await store.scopes(tx, where, chains, (upload.line, upload.department))
    kept: dict[TargetId, tuple[Target, list[str]]] = {}
    sightings = defaultdict[RegionId, list[Sighting]](list)
    faults: list[RowFault] = []
    counts = {"accepted": 0, "provisional": 0, "duplicate": 0, "revised": 0}
    for row, value, sighting in given:
        before = kept[value.id][0] if value.id in kept else known.get(value.id)
        try:
            domain.check_region(value.region, chains)
            after = value if before is None else domain.merged(before, value)
        except Refusal as no:
            faults.append(fault_of(row.number, no))
            continue
        scope = scopes[row.value.region, row.value.item]
        readers = [*(kept[value.id][1] if value.id in kept else []), *scope]
        kept[value.id] = (after, readers)
        counts["accepted"] += 1
        if sighting is not None:
            sightings[value.region].append(sighting)
            counts["provisional"] += 1
        if before is not None:
            counts["duplicate" if before == after else "revised"] += 1
    await store.keep_targets(tx, list(kept.values()))
    await store.sight(tx, sightings)
    return Taken(**counts, faults=tuple(faults))


def _target(new: NewTarget, source: str, department: str | None) -> tuple[Target, Sighting | None]:
    entity, sighting = domain.responsible(source, new.entity, new.name)
    return Target(
        id=TargetId(new.id or domain.target_id(entity, new.region, new.address)),
        name=new.name,
        kind=new.kind,
        region=new.region,
        entity=entity,
        address=new.address,
        items=() if new.item is None else (new.item,),
        department=department,
    ), sighting


async def _inspectors(
    tx: AsyncConnection, rows: Sequence[Row[NewInspector]], _upload: Upload
) -> Taken:
    given = [(row, domain.inspector(row.value)) for row in rows]
    known = await store.lock_inspectors(tx, [one.id for _, one in given])
    kept: dict[InspectorId, Inspector] = {}
    faults: list[RowFault] = []
    duplicate = revised = 0
    for row, value in given:
        before = kept.get(value.id) or known.get(value.id)
        try:
            domain.check_same(before, value)
        except Refusal as no:
            faults.append(fault_of(row.number, no))
            continue
        after = domain.kept(before, value)
        kept[value.id] = after
        duplicate += before == after
        revised += before is not None and before != after
    await store.keep_inspectors(tx, list(kept.values()))
    accepted = len(rows) - len(faults)
    return Taken(accepted, duplicate=duplicate, revised=revised, faults=tuple(faults))


TARGETS = Import("targets", NewTarget, _targets)
INSPECTORS = Import("inspectors", NewInspector, _inspectors)
