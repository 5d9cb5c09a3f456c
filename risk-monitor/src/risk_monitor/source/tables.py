"""Table of sources: of which months each of them spoke."""

from sqlalchemy import Boolean, Column, Date, DateTime, Integer, PrimaryKeyConstraint, Table, Text

from kit.db import OPEN
from risk_monitor.schema import metadata

# One row for each month that a source spoke of in a stream: its freshness, and its silence.
heard = Table(
    "heard",
    metadata,
    Column("source", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("month", Date, nullable=False),
    Column("last_to", Date, nullable=False),
    Column("last_received", DateTime(timezone=True), nullable=False),
    Column("rows", Integer, nullable=False),
    # Whether those were touched whom it concerns that the source spoke of the month at all.
    Column("told", Boolean, nullable=False, server_default="false"),
    PrimaryKeyConstraint("source", "stream", "month"),
    info=OPEN,
)
