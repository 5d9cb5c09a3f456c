"""Bulk rows of places: regions and departments, in any order within a file."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.errors import Refusal
from contracts.item_registry import NewDepartment, NewRegion, RegionId
from contracts.says import Decided, Fact
from item_registry.place import domain, store
from kit import outbox
from kit.jobs import Import, Row, RowFault, Taken, Upload, fault_of, job, job_chunk
from kit.uploads import rows_of

M = TypeVar("M", bound=BaseModel)
N = TypeVar("N", NewRegion, NewDepartment)
V = TypeVar("V", domain.Region, domain.Department)


async def _regions(tx: AsyncConnection, rows: Sequence[Row[NewRegion]], upload: Upload) -> Taken:
    tree = await store.tree(tx)
    here = tree.keys() | {row.value.id for row in rows}
    promised: dict[RegionId, RegionId | None] = {}
    if any(row.value.parent not in here for row in rows if row.value.parent):
        promised = {one.id: one.parent async for one in _whole(tx, upload, REGIONS, NewRegion)}
    promised |= {row.value.id: row.value.parent for row in rows}
    before = await store.regions(tx, [row.value.id for row in rows])

    def decide(new: NewRegion) -> tuple[bool, Decided[domain.Region]]:
        known = before.get(new.id)
        decided = domain.take_region(new, known, tree=tree, promised=promised)
        tree[new.id] = new.parent
        before[new.id] = decided.value
        return known is not None, decided

    changed, tally = _decide(rows, decide)
    await store.put_regions(tx, changed)
    await outbox.add(tx, tally.says)
    return tally.taken()


async def _departments(
    tx: AsyncConnection, rows: Sequence[Row[NewDepartment]], upload: Upload
) -> Taken:
    regions = await store.existing_regions(
        tx, {node for row in rows for node in row.value.territory}
    )
    heirs = {row.value.successor for row in rows if row.value.successor}
    agencies = await store.existing_departments(tx, heirs)
    agencies |= {row.value.id for row in rows}
    if heirs - agencies:
        agencies |= {one.id async for one in _whole(tx, upload, DEPARTMENTS, NewDepartment)}
    before = await store.departments(tx, [row.value.id for row in rows])

    def decide(new: NewDepartment) -> tuple[bool, Decided[domain.Department]]:
        known = before.get(new.id)
        decided = domain.take_department(new, known, regions=regions, agencies=agencies)
        before[new.id] = decided.value
        return known is not None, decided

    changed, tally = _decide(rows, decide)
    await store.put_departments(tx, changed)
    await outbox.add(tx, tally.says)
    return tally.taken()


def _decide(
    rows: Sequence[Row[N]], decide: Callable[[N], tuple[bool, Decided[V]]]
) -> tuple[list[V], "_Tally"]:
    """Decide on rows in their order, each on what those before it left; gives what changed."""
    changed: dict[str, V] = {}
    tally = _Tally()
    for row in rows:
        try:
            known, decided = decide(row.value)
        except Refusal as no:
            tally.faults.append(fault_of(row.number, no))
            continue
        tally.count(known=known, says=decided.says)
        changed[row.value.id] = decided.value
    return list(changed.values()), tally


class _Tally:
    """How a batch goes: what is new, the same as before, changed, or wrong, and what is said."""

    def __init__(self) -> None:
        self.new = self.same = self.changed = 0
        self.faults: list[RowFault] = []
        self.says: list[Fact] = []

    def count(self, *, known: bool, says: Sequence[Fact]) -> None:
        """Note one accepted row."""
        self.new += not known
        self.same += not says
        self.changed += known and bool(says)
        self.says += says

    def taken(self) -> Taken:
        """Give what the job reports."""
        accepted = self.new + self.same + self.changed
        return Taken(accepted, duplicate=self.same, revised=self.changed, faults=tuple(self.faults))


async def _whole(
    tx: AsyncConnection, upload: Upload, spec: Import, model: type[M]
) -> AsyncIterator[M]:
    """Read every good row of the file, also those that come after this batch."""
    media = (await tx.execute(select(job.c.media).where(job.c.id == upload.job))).scalar_one()
    try:
        async for raws in rows_of(_chunks(tx, upload.job), spec.reading(media)):
            for raw in raws:
                try:
                    yield model.model_validate(raw.fields)
                except ValidationError:
                    continue
    except Refusal:
        # The file ends here for the job too, which says so when it comes to this place.
        return


async def _chunks(tx: AsyncConnection, id_: str) -> AsyncIterator[bytes]:
    query = select(job_chunk.c.data).where(job_chunk.c.job == id_).order_by(job_chunk.c.number)
    async for (data,) in await tx.stream(query):
        yield bytes(data)


REGIONS = Import("regions", NewRegion, _regions)
DEPARTMENTS = Import("departments", NewDepartment, _departments)
