"""Table of evaluations: what each model found of each subject, month and kind."""

from sqlalchemy import (
    JSON,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY

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
    # Who was missing, each as `stream/source`.
    Column("lacking", ARRAY(Text), nullable=False),
    # Not JSONB: what is kept reads back as it was written, so that what is the same is seen to be.
    Column("values", JSON, nullable=False),
    Column("evaluated_at", DateTime(timezone=True), nullable=False),
    Column("readers", ARRAY(Text), nullable=False),
    PrimaryKeyConstraint("model", "subject", "month", "kind"),
)
# The order of the list of a model's evaluations.
Index("evaluation_month", *(evaluation.c[name] for name in ("model", "month", "subject", "kind")))
# "What could not be known", listed and counted: a model's evaluations by state and month. Most of
# them found nothing, and nobody asks for those by themselves.
Index(
    "evaluation_state",
    evaluation.c.model,
    evaluation.c.state,
    evaluation.c.month,
    postgresql_where=evaluation.c.state != EvidenceState.NO_HIT.value,
)
