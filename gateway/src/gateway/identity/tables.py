"""Tables of identity."""

from sqlalchemy import Column, DateTime, Table, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY

from contracts.gateway import ClientId
from contracts.item_registry import DepartmentId, RegionId
from gateway.schema import metadata
from kit.db import Id

# `request` is the Idempotency-Key under which the client was made: kept here and not with an
# answer, because the answer holds the secret.
client = Table(
    "client",
    metadata,
    Column("id", Id[ClientId](), primary_key=True),
    Column("secret_digest", Text, nullable=False),
    Column("department", Id[DepartmentId]()),
    Column("region", Id[RegionId](), nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    Column("made_by", Text, nullable=False),
    Column("request", Text),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("revoked_at", DateTime(timezone=True)),
    Column("readers", ARRAY(Text), nullable=False),
    UniqueConstraint("made_by", "request"),
)
