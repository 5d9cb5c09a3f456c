"""Events in, for a warning: the clue that was made of it."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.clue_dispatch import ClueClosed, ClueDispatched, ClueRegistered, OriginType
from kit.acts import by_event, conclude
from kit.db import dealing
from kit.inbox import on
from risk_monitor.warning import domain, store


async def _registered(tx: AsyncConnection, event: ClueRegistered, _now: datetime) -> None:
    if event.origin.type is not OriginType.WARNING:
        return
    warning = await store.find(tx, event.origin.id)
    if warning is not None:
        await store.save(tx, domain.link(warning, event.clue))


async def _dispatched(tx: AsyncConnection, event: ClueDispatched, _now: datetime) -> None:
    warning = await store.of_clue(tx, event.clue)
    if warning is not None:
        await store.save(tx, domain.dispatched(warning, lead=event.lead))
        await store.grant(tx, warning.id, (event.lead, *event.cooperators))


async def _closed(tx: AsyncConnection, event: ClueClosed, now: datetime) -> None:
    if event.origin.type is not OriginType.WARNING:
        return
    warning = await store.find(tx, event.origin.id)
    if warning is None:
        return
    decided = domain.close(warning, clue=event.clue, conclusion=event.conclusion, at=now)
    await store.save(tx, decided.value)
    await conclude(tx, dealing(tx).actor, by_event(now), before=warning, decided=decided)


SUBSCRIPTIONS = (
    on(ClueRegistered, _registered),
    on(ClueDispatched, _dispatched),
    on(ClueClosed, _closed),
)
