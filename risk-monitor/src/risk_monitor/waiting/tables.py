"""Table of what waits to be judged."""

from sqlalchemy import Column, Date, DateTime, PrimaryKeyConstraint, Table, Text

from risk_monitor.schema import metadata

# A subject from a month on; not before the job that touched it is done, for a file is one
# statement, and half of it would show a licence without its renewal.
touched = Table(
    "touched",
    metadata,
    Column("subject", Text, nullable=False),
    Column("month", Date, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("job", Text),
    Column("traceparent", Text),
    PrimaryKeyConstraint("subject", "month"),
)
