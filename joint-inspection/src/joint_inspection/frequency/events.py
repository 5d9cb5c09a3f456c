"""Events in, for frequencies: caps as published."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.item_registry import CapPublished
from joint_inspection.frequency import store
from kit.inbox import on, sequence


async def _cap(tx: AsyncConnection, event: CapPublished, _now: datetime) -> None:
    await store.keep_cap(tx, event, sequence(tx))


SUBSCRIPTIONS = (on(CapPublished, _cap),)
