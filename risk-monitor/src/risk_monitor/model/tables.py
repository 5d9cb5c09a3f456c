"""Table of warning models: every version that was ever drafted."""

from sqlalchemy import Column, DateTime, Index, Integer, Table, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB

from contracts.risk_monitor import ModelState
from kit.db import OPEN, Names
from risk_monitor.schema import metadata

warning_model = Table(
    "warning_model",
    metadata,
    Column("id", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Column("model_version", Integer, nullable=False),
    Column("item", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("note", Text),
    Column("state", Names(ModelState), nullable=False),
    Column("indicators", JSONB, nullable=False),
    Column("rules", JSONB, nullable=False),
    Column("drafted_by", Text, nullable=False),
    Column("activated_by", Text),
    Column("activated_at", DateTime(timezone=True)),
    UniqueConstraint("model", "model_version"),
    info=OPEN,
)
# At most one version of a model is in force.
Index(
    "warning_model_active",
    warning_model.c.model,
    unique=True,
    postgresql_where=warning_model.c.state == ModelState.ACTIVE.value,
)
