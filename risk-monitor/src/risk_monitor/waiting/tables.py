"""Table of what waits to be judged."""

from sqlalchemy import Column, Date, DateTime, Index, Table, Text

from kit.db import INTERNAL
from risk_monitor.schema import metadata

# A subject from a month on; not before the job that touched it last is done, for a file is one
# statement, and half of it would show a licence without its renewal. `since` is when it was touched
# first, `job` and `traceparent` are of what touched it last.
touched = Table(
    "touched",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("month", Date, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("job", Text),
    Column("traceparent", Text),
    info=INTERNAL,
)
# "What waits longest".
Index("touched_since", touched.c.since)
