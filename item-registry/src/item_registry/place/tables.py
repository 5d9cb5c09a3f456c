"""Tables of places: open to every authenticated caller."""

from typing import Any

from sqlalchemy import Column, Index, Named, Table, Text, TypedColumns
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from contracts.item_registry import DepartmentId, Line, RegionId
from item_registry.schema import metadata
from kit.db import OPEN, Id


class RegionColumns(TypedColumns):
    """One row a node; `divisions` are spans of GB/T 2260 codes."""

    id: Named[RegionId] = Column(Id[RegionId](), primary_key=True)
    parent: Named[RegionId | None] = Column(Id[RegionId](), nullable=True)
    name: Named[str] = Column(Text, nullable=False)
    divisions: Named[list[dict[str, Any]]] = Column(JSONB, nullable=False)
    version: Named[int]


class DepartmentColumns(TypedColumns):
    """One row an agency."""

    id: Named[DepartmentId] = Column(Id[DepartmentId](), primary_key=True)
    name: Named[str] = Column(Text, nullable=False)
    line: Named[Line] = Column(Id[Line](), nullable=False)
    level: Named[int]
    vertical_parent: Named[DepartmentId | None] = Column(Id[DepartmentId](), nullable=True)
    territorial_parent: Named[DepartmentId | None] = Column(Id[DepartmentId](), nullable=True)
    territory: Named[list[str]] = Column(ARRAY(Text), nullable=False)
    successor: Named[DepartmentId | None] = Column(Id[DepartmentId](), nullable=True)
    version: Named[int]


region = Table("region", metadata, RegionColumns, info=OPEN)
department = Table("department", metadata, DepartmentColumns, info=OPEN)
# "What is right below a node", for the list and for walking a branch downwards.
Index("region_parent", region.c.parent)
# "Who serves one of these nodes", for resolving: the table is open, so an operator on arrays may.
Index("department_territory", department.c.territory, postgresql_using="gin")
