"""The envelope of every event: CloudEvents 1.0, structured JSON."""

from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict


class Envelope(BaseModel):
    """One event as it stands in the outbox and travels on NATS.

    `id` UUIDv7; `source` the owning service; `subject` the aggregate as `thing/id`; `sequence`
    counts the announced events of that aggregate from 1. `causationid` is the event handled, or
    for a request the last event of the object acted on; none at a beginning. `correlationid` is
    the first event of the matter. `traceparent` leads to the request that began it (W3C).
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    specversion: str = "1.0"
    id: str
    source: str
    type: str
    subject: str
    time: AwareDatetime
    sequence: int
    region: str | None = None
    actor: str
    causationid: str | None = None
    correlationid: str
    traceparent: str | None = None
    datacontenttype: str = "application/json"
    data: dict[str, Any]
