"""Tables of a pool."""

from datetime import date, datetime

from sqlalchemy import Column, DateTime, LargeBinary, Named, Table, Text, TypedColumns
from sqlalchemy.dialects.postgresql import ARRAY

from contracts.credit_service import EntityId
from contracts.item_registry import DepartmentId, ItemId, RegionId
from contracts.joint_inspection import InspectorId, PoolId, TargetId
from joint_inspection.schema import metadata
from kit.db import INTERNAL, OPEN, Id


class PoolColumns(TypedColumns):
    """One row a dated version of the directory; the key never leaves the service."""

    id: Named[PoolId] = Column(Id[PoolId](), primary_key=True)
    item: Named[ItemId] = Column(Id[ItemId]())
    region: Named[RegionId] = Column(Id[RegionId]())
    department: Named[DepartmentId] = Column(Id[DepartmentId]())
    made_at: Named[datetime] = Column(DateTime(timezone=True))
    targets: Named[int]
    inspectors: Named[int]
    key: Named[bytes] = Column(LargeBinary)


class PoolTargetColumns(TypedColumns):
    """The targets of a pool, as they stood; read by the service's own work only."""

    pool: Named[PoolId] = Column(Id[PoolId](), primary_key=True)
    target: Named[TargetId] = Column(Id[TargetId](), primary_key=True)
    entity: Named[EntityId | None] = Column(Id[EntityId]())
    region: Named[RegionId] = Column(Id[RegionId]())
    under: Named[tuple[ItemId, ...]] = Column(ARRAY(Text, as_tuple=True))


class PoolInspectorColumns(TypedColumns):
    """The inspectors of a pool, as they stood."""

    pool: Named[PoolId] = Column(Id[PoolId](), primary_key=True)
    inspector: Named[InspectorId] = Column(Id[InspectorId](), primary_key=True)
    department: Named[DepartmentId] = Column(Id[DepartmentId]())
    name: Named[str]
    certificate: Named[str]
    valid_until: Named[date]
    qualifications: Named[tuple[str, ...]] = Column(ARRAY(Text, as_tuple=True))
    recusals: Named[tuple[str, ...]] = Column(ARRAY(Text, as_tuple=True))


pool = Table("pool", metadata, PoolColumns, info=OPEN)
pool_target = Table("pool_target", metadata, PoolTargetColumns, info=INTERNAL)
pool_inspector = Table("pool_inspector", metadata, PoolInspectorColumns, info=INTERNAL)
