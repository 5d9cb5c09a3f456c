"""The envelope of every event: CloudEvents 1.0, structured JSON."""

from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

# Readers keep these in columns of their own: text without NUL, a positive 32-bit number.
Word = Annotated[str, Field(pattern=r"^[^\x00]+$", max_length=500)]
Sequence = Annotated[int, Field(ge=1, lt=2**31)]


class Envelope(BaseModel):
    """One event as it stands in the outbox and travels on NATS.

    `id` UUIDv7; `source` the owning service; `subject` the aggregate as `thing/id`; `sequence`
    counts the announced events of that aggregate from 1. `causationid` is the event handled, or
    for a request the last event of the object acted on; none at a beginning. `correlationid` is
    the first event of the matter. `traceparent` leads to the request that began it (W3C).
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    specversion: str = "1.0"
    id: Word
    source: Word
    type: Word
    subject: Word
    time: AwareDatetime
    sequence: Sequence
    region: str | None = None
    actor: Word
    causationid: Word | None = None
    correlationid: Word
    traceparent: Word | None = None
    datacontenttype: str = "application/json"
    data: dict[str, Any]
