"""Tables of grades.

`counted` and `standing` are internal: a grade is computed from all records of an entity, not only
from those that the caller of the moment may read. `grade` is what people read, and scoped.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    Column,
    DateTime,
    Index,
    Named,
    PrimaryKeyConstraint,
    Table,
    Text,
    TypedColumns,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from contracts.credit_service import EntityId, RecordId, RecordKind
from contracts.item_registry import ItemId
from credit_service.schema import metadata
from kit.db import INTERNAL, Id, Names


class CountedColumns(TypedColumns):
    """What counts of each credit record; `scope` repeats who may read that record."""

    record: Named[RecordId] = Column(Id[RecordId](), primary_key=True)
    subject: Named[EntityId] = Column(Id[EntityId]())
    item: Named[ItemId | None] = Column(Id[ItemId]())
    kind: Named[RecordKind] = Column(Names(RecordKind))
    detail: Named[str] = Column(Text)
    effective_on: Named[date]
    expires_on: Named[date | None]
    scope: Named[list[str]] = Column(ARRAY(Text))


class StandingColumns(TypedColumns):
    """The grade as it stands, one row an entity and system; `next_on`: look again on that day."""

    id: Named[str] = Column(Text, primary_key=True)
    entity: Named[EntityId] = Column(Id[EntityId]())
    system: Named[str] = Column(Text)
    system_version: Named[int]
    version: Named[int]
    grade: Named[str] = Column(Text)
    points: Named[int]
    base: Named[int]
    lines: Named[list[Any]] = Column(JSONB)
    overrides: Named[list[Any]] = Column(JSONB)
    valid_from: Named[date]
    next_on: Named[date | None]


class GradeColumns(TypedColumns):
    """Every grade that ever stood, with its explanation."""

    id: Named[str] = Column(Text)
    entity: Named[EntityId] = Column(Id[EntityId]())
    system: Named[str] = Column(Text)
    system_version: Named[int]
    version: Named[int]
    grade: Named[str] = Column(Text)
    points: Named[int]
    base: Named[int]
    lines: Named[list[Any]] = Column(JSONB)
    overrides: Named[list[Any]] = Column(JSONB)
    valid_from: Named[date]
    recorded_at: Named[datetime] = Column(DateTime(timezone=True))
    readers: Named[list[str]] = Column(ARRAY(Text))


counted = Table("counted", metadata, CountedColumns, info=INTERNAL)
# "What counts for this entity?", and "whom to grade next under a new version?"
Index("counted_subject", counted.c.subject)

standing = Table("standing", metadata, StandingColumns, info=INTERNAL)
# "Whose grade may change by the day alone?"
Index("standing_next", standing.c.next_on, postgresql_where=standing.c.next_on.is_not(None))
Index("standing_entity", standing.c.entity)

grade = Table("grade", metadata, GradeColumns, PrimaryKeyConstraint("id", "version"))
# "This firm's grades as of a day."
Index("grade_entity", grade.c.entity, grade.c.system, grade.c.version)
