"""The table of provisional subjects."""

from sqlalchemy import Column, Named, Table, TypedColumns

from clue_dispatch.schema import metadata
from contracts.credit_service import EntityId
from kit.db import INTERNAL, Id


class SightedColumns(TypedColumns):
    """Provisional subjects that were announced: each is announced once. Read by nobody else."""

    subject: Named[EntityId] = Column(Id[EntityId](), primary_key=True)


sighted = Table("sighted", metadata, SightedColumns, info=INTERNAL)
