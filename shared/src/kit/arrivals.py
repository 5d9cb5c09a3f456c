"""What comes in on a stream, read as far as it can be, with the reason where it cannot."""

from collections.abc import Container
from dataclasses import dataclass

from pydantic import ValidationError

from contracts.envelope import Envelope
from contracts.services import EVENT_BYTES
from kit.replicas import ended_type


@dataclass(frozen=True, slots=True)
class Came:
    """A message: the id that the server knows it by, its body, its NATS subject, a replay's run."""

    id: str
    data: bytes
    subject: str | None = None
    run: str | None = None


@dataclass(frozen=True, slots=True)
class Arrived:
    """One event as it came, read as far as it can be."""

    id: str
    text: str
    envelope: Envelope | None
    why: str | None
    run: str | None = None

    @property
    def key(self) -> str:
        """Give the aggregate; what cannot be read here is its own, and holds nothing back.

        A new version of an event comes beside the old one, which readers of that still follow.
        """
        known = self.envelope is not None and self.why is None
        return self.envelope.subject if known and self.envelope else f"unreadable/{self.id}"


def read(came: Came, stream: str, known: Container[str]) -> Arrived:
    """Parse a message and check that its source owns the stream and its subject says its type."""
    text = came.data.decode("utf-8", "backslashreplace")
    size = len(came.data)
    if size > EVENT_BYTES:
        return Arrived(came.id, text, None, f"{size} bytes, {EVENT_BYTES} at most", came.run)
    try:
        envelope = Envelope.model_validate_json(came.data)
    except ValidationError as no:
        return Arrived(came.id, text, None, f"unreadable: {no.error_count()} faults", came.run)
    type_ = envelope.type
    if envelope.source != stream or type_.split(".")[0] != stream:
        return Arrived(came.id, text, None, f"source {envelope.source} on {stream}", came.run)
    if came.subject is not None and not came.subject.startswith(f"heli.{type_}."):
        return Arrived(came.id, text, None, f"{type_} on {came.subject}", came.run)
    if type_ not in known and not (came.run and type_ == ended_type(stream)):
        return Arrived(envelope.id, text, envelope, f"unknown type {type_}", came.run)
    return Arrived(envelope.id, text, envelope, None, came.run)
