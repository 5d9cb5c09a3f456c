"""SQL of publications."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.errors import NotFound
from contracts.joint_inspection import PublicationId, PublicationKind
from joint_inspection.publication.domain import Publication, PublishedAlready
from joint_inspection.publication.tables import publication
from kit.lists import Paging, page

_VALUE = (
    publication.c.id,
    publication.c.kind,
    publication.c.of,
    publication.c.department,
    publication.c.region,
    publication.c.published_at,
    publication.c.digest,
    publication.c.content,
)


async def add(tx: AsyncConnection, value: Publication) -> None:
    """Write a publication; refuses PublishedAlready."""
    cells = {column.key: getattr(value, column.key) for column in _VALUE}
    row = insert(publication).values(**cells | {"content": dict(value.content)})
    done = await tx.execute(row.on_conflict_do_nothing().returning(publication.c.id))
    if done.one_or_none() is None:
        raise PublishedAlready(of=value.of)


async def get(tx: AsyncConnection, id_: PublicationId) -> Publication:
    """Read one; raises NotFound."""
    row = (await tx.execute(select(*_VALUE).where(publication.c.id == id_))).one_or_none()
    if row is None:
        raise NotFound(publication=id_)
    return Publication(*row)


async def page_publications(
    tx: AsyncConnection, asked: Paging, *, kind: PublicationKind | None, since: datetime | None
) -> tuple[list[Publication], str | None]:
    """List publications in the order in which they were made."""
    query = select(publication.c.published_at, *_VALUE)
    if kind is not None:
        query = query.where(publication.c.kind == kind)
    if since is not None:
        query = query.where(publication.c.published_at >= since)
    by = (publication.c.published_at, publication.c.id)
    rows, next_ = await page(tx, query, by=by, asked=asked)
    return [Publication(*row[1:]) for row in rows], next_
