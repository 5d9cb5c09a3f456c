"""HTTP for operators: dead letters, audit rows, what must hold, and the log of events."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel
from sqlalchemy import select

from contracts.errors import Conflict, Forbidden, NotFound
from contracts.item_registry import ROOT
from kit import checks, replay, replicas
from kit.audit import audit
from kit.auth import system
from kit.checks import Check, Folded, Invariant, Which
from kit.context import Caller, Ctx, Tx, router
from kit.failures import is_outage
from kit.inbox import Subscription, dead_letter, readers
from kit.jobs import open_jobs
from kit.lists import Asked, Page, page
from kit.outbox import outbox
from kit.replay import ReplayView
from kit.replicas import Replica
from kit.timers import none_failed


class StillFails(Conflict):
    """A dead letter failed again; it and what waits behind it stay parked."""

    code = "dead-letter-still-fails"


class RootNeeded(Forbidden):
    """What spans a whole service is for an operator or auditor of the root region only."""

    code = "root-needed"


async def _at_root(caller: Caller) -> None:
    if ROOT not in caller.regions:
        raise RootNeeded(regions=list(caller.regions))


class DeadLetterView(BaseModel):
    """An event that could not be handled, or waits behind one."""

    id: str
    service: str
    stream: str
    type: str
    aggregate: str
    sequence: int
    why: str
    at: datetime


class AuditView(BaseModel):
    """One audit row."""

    service: str
    seq: int
    at: datetime
    acted_on: datetime
    actor: str
    department: str | None
    act: str
    object: str
    version: int | None
    digest_before: str | None
    digest_after: str | None
    reason: str | None
    basis: str | None
    correlation: str | None


class Invariants(BaseModel):
    """One service's checks, and the folds that the other side of each stream is compared with."""

    service: str
    checks: list[Check]
    handled: list[Folded]
    replicas: list[Folded]
    jobs_open: int


class Requeued(BaseModel):
    """How many events were handled."""

    handled: int


class EventView(BaseModel):
    """One announced event, as its envelope stands in the outbox, and where it was published."""

    id: int
    published: bool
    envelope: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reads:
    """What a service reads and keeps, and what must hold in it."""

    subscriptions: tuple[Subscription, ...]
    replicas: tuple[Replica, ...]
    invariants: tuple[Invariant, ...]


def operations_router(reads: Reads) -> APIRouter:
    """Make the operator's routes of one service."""
    routes = router(tag="operations")
    routes.dependencies.append(Depends(_at_root))
    _dead_letters(routes, reads)
    _verification(routes, reads)
    _replays(routes)

    @routes.get("/audit")
    async def list_audit(
        ctx: Ctx,
        *,
        tx: Tx,
        asked: Asked,
        object_: Annotated[str | None, Query(alias="object")] = None,
    ) -> Page[AuditView]:
        """List audit rows, oldest first; `object` is `thing/id`."""
        names = [name for name in AuditView.model_fields if name != "service"]
        query = select(*(audit.c[name] for name in names))
        if object_ is not None:
            query = query.where(audit.c.object == object_)
        rows, next_ = await page(tx, query, by=(audit.c.seq,), asked=asked)
        items = [
            AuditView(service=ctx.service, **dict(zip(names, row, strict=True))) for row in rows
        ]
        return Page(items=items, next=next_)

    @routes.get("/operations/events")
    async def list_events(tx: Tx, asked: Asked) -> Page[EventView]:
        """List what this service announced, oldest first."""
        query = select(outbox.c.id, outbox.c.published_at, outbox.c.envelope)
        rows, next_ = await page(tx, query, by=(outbox.c.id,), asked=asked)
        items = [
            EventView(id=id_, published=at is not None, envelope=json.loads(text))
            for id_, at, text in map(tuple, rows)
        ]
        return Page(items=items, next=next_)

    return routes


def _dead_letters(routes: APIRouter, reads: Reads) -> None:
    @routes.get("/operations/dead-letters")
    async def list_dead_letters(ctx: Ctx, tx: Tx, asked: Asked) -> Page[DeadLetterView]:
        """List parked events."""
        names = ("event_id", "stream", "type", "aggregate", "sequence", "why", "at")
        query = select(*(dead_letter.c[name] for name in names))
        rows, next_ = await page(tx, query, by=(dead_letter.c.event_id,), asked=asked)
        items = [
            DeadLetterView(service=ctx.service, id=event, **dict(zip(names[1:], rest, strict=True)))
            for event, *rest in map(tuple, rows)
        ]
        return Page(items=items, next=next_)

    @routes.post("/operations/dead-letters/{event_id}:requeue")
    async def requeue(event_id: str, ctx: Ctx, caller: Caller) -> Requeued:
        """Handle a parked event's aggregate again, in order; it keeps its event ids."""
        async with ctx.db.begin(caller, "find dead letter") as tx:
            query = select(dead_letter.c.stream, dead_letter.c.aggregate)
            found = (
                await tx.execute(query.where(dead_letter.c.event_id == event_id))
            ).one_or_none()
        if found is None:
            raise NotFound(dead_letter=event_id)
        stream, aggregate = found
        known = (r for r in readers(ctx.db, reads.subscriptions) if r.stream == stream)
        reader = next(known, None)
        if reader is None:
            raise StillFails(dead_letter=event_id, why=f"nothing of {stream} is read any more")
        try:
            return Requeued(handled=await reader.requeue(aggregate))
        except Exception as no:
            if is_outage(no):
                raise
            raise StillFails(dead_letter=event_id, why=repr(no)[:500]) from no


def _verification(routes: APIRouter, reads: Reads) -> None:
    @routes.get("/operations/invariants")
    async def get_invariants(ctx: Ctx, bucket: int | None = None, since: str = "") -> Invariants:
        """Check this service's own tables and fold what it read, to be compared with its owners.

        `since` is the beginning of an event id: older ones are not compared.
        """
        async with ctx.db.begin(system(ctx.service), "verify") as tx:
            swept = ctx.settings.outbox_days is not None
            own = [
                checks.outbox_sent,
                checks.answers_kept,
                checks.nothing_parked,
                checks.nothing_twice,
                none_failed,
            ]
            return Invariants(
                service=ctx.service,
                checks=[
                    await checks.outbox_whole(tx, swept=swept),
                    *[await check(tx) for check in (*own, *reads.invariants)],
                ],
                handled=await checks.handled(tx, reads.subscriptions, Which(bucket, since)),
                replicas=await checks.replicated(tx, reads.replicas, bucket),
                jobs_open=await open_jobs(tx),
            )

    @routes.get("/operations/published")
    async def get_published(
        ctx: Ctx,
        *,
        type_: Annotated[list[str], Query(alias="type")],
        field: Annotated[list[str] | None, Query()] = None,
        bucket: int | None = None,
        since: str = "",
    ) -> Folded:
        """Fold what this service announced: events by type, or with `field` the last states."""
        async with ctx.db.begin(system(ctx.service), "verify") as tx:
            fold = (
                await checks.fold_events(tx, type_, Which(bucket, since))
                if field is None
                else await replicas.published(tx, type_[0], field, bucket)
            )
        return Folded(stream=ctx.service, types=type_, fields=field or [], **fold.view())


def _replays(routes: APIRouter) -> None:
    @routes.post("/operations/replays", status_code=202)
    async def ask_for_replay(tx: Tx) -> ReplayView:
        """Say again what was announced: the relay does it; while one is under way it is that one.

        Refuses nothing: events that a reader has handled have no effect again.
        """
        return await replay.ask(tx)

    @routes.get("/operations/replays/{run}")
    async def get_replay(run: str, tx: Tx) -> ReplayView:
        """Say how far a replay is."""
        found = await replay.get(tx, run)
        if found is None:
            raise NotFound(replay=run)
        return found
