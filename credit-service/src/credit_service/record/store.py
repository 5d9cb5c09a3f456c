"""SQL of a credit record: functions from a connection to values."""

from collections.abc import Collection, Sequence
from datetime import date

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.acts import Act
from contracts.credit_service import CreditRecordNew, EntityId, RecordId, RecordKind
from contracts.errors import NotFound
from contracts.item_registry import DepartmentId, ItemId, RegionId
from contracts.says import Decided
from credit_service.entity import store as entities
from credit_service.entity.domain import is_provisional, placed
from credit_service.grade import store as grades
from credit_service.record import domain
from credit_service.record.domain import CreditRecord, Terms
from credit_service.record.tables import credit_record
from credit_service.subject import store as subjects
from credit_service.subject.domain import ProvisionalSubject
from kit import items, places, policy
from kit.clock import new_id
from kit.codes import normalise
from kit.db import dealing
from kit.deadlines import shanghai_day
from kit.lists import Paging, page

_NAMES = tuple(CreditRecord.__dataclass_fields__)
_VALUE = tuple(credit_record.c[name] for name in _NAMES)
_OWN = "credit-service"


def terms(kind: RecordKind, detail: str, on: date) -> Terms:
    """Give the terms of a kind of record on a day: of its detail, else of any; refuses NoPolicy."""
    rows = policy.load("credit_service")
    key = f"record.{kind}.{detail}"
    known = any(row.key == key for row in rows)
    row = policy.in_force(rows, key if known else f"record.{kind}.any", on)
    return Terms(row.values.get("counts_months"), row.values.get("repair_months"), row.basis)


async def item_of(tx: AsyncConnection, code14: str | None) -> ItemId | None:
    """Give the one shared item that a catalogue code belongs to; None for none or several."""
    if code14 is None:
        return None
    query = select(items.item.c.item).where(items.item.c.codes14.contains([code14])).limit(2)
    found = (await tx.execute(query)).scalars().all()
    return ItemId(found[0]) if len(found) == 1 else None


async def brought(
    tx: AsyncConnection, new: CreditRecordNew, by: str | None, regions: Collection[RegionId]
) -> Decided[CreditRecord]:
    """Take what a department brings, by hand or in a file; `regions` are the known ones."""
    now = dealing(tx).now
    department = domain.speaker(by)
    placed(new.region, regions)
    return domain.record(
        new,
        id_=RecordId(new_id()),
        subject=await about(tx, new, department, new_id()),
        department=department,
        item=ItemId(new.item) if new.item else await item_of(tx, new.code14),
        terms=terms(new.kind, new.detail, new.effective_on),
        today=shanghai_day(now),
        at=now,
    )


async def about(
    tx: AsyncConnection, new: CreditRecordNew, department: DepartmentId, batch: str
) -> EntityId:
    """Give whom a record is about; one that nobody can name becomes a provisional subject.

    `batch` is the id of the announcement that this may need.
    """
    id_, fault = domain.whom(department, new.subject, new.name)
    if fault is not None:
        hidden = fault.code == "code-person"
        subject = ProvisionalSubject(
            id=id_,
            source=department,
            fault=fault.code,
            raw=None if hidden else normalise(new.subject or "") or None,
            region=RegionId(new.region),
            sighted_by=_OWN,
            sighted_at=dealing(tx).now,
            batch=batch,
        )
        await subjects.meet(tx, subject, Act())
    elif is_provisional(id_) and not await entities.known(tx, [id_]):
        raise NotFound(provisional_subject=id_)
    return id_


async def keep(tx: AsyncConnection, records: Sequence[CreditRecord]) -> list[CreditRecord]:
    """Write records whose origin is new, and what counts of them; gives those."""
    if not records:
        return []
    scopes = await _scopes(tx, records)
    rows = [
        {name: getattr(one, name) for name in _NAMES} | {"readers": scopes[one.id]}
        for one in records
    ]
    new = insert(credit_record).values(rows).on_conflict_do_nothing()
    written = set((await tx.execute(new.returning(credit_record.c.id))).scalars())
    kept = [one for one in records if one.id in written]
    await grades.count(tx, [domain.entry_of(one, scopes[one.id]) for one in kept])
    return kept


async def _scopes(
    tx: AsyncConnection, records: Collection[CreditRecord]
) -> dict[RecordId, list[str]]:
    """Say who may read each: its department, that line and the item's lines at its place."""
    chains = await places.chains(tx, {one.region for one in records})
    agencies = await places.agencies(tx, {one.department for one in records})
    lines = await _lines(tx, {(one.item, one.region) for one in records}, chains)
    made: dict[RecordId, list[str]] = {}
    for one in records:
        nodes = chains.get(one.region, (one.region,))
        said = agencies.get(one.department)
        of_item = lines[one.item, one.region]
        made[one.id] = places.readers(
            nodes, [said.line if said else None, *of_item], [one.department]
        )
    return made


async def _lines(
    tx: AsyncConnection,
    wanted: Collection[tuple[ItemId | None, RegionId]],
    chains: dict[RegionId, tuple[RegionId, ...]],
) -> dict[tuple[ItemId | None, RegionId], list[str]]:
    """Give the lines that lead or cooperate in an item at a place (joint credit supervision)."""
    found: dict[tuple[ItemId | None, RegionId], list[str]] = {}
    for item, region in wanted:
        known = await items.known(tx, item, chains.get(region, ())) if item else None
        duties = known.duties if known else ()
        found[item, region] = sorted({duty.line for duty in duties})
    return found


async def get(tx: AsyncConnection, id_: RecordId) -> CreditRecord:
    """Read one; raises NotFound, also when out of scope."""
    row = (await tx.execute(select(*_VALUE).where(credit_record.c.id == id_))).one_or_none()
    if row is None:
        raise NotFound(credit_record=id_)
    return CreditRecord(*row)


async def listed(
    tx: AsyncConnection,
    asked: Paging,
    *,
    subjects: Collection[EntityId] | None = None,
    item: ItemId | None = None,
    kind: RecordKind | None = None,
) -> tuple[list[CreditRecord], str | None]:
    """Give one page in order of recording."""
    query = select(*_VALUE)
    if subjects is not None:
        query = query.where(credit_record.c.subject.in_(sorted(subjects)))
    if item is not None:
        query = query.where(credit_record.c.item == item)
    if kind is not None:
        query = query.where(credit_record.c.kind == kind)
    rows, next_ = await page(tx, query, by=(credit_record.c.id,), asked=asked)
    return [CreditRecord(*row) for row in rows], next_


async def ids_of(tx: AsyncConnection, id_: EntityId) -> tuple[EntityId, ...]:
    """Give every id of the subject that an id means, under which records may stand."""
    present = (await entities.became(tx, [id_]))[id_]
    return (await entities.every_id(tx, [present]))[present]
