"""Streams, which are data (policy table), and when a source that sends one is late (R8.2)."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum


class StreamKind(StrEnum):
    """What a row of a stream says: see the policy table."""

    FLOW = "flow"
    STATE = "state"
    VALIDITY = "validity"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class Stream:
    """A declared stream; `values` are the only ones allowed, where it lists them."""

    id: str
    kind: StreamKind
    unit: str
    line: str
    values: tuple[float, ...] = ()
    expected_days: int | None = None
    grace_days: int = 0


def next_due(stream: Stream, last_to: date) -> date | None:
    """Say by which day a source's next period should have ended; None where none is expected."""
    return None if stream.expected_days is None else last_to + timedelta(days=stream.expected_days)


def late(stream: Stream, last_to: date, today: date) -> bool | None:
    """Say whether a source is late beyond its grace; None where nothing is expected."""
    due = next_due(stream, last_to)
    return None if due is None else today > due + timedelta(days=stream.grace_days)
