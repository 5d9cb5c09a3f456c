"""Events in, for a provisional subject: who met it first, in whichever service."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts import clue_dispatch, joint_inspection, risk_monitor
from contracts.item_registry import DepartmentId
from credit_service.subject import store
from credit_service.subject.domain import ProvisionalSubject
from kit.acts import by_event
from kit.clock import new_id
from kit.inbox import on

Sighted = (
    risk_monitor.SubjectSighted | clue_dispatch.SubjectSighted | joint_inspection.SubjectSighted
)


async def _sighted(tx: AsyncConnection, event: Sighted, now: datetime) -> None:
    subject = ProvisionalSubject(
        id=event.subject,
        source=DepartmentId(event.source),
        fault=event.fault,
        raw=event.raw,
        region=event.region,
        sighted_by=event.service(),
        sighted_at=now,
        batch=new_id(),
    )
    await store.meet(tx, subject, by_event(now))


SUBSCRIPTIONS = (
    on(risk_monitor.SubjectSighted, _sighted),
    on(clue_dispatch.SubjectSighted, _sighted),
    on(joint_inspection.SubjectSighted, _sighted),
)
