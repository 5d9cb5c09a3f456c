"""Tables of a draw: open to all callers from the freeze on, since handles tell nothing."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    Named,
    Table,
    Text,
    TypedColumns,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from contracts.item_registry import DepartmentId, RegionId
from contracts.joint_inspection import PoolId
from joint_inspection.draw.domain.handles import Digest
from joint_inspection.draw.domain.rounds import DrawId, State
from joint_inspection.schema import metadata
from kit.db import INTERNAL, OPEN, Id, Names


class DrawColumns(TypedColumns):
    """One row a draw; plan and result as the bytes that their digests are over."""

    id: Named[DrawId] = Column(Id[DrawId](), primary_key=True)
    series: Named[str]
    department: Named[DepartmentId] = Column(Id[DepartmentId]())
    region: Named[RegionId] = Column(Id[RegionId]())
    state: Named[State] = Column(Names(State))
    version: Named[int]
    pool: Named[PoolId] = Column(Id[PoolId]())
    asked: Named[Any] = Column(JSONB, nullable=False)
    plan: Named[bytes | None] = Column(LargeBinary)
    plan_digest: Named[Digest | None] = Column(Id[Digest]())
    frozen_at: Named[datetime | None] = Column(DateTime(timezone=True))
    result: Named[bytes | None] = Column(LargeBinary)
    result_digest: Named[Digest | None] = Column(Id[Digest]())
    silent: Named[tuple[DepartmentId, ...]] = Column(ARRAY(Text, as_tuple=True))


class ListColumns(TypedColumns):
    """One row a list of a draw, under its digest."""

    draw: Named[DrawId] = Column(Id[DrawId](), primary_key=True)
    digest: Named[Digest] = Column(Id[Digest](), primary_key=True)
    text: Named[str]


class CommitmentColumns(TypedColumns):
    """One row a party that has committed."""

    draw: Named[DrawId] = Column(Id[DrawId](), primary_key=True)
    party: Named[DepartmentId] = Column(Id[DepartmentId](), primary_key=True)
    digest: Named[Digest] = Column(Id[Digest]())
    at: Named[datetime] = Column(DateTime(timezone=True))


class RevealColumns(TypedColumns):
    """One row a party that has revealed."""

    draw: Named[DrawId] = Column(Id[DrawId](), primary_key=True)
    party: Named[DepartmentId] = Column(Id[DepartmentId](), primary_key=True)
    salt: Named[bytes] = Column(LargeBinary)
    secret: Named[bytes] = Column(LargeBinary)


draw = Table("draw", metadata, DrawColumns, info=OPEN)
draw_list = Table("draw_list", metadata, ListColumns, info=OPEN)
commitment = Table("draw_commitment", metadata, CommitmentColumns, info=OPEN)
reveal = Table("draw_reveal", metadata, RevealColumns, info=OPEN)
grade = Table(
    "known_grade",
    metadata,
    Column("id", Text, primary_key=True),
    Column("entity", Text, nullable=False),
    Column("system", Text, nullable=False),
    Column("system_version", Integer, nullable=False),
    Column("grade", Text, nullable=False),
    Column("points", Integer, nullable=False),
    Column("valid_from", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("run", Text),
    info=INTERNAL,
)
# "Which draw stands before this one in its series".
Index("draw_series", draw.c.series, draw.c.frozen_at)
# "Which grade has this entity": freezing asks for all of a pool.
Index("known_grade_entity", grade.c.entity, grade.c.valid_from)
