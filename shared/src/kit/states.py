"""What an owner's R events say now, as a replay announces it, and how much that is."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.envelope import Envelope

# The last event of every aggregate, one of each type.
WHOLE = text(
    "SELECT DISTINCT ON (aggregate, type) event_id, type, aggregate, envelope FROM outbox"
    " WHERE replicated AND published_at IS NOT NULL AND type = ANY(CAST(:types AS text[]))"
    " ORDER BY aggregate, type, sequence DESC"
)
ROWS = text(
    "SELECT DISTINCT ON (said->>'id') said FROM outbox,"
    " jsonb_array_elements(envelope::jsonb->'data'->'rows') AS said"
    " WHERE type = :type AND published_at IS NOT NULL"
    " ORDER BY said->>'id', (said->>'version')::int DESC"
)
_TYPES = text(
    "SELECT DISTINCT ON (type) type, envelope FROM outbox"
    " WHERE replicated AND published_at IS NOT NULL ORDER BY type, id DESC"
)
# What the stream needs beside an envelope: its subject, headers and frame.
_FRAME = 400
_SIZE = text(
    "SELECT coalesce(sum(octet_length(envelope) + :frame), 0) FROM outbox"
    " WHERE id > :after AND id <= :upto AND published_at IS NOT NULL AND at >= :since"
)
_SIZE_OF_WHOLE = text(
    f"SELECT coalesce(sum(octet_length(envelope) + :frame), 0) FROM ({WHOLE}) AS said"  # noqa: S608 - the statement above
)
_SIZE_OF_ROWS = text(
    f"SELECT coalesce(sum(octet_length(said::text)), 0) FROM ({ROWS}) AS rows"  # noqa: S608 - the same
)


async def samples(tx: AsyncConnection) -> dict[str, Envelope]:
    """Give the last R event of every type."""
    found = (await tx.execute(_TYPES)).all()
    return {type_: Envelope.model_validate_json(said) for type_, said in found}


def kinds(samples: Mapping[str, Envelope]) -> tuple[list[str], list[str]]:
    """Give the types that say one aggregate's state, and those that say many rows."""
    batches = sorted(type_ for type_, sample in samples.items() if "rows" in sample.data)
    return sorted(samples.keys() - batches), batches


async def size(tx: AsyncConnection, after: int, upto: int, since: datetime) -> int:
    """Give how many bytes of a stream a replay needs: its events, then all states."""
    events = {"frame": _FRAME, "after": after, "upto": upto, "since": since}
    needed = int((await tx.execute(_SIZE, events)).scalar_one())
    whole, batches = kinds(await samples(tx))
    states = {"frame": _FRAME, "types": whole}
    needed += int((await tx.execute(_SIZE_OF_WHOLE, states)).scalar_one())
    for type_ in batches:
        needed += int((await tx.execute(_SIZE_OF_ROWS, {"type": type_})).scalar_one())
    return needed
