"""Table of grades as credit-service says."""

from sqlalchemy import Column, Index, Integer, Table, Text

from kit.db import INTERNAL
from risk_monitor.schema import metadata

grade = Table(
    "known_grade",
    metadata,
    Column("id", Text, primary_key=True),
    Column("entity", Text, nullable=False),
    Column("system", Text, nullable=False),
    Column("system_version", Integer, nullable=False),
    Column("grade", Text, nullable=False),
    Column("points", Integer, nullable=False),
    Column("valid_from", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("run", Text),
    info=INTERNAL,
)
# "What is this subject's grade", shown beside a warning.
Index("known_grade_entity", grade.c.entity)
