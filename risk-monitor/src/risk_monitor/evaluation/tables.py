"""Table of evaluations: what each model found of each subject, month and kind."""

from sqlalchemy import Column, Date, DateTime, Index, Integer, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from contracts.risk_monitor import EvidenceState, Level
from kit.db import Names
from risk_monitor.schema import metadata

evaluation = Table(
    "evaluation",
    metadata,
    Column("model", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("month", Date, nullable=False),
    Column("kind", Text, nullable=False),
    Column("model_version", Integer, nullable=False),
    Column("state", Names(EvidenceState), nullable=False),
    Column("level", Names(Level)),
    Column("reason", Text),
    Column("degraded", ARRAY(Text), nullable=False),
    Column("values", JSONB, nullable=False),
    Column("evaluated_at", DateTime(timezone=True), nullable=False),
    Column("readers", ARRAY(Text), nullable=False),
    PrimaryKeyConstraint("model", "subject", "month", "kind"),
)
# "What could not be known": a model's evaluations by state and month.
Index("evaluation_state", evaluation.c.model, evaluation.c.state, evaluation.c.month)
