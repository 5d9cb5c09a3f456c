"""`Idempotency-Key`: one effect and one answer, kept where the effect is, in its transaction.

The row is written before the effect: an equal request in flight waits on it and then repeats the
stored answer. Another body under the same key is refused. Refusals roll everything back and are
not kept. Rows older than 72 hours go.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from sqlalchemy import (
    Column,
    DateTime,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.errors import Invalid
from kit.db import INTERNAL, dealing, standing

MAX_KEY = 200
KEPT = timedelta(hours=72)

idempotency = Table(
    "idempotency",
    standing,
    Column("client", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("status", Integer),
    Column("media_type", Text),
    Column("location", Text),
    Column("etag", Text),
    Column("body", LargeBinary),
    Column("at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("client", "key"),
    info=INTERNAL,
)


_KEPT = ("status", "media_type", "body", "location", "etag")


class KeyUsedOtherwise(Invalid):
    """The same key came with another request."""

    code: ClassVar[str] = "idempotency-key-used-otherwise"


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered the first time."""

    status: int
    media_type: str
    body: bytes
    location: str | None = None
    etag: str | None = None


class Replayed(Exception):
    """Raised to leave the ordinary road: the answer is known, nothing is done again."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("replayed")
        self.answer = answer


def digest_of_request(operation: str, body: bytes) -> str:
    """Digest what was asked: method, path with its query, whether unmasked, and body."""
    return hashlib.sha256(operation.encode() + b"\0" + body).hexdigest()


async def claim(tx: AsyncConnection, key: str, operation: str, digest: str) -> None:
    """Take the key for this request; raises Replayed if it was answered, refuses another body."""
    if not 0 < len(key) <= MAX_KEY:
        raise Invalid(field="Idempotency-Key", got=key[:40], expected=f"1-{MAX_KEY} characters")
    about = dealing(tx)
    mine = {"client": about.actor.id, "key": key}
    row = insert(idempotency).values(**mine, operation=operation, digest=digest, at=about.now)
    take = row.on_conflict_do_nothing().returning(idempotency.c.key)
    look = select(*(idempotency.c[name] for name in ("digest", *_KEPT))).filter_by(**mine)
    before = None
    while before is None:
        if (await tx.execute(take)).one_or_none() is not None:
            return
        # Nothing where its 72 hours ended between the two: then it is taken again.
        before = (await tx.execute(look)).one_or_none()
    if before[0] != digest:
        raise KeyUsedOtherwise(field="Idempotency-Key", got=key, expected="a new key")
    raise Replayed(Answer(*before[1:]))


async def keep(tx: AsyncConnection, key: str, answer: Answer) -> None:
    """Keep the answer of a claimed key."""
    change = update(idempotency).filter_by(client=dealing(tx).actor.id, key=key)
    await tx.execute(
        change.values(
            status=answer.status,
            media_type=answer.media_type,
            body=answer.body,
            location=answer.location,
            etag=answer.etag,
        )
    )


async def forget(tx: AsyncConnection) -> None:
    """Delete the keys whose time is over."""
    over = idempotency.c.at < dealing(tx).now - KEPT
    await tx.execute(idempotency.delete().where(over))
