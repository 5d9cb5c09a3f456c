"""Events in, for a grade."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.credit_service import GradeChanged
from kit.inbox import on
from risk_monitor.grade import store


async def _changed(tx: AsyncConnection, event: GradeChanged, _now: datetime) -> None:
    await store.keep(tx, event)


SUBSCRIPTIONS = (on(GradeChanged, _changed),)
