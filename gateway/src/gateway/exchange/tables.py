"""Tables of the exchange."""

from sqlalchemy import Column, Date, DateTime, Index, Integer, Table, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY

from contracts.gateway import ReportId, ReportKind, ReportState
from contracts.item_registry import DepartmentId, RegionId
from gateway.exchange.domain.report import BatchState
from gateway.schema import metadata
from kit.db import INTERNAL, Id, Names

# `cause` is the envelope of the fact reported: what the report's own events name as their cause.
report = Table(
    "report",
    metadata,
    Column("id", Id[ReportId](), primary_key=True),
    Column("kind", Names(ReportKind), nullable=False),
    Column("source_service", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("record", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("department", Id[DepartmentId](), nullable=False),
    Column("region", Id[RegionId](), nullable=False),
    Column("code14", Text, nullable=False),
    Column("state", Names(ReportState), nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("cd_batch", Text),
    Column("code", Text),
    Column("field", Text),
    Column("lacks", Text),
    Column("settled_at", DateTime(timezone=True)),
    Column("cause", Text, nullable=False),
    Column("look_at", DateTime(timezone=True), nullable=False),
    Column("readers", ARRAY(Text), nullable=False),
    UniqueConstraint("source_service", "source_id"),
)
# The job asks which are to be sent; a batch asks for its rows.
Index("report_state", report.c.state, report.c.look_at)
Index("report_in_batch", report.c.cd_batch)

batch = Table(
    "report_batch",
    metadata,
    Column("cd_batch", Text, primary_key=True),
    Column("cd_source", Text, nullable=False),
    Column("day", Date, nullable=False),
    Column("state", Names(BatchState), nullable=False),
    Column("looked", Integer, nullable=False),
    Column("look_at", DateTime(timezone=True), nullable=False),
    info=INTERNAL,
)
# The job asks which are to be posted or looked at.
Index("report_batch_open", batch.c.look_at, postgresql_where=batch.c.state != "settled")
