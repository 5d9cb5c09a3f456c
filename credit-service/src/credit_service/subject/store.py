"""SQL of a provisional subject, and the one road on which one becomes known."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import array, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.acts import Act
from contracts.credit_service import EntityId
from contracts.errors import NotFound
from credit_service.entity import store as entities
from credit_service.subject import domain
from credit_service.subject.domain import ProvisionalSubject
from credit_service.subject.tables import provisional_subject
from kit import crypto, places
from kit.acts import conclude
from kit.db import dealing
from kit.lists import Paging, page

_NAMES = tuple(ProvisionalSubject.__dataclass_fields__)
_VALUE = tuple(provisional_subject.c[name] for name in _NAMES)


def _sealed(tx: AsyncConnection, subject: ProvisionalSubject) -> str | None:
    return crypto.seal(tx, subject.raw, f"provisional_subject.raw/{subject.id}")


def _opened(tx: AsyncConnection, row: Sequence[Any]) -> ProvisionalSubject:
    kept = ProvisionalSubject(*row)
    raw = crypto.unseal(tx, kept.raw, f"provisional_subject.raw/{kept.id}")
    return replace(kept, raw=raw)


async def _readers(tx: AsyncConnection, subject: ProvisionalSubject) -> list[str]:
    nodes = await places.chain(tx, subject.region) if subject.region else ()
    brought = (await places.agencies(tx, [subject.source])).get(subject.source)
    return places.readers(nodes, [brought.line if brought else None], [subject.source])


async def meet(tx: AsyncConnection, subject: ProvisionalSubject, act: Act) -> None:
    """Keep a subject that is met for the first time and announce it; else only widen its scope."""
    readers = await _readers(tx, subject)
    row = {name: getattr(subject, name) for name in _NAMES} | {"raw": _sealed(tx, subject)}
    first = insert(provisional_subject).values(**row, readers=readers).on_conflict_do_nothing()
    taken = await tx.execute(first.returning(provisional_subject.c.id))
    if taken.one_or_none() is None:
        await _widen(tx, subject.id, readers)
        return
    await entities.save(tx, [domain.entity_of(subject)])
    await conclude(tx, dealing(tx).actor, act, before=None, decided=domain.sighted(subject))


async def _widen(tx: AsyncConnection, id_: EntityId, readers: list[str]) -> None:
    both = func.array_cat(provisional_subject.c.readers, array(readers))
    key = func.unnest(both).column_valued("key")
    merged = select(func.array_agg(key.distinct())).scalar_subquery()
    change = provisional_subject.update().where(provisional_subject.c.id == id_)
    await tx.execute(change.values(readers=merged))


async def get(tx: AsyncConnection, id_: EntityId) -> ProvisionalSubject:
    """Read one; raises NotFound, also when out of scope."""
    row = (await tx.execute(select(*_VALUE).where(provisional_subject.c.id == id_))).one_or_none()
    if row is None:
        raise NotFound(provisional_subject=id_)
    return _opened(tx, row)


async def lock(tx: AsyncConnection, id_: EntityId) -> ProvisionalSubject:
    """Read one and hold it until the transaction ends; raises NotFound, also when out of scope."""
    query = select(*_VALUE).where(provisional_subject.c.id == id_).with_for_update()
    row = (await tx.execute(query)).one_or_none()
    if row is None:
        raise NotFound(provisional_subject=id_)
    return _opened(tx, row)


async def save(tx: AsyncConnection, value: ProvisionalSubject) -> None:
    """Write back who it is; what is sealed comes under the current key."""
    change = provisional_subject.update().where(provisional_subject.c.id == value.id)
    await tx.execute(
        change.values(
            entity=value.entity,
            batch=value.batch,
            version=value.version,
            raw=_sealed(tx, value),
        )
    )


async def listed(
    tx: AsyncConnection, *, open_only: bool, asked: Paging
) -> tuple[list[ProvisionalSubject], str | None]:
    """Give one page by id."""
    query = select(*_VALUE)
    if open_only:
        query = query.where(provisional_subject.c.entity.is_(None))
    rows, next_ = await page(tx, query, by=(provisional_subject.c.id,), asked=asked)
    return [_opened(tx, row) for row in rows], next_
