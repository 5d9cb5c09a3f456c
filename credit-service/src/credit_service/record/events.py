"""Events in, for a credit record: results of inspections and decided penalties."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.clue_dispatch import PenaltyDecided
from contracts.credit_service import RecordId, RecordKind
from contracts.joint_inspection import ResultRecorded
from contracts.says import Decided
from credit_service.grade import store as grades
from credit_service.record import domain, store
from credit_service.record.domain import CreditRecord
from kit.acts import by_event, conclude
from kit.clock import new_id
from kit.db import dealing
from kit.inbox import on


async def _result(tx: AsyncConnection, event: ResultRecorded, now: datetime) -> None:
    item = await store.item_of(tx, event.code14)
    made = [
        domain.from_result(
            event,
            category,
            id_=RecordId(new_id()),
            item=item,
            terms=store.terms(RecordKind.INSPECTION_RESULT, category, event.inspected_on),
            at=now,
        )
        for category in event.categories
    ]
    await _keep(tx, made, now)


async def _penalty(tx: AsyncConnection, event: PenaltyDecided, now: datetime) -> None:
    made = domain.from_penalty(
        event,
        id_=RecordId(new_id()),
        item=await store.item_of(tx, event.code14),
        terms=store.terms(RecordKind.PENALTY, event.tier, event.decided_on),
        at=now,
    )
    await _keep(tx, [made], now)


async def _keep(tx: AsyncConnection, made: Sequence[Decided[CreditRecord]], now: datetime) -> None:
    kept = await store.keep(tx, [one.value for one in made])
    for value in kept:
        await conclude(tx, dealing(tx).actor, by_event(now), before=None, decided=Decided(value))
    await grades.follow(tx, [one.subject for one in kept], by_event(now))


SUBSCRIPTIONS = (on(ResultRecorded, _result), on(PenaltyDecided, _penalty))
