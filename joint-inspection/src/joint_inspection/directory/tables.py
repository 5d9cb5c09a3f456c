"""Tables of the directories."""

from datetime import date, datetime

from sqlalchemy import Column, DateTime, Index, Named, Table, Text, TypedColumns
from sqlalchemy.dialects.postgresql import ARRAY

from contracts.credit_service import EntityId
from contracts.item_registry import DepartmentId, ItemId, RegionId
from contracts.joint_inspection import InspectorId, TargetId, TargetKind
from joint_inspection.schema import metadata
from kit.db import INTERNAL, OPEN, Id, Names


class TargetColumns(TypedColumns):
    """One row a target; `readers` is its scope."""

    id: Named[TargetId] = Column(Id[TargetId](), primary_key=True)
    name: Named[str]
    kind: Named[TargetKind] = Column(Names(TargetKind))
    region: Named[RegionId] = Column(Id[RegionId]())
    entity: Named[EntityId | None] = Column(Id[EntityId]())
    address: Named[str]
    under: Named[tuple[ItemId, ...]] = Column(ARRAY(Text, as_tuple=True))
    department: Named[str | None]
    readers: Named[tuple[str, ...]] = Column(ARRAY(Text, as_tuple=True))


class InspectorColumns(TypedColumns):
    """One row an inspector; open to callers, since officers are published (行政执法公示)."""

    id: Named[InspectorId] = Column(Id[InspectorId](), primary_key=True)
    department: Named[DepartmentId] = Column(Id[DepartmentId]())
    name: Named[str]
    certificate: Named[str]
    valid_until: Named[date]
    qualifications: Named[tuple[str, ...]] = Column(ARRAY(Text, as_tuple=True))
    recusals: Named[tuple[str, ...]] = Column(ARRAY(Text, as_tuple=True))


class SightedColumns(TypedColumns):
    """Provisional subjects that this service has announced once."""

    subject: Named[EntityId] = Column(Id[EntityId](), primary_key=True)
    at: Named[datetime] = Column(DateTime(timezone=True))


target = Table("target", metadata, TargetColumns)
inspector = Table("inspector", metadata, InspectorColumns, info=OPEN)
sighted = Table("sighted_subject", metadata, SightedColumns, info=INTERNAL)
# "Where can this subject be visited": a request of a clue asks for it.
Index("target_entity", target.c.entity, postgresql_where=target.c.entity.is_not(None))
# "Whom can a department send": approving a visit and making a pool ask for it.
Index("inspector_department", inspector.c.department, inspector.c.id)
