"""Bulk rows in, for visits: those that other systems made, so that caps count them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TypeAlias

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.credit_service import EntityId
from contracts.errors import Refusal
from contracts.item_registry import RegionId
from contracts.joint_inspection import PastVisit, TargetId, VisitId
from joint_inspection.directory import domain as directory
from joint_inspection.directory import store as targets
from joint_inspection.directory.domain import Sighting, Target
from joint_inspection.visit import store
from joint_inspection.visit.domain import past
from joint_inspection.visit.domain.visits import Visit
from kit import places
from kit.db import dealing
from kit.deadlines import shanghai_day
from kit.jobs import Import, Row, RowFault, Taken, Upload, fault_of

Near: TypeAlias = Sequence[tuple[Target, Sequence[RegionId]]]


async def _past(tx: AsyncConnection, rows: Sequence[Row[PastVisit]], upload: Upload) -> Taken:
    sightings = defaultdict[RegionId, list[Sighting]](list)
    values = dict[VisitId, Visit]()
    found = dict[TargetId, Target]()
    faults: list[RowFault] = []
    given = [(row, *_responsible(row.value, upload)) for row in rows]
    near = await _near(tx, {subject for _, subject, _ in given if subject is not None})
    chains = await places.chains(tx, [row.value.region for row in rows])
    before = await store.known(tx, [past.id_of(row.value, subject) for row, subject, _ in given])
    stood = await targets.get_targets(tx, {one.target for one in before.values()})
    for row, subject, sighting in given:
        chain = chains.get(row.value.region, ())
        known = before.get(past.id_of(row.value, subject))
        place = stood.get(known.target) if known and row.value.id is None else None
        place = place or past.place(row.value, subject, near.get(subject, ()), chain)
        visit = past.visit(row.value, place, subject, source=upload.department or upload.client)
        if row.value.id is None and known is not None and known.source != visit.source:
            visit = known  # two sources tell of one visit: the first one's stands
        try:
            directory.check_region(row.value.region, chains)
            past.check(visit, known, today=shanghai_day(dealing(tx).now))
        except Refusal as no:
            faults.append(fault_of(row.number, no))
            continue
        if sighting is not None:
            sightings[row.value.region].append(sighting)
        found.setdefault(place.id, place)
        values[visit.id] = visit
    await _keep_new(tx, found, chains, (upload.line, upload.department))
    scopes = await store.scopes(tx, values.values())
    await store.add(tx, [(one, scopes[one.id]) for one in values.values()])
    await targets.sight(tx, sightings)
    same = sum(before.get(id_) == one for id_, one in values.items())
    return Taken(
        len(rows) - len(faults),
        provisional=sum(map(len, sightings.values())),
        duplicate=same + len(rows) - len(faults) - len(values),
        revised=sum(id_ in before for id_ in values) - same,
        faults=tuple(faults),
    )


def _responsible(row: PastVisit, upload: Upload) -> tuple[EntityId | None, Sighting | None]:
    return directory.responsible(upload.department or upload.client, row.entity, row.name)


async def _near(
    tx: AsyncConnection, subjects: AbstractSet[EntityId]
) -> dict[EntityId | None, Near]:
    """Read the targets of subjects, each with its chain of regions."""
    known = await targets.of_subjects(tx, subjects)
    chains = await places.chains(tx, {one.region for several in known.values() for one in several})
    return {
        subject: [(one, chains.get(one.region, (one.region,))) for one in several]
        for subject, several in known.items()
    }


async def _keep_new(
    tx: AsyncConnection,
    found: Mapping[TargetId, Target],
    chains: Mapping[RegionId, tuple[RegionId, ...]],
    keeper: Sequence[str | None],
) -> None:
    known = await targets.get_targets(tx, found)
    new = {
        place: (place.region, next(iter(place.items), None))
        for id_, place in found.items()
        if id_ not in known
    }
    scopes = await targets.scopes(tx, new.values(), chains, keeper)
    await targets.keep_targets(tx, [(place, scopes[where]) for place, where in new.items()])


VISITS = Import("visits", PastVisit, _past)
