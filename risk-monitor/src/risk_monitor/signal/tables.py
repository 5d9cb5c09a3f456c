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

from kit.db import INTERNAL
from risk_monitor.schema import metadata

# `product` is empty where none was named; `sent_value` and `sent_unit` are what was sent where that
# was converted. The key begins with what is asked for: all signals of a subject, by stream.
signal = Table(
    "signal",
    metadata,
    Column("id", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("product", Text, nullable=False),
    Column("from", DateTime(timezone=True), nullable=False),
    Column("to", DateTime(timezone=True), nullable=False),
    Column("value", Double, nullable=False),
    Column("sent_value", Double),
    Column("sent_unit", Text),
    Column("region", Text, nullable=False),
    Column("job", Text),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("readers", ARRAY(Text), nullable=False),
    UniqueConstraint("subject", "stream", "from", "to", "source", "product"),
)
# The order of the list of signals.
Index("signal_from", signal.c["from"], signal.c.id)

signal_past = Table(
    "signal_past",
    metadata,
    Column("signal", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("value", Double, nullable=False),
    Column("job", Text),
    Column("received_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("signal", "revision"),
    info=INTERNAL,
)

sighted = Table(
    "sighted",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("fault", Text, nullable=False),
    Column("region", Text, nullable=False),
    info=INTERNAL,
)
