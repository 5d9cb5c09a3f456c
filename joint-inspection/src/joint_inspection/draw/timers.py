"""What time does to a draw: one whose parties kept silent is void, and they are named."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from joint_inspection.draw import store
from joint_inspection.draw.domain import rounds
from joint_inspection.draw.domain.rounds import DrawId
from kit.acts import by_event, conclude
from kit.db import dealing
from kit.timers import Kind


async def void(tx: AsyncConnection, due: Sequence[str], now: datetime) -> None:
    """Void the draws that waited for somebody until `reveal_by`."""
    for object_ in due:
        draw = await store.lock(tx, DrawId(object_.removeprefix("draw/")))
        decided = rounds.expire(draw, at=now)
        if decided is None:
            continue
        act = by_event(now, f"silent until reveal_by: {', '.join(decided.value.silent)}")
        await store.save(tx, decided.value)
        await conclude(tx, dealing(tx).actor, act, before=draw, decided=decided)


TIMERS = (Kind("draw.reveal", rings=void),)
