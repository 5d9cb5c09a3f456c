"""Tables of signals: what stands, what stood before a correction."""

from sqlalchemy import (
    Column,
    DateTime,
    Double,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import ARRAY

from risk_monitor.schema import metadata

signal = Table(
    "signal",
    metadata,
    Column("id", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("from", DateTime(timezone=True), nullable=False),
    Column("to", DateTime(timezone=True), nullable=False),
    Column("value", Double, nullable=False),
    Column("region", Text, nullable=False),
    Column("job", Text),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("readers", ARRAY(Text), nullable=False),
    UniqueConstraint("source", "stream", "subject", "from", "to"),
)
# "All signals of these subjects", to judge them, and a subject's list.
Index("signal_subject", signal.c.subject, signal.c.stream, signal.c["from"])

signal_past = Table(
    "signal_past",
    metadata,
    Column("signal", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("value", Double, nullable=False),
    Column("job", Text),
    Column("received_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("signal", "revision"),
)

sighted = Table(
    "sighted",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("fault", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("raw", Text),
)
