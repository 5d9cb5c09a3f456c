"""Tables of frequencies: caps as published, and who attended which visit."""

from sqlalchemy import Column, Index, Integer, Named, Table, Text, TypedColumns
from sqlalchemy.dialects.postgresql import ARRAY

from contracts.credit_service import EntityId
from contracts.item_registry import DepartmentId, ItemId, RegionId
from contracts.joint_inspection import VisitId, VisitKind
from joint_inspection.schema import metadata
from kit.db import OPEN, Id, Names


class AttendedColumns(TypedColumns):
    """One row a department, visit and purpose, written with the visit; none of a dropped visit."""

    visit: Named[VisitId] = Column(Id[VisitId](), primary_key=True)
    department: Named[DepartmentId] = Column(Id[DepartmentId](), primary_key=True)
    purpose: Named[VisitKind] = Column(Names(VisitKind), primary_key=True)
    subject: Named[EntityId] = Column(Id[EntityId]())
    region: Named[RegionId] = Column(Id[RegionId]())
    item: Named[ItemId | None] = Column(Id[ItemId]())
    year: Named[int]
    readers: Named[tuple[str, ...]] = Column(ARRAY(Text, as_tuple=True))


attended = Table("visit_attended", metadata, AttendedColumns)
cap = Table(
    "known_cap",
    metadata,
    Column("cap", Text, primary_key=True),
    Column("line", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("item", Text),
    Column("per_year", Integer, nullable=False),
    Column("from", Text, nullable=False),
    Column("to", Text),
    Column("basis", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("run", Text),
    info=OPEN,
)
# "How often was this entity visited this year": planning asks for it.
Index("visit_attended_subject", attended.c.subject, attended.c.year)
# "Whom has this agency visited how often this year": the list of usage asks for it.
Index("visit_attended_department", attended.c.department, attended.c.year, attended.c.subject)
