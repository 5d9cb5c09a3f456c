"""Table of warnings."""

from sqlalchemy import Column, Date, DateTime, Index, Integer, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from contracts.risk_monitor import Level, Outcome, WarningState
from kit.db import Names
from risk_monitor.schema import metadata

warning = Table(
    "warning",
    metadata,
    Column("id", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Column("model_version", Integer, nullable=False),
    Column("item", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("level", Names(Level), nullable=False),
    Column("state", Names(WarningState), nullable=False),
    Column("outcome", Names(Outcome)),
    Column("assessed_by", Text),
    Column("clue", Text),
    Column("lead", Text),
    Column("first_month", Date, nullable=False),
    Column("last_month", Date, nullable=False),
    Column("ended_month", Date),
    Column("evidence", JSONB, nullable=False),
    Column("degraded", ARRAY(Text), nullable=False),
    Column("accepted_at", DateTime(timezone=True), nullable=False),
    Column("raised_at", DateTime(timezone=True), nullable=False),
    Column("closed_at", DateTime(timezone=True)),
    Column("version", Integer, nullable=False),
    Column("readers", ARRAY(Text), nullable=False),
)
# At most one that is not closed for a model, subject and kind.
Index(
    "warning_open",
    warning.c.subject,
    warning.c.model,
    warning.c.kind,
    unique=True,
    postgresql_where=warning.c.state != WarningState.CLOSED.value,
)
# The list: newest first.
Index("warning_raised", warning.c.raised_at, warning.c.id)
# Which warning a clue was made of.
Index("warning_clue", warning.c.clue, postgresql_where=warning.c.clue.is_not(None))
