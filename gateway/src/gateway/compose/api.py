"""HTTP in, for what is composed from several services."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Any, Final

from fastapi import Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from contracts.errors import NotFound, Unavailable
from contracts.gateway import CheckView, EntityPart, EntityWhole, Joined, Replay, Requeued, Verified
from gateway.compose import store
from gateway.compose.domain import parts, walks
from gateway.compose.domain.parts import Part
from gateway.compose.domain.walks import Leaf, Row
from gateway.compose.store import ALL, Asking
from gateway.forward.store import Answer
from kit.context import Caller, Ctx, router
from kit.errors import STATUS, language_of
from kit.lists import AskedInOrder, Paging

_NOT_FOUND: Final = STATUS[NotFound]
_WAIT_S: Final = 20
_LONGEST_S: Final = 50

entities = router("/entities", "entities")
joined = router("/joined", "operations")


async def _asking(request: Request, ctx: Ctx, _caller: Caller) -> Asking:
    """Ask on behalf of the caller, with the same internal token."""
    token = request.headers["authorization"].partition(" ")[2]
    language = language_of(request.headers.get("accept-language"))
    trace = request.headers.get("traceparent")
    return Asking(ctx.extras.reach, token, trace, language)


Ask = Annotated[Asking, Depends(_asking)]


# Entities ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Said:
    part: Part
    answer: Answer | None


@entities.get("/{entity_id}", response_model=EntityWhole)
async def get_entity(entity_id: str, ask: Ask) -> EntityWhole | Response:
    """Give an entity as all services know it; an 18-character code alone is an id."""
    id_ = parts.identified(entity_id)
    core = await ask.one(parts.OWNER, f"/entities/{id_}")
    if core is not None and not core.ok:
        return _passed_on(core)
    known: dict[str, Any] = core.body if core else {}
    subject = str(known.get("id", id_))
    said = await asyncio.gather(*(_part(ask, part, subject) for part in parts.PARTS))
    silent = {one.part.service for one in said if one.answer is None}
    if core is None:
        silent.add(parts.OWNER)
    return EntityWhole.model_validate(
        known
        | {
            "id": subject,
            "parts": {one.part.name: _shown(one.part, one.answer) for one in said if one.answer},
            "degraded": tuple(sorted(silent)),
        }
    )


async def _part(ask: Asking, part: Part, subject: str) -> _Said:
    path, query = part.asked(subject)
    return _Said(part, await ask.one(part.service, path, query))


def _shown(part: Part, answer: Answer) -> EntityPart:
    if not answer.ok:
        return EntityPart(service=part.service, refused=_code(answer))
    items, next_ = parts.items_of(answer.body)
    return EntityPart(service=part.service, items=items, next=next_)


def _code(answer: Answer) -> str:
    return str(answer.body.get("code")) if isinstance(answer.body, dict) else str(answer.status)


def _refused(answers: Iterable[Answer]) -> Answer | None:
    return next((answer for answer in answers if not answer.ok), None)


def _passed_on(answer: Answer) -> JSONResponse:
    """Give a service's own problem as it is."""
    return JSONResponse(answer.body, answer.status, media_type="application/problem+json")


# Lists of all six ----------------------------------------------------------------------------


async def _list(
    ask: Asking, asked: Paging, path: str, order: Callable[[Row], Any]
) -> Joined | Response:
    walk = walks.walk_of(asked.cursor, ALL) if asked.cursor else walks.begin(ALL, asked.limit)
    queries = {
        service: [("limit", str(walk.size)), *_cursor(place.cursor)]
        for service, place in walk.places.items()
    }
    answers = await ask.every(walk.places, path, queries)
    refused = _refused(answers.values())
    if refused is not None:
        return _passed_on(refused)
    leaves = {
        service: Leaf(tuple(answer.body["items"]), answer.body["next"])
        for service, answer in answers.items()
    }
    items, rest = walks.step(walk, leaves, asked.limit, order)
    return Joined(
        items=[dict(item) for item in items],
        next=walks.cursor_of(rest) if rest else None,
        degraded=tuple(sorted(walk.places.keys() - leaves.keys())),
    )


def _cursor(cursor: str | None) -> list[tuple[str, str]]:
    return [("cursor", cursor)] if cursor else []


@joined.get("/audit", response_model=Joined)
async def list_all_audit(ask: Ask, asked: AskedInOrder) -> Joined | Response:
    """List who did what, of all services, oldest first."""
    return await _list(ask, asked, "/audit", walks.by_time("at"))


@joined.get("/policies", response_model=Joined)
async def list_all_policies(
    ask: Ask,
    key: Annotated[
        str | None, Query(description="政策项或其上级 a key such as clue.sign, or clue")
    ] = None,
    on: Annotated[date | None, Query(description="在此日施行的 what held on this day")] = None,
) -> Joined | Response:
    """List what the services go by, whole: terms, thresholds, words, with basis and approval."""
    asked = {"key": key, "on": on.isoformat() if on else None}
    query = [(name, value) for name, value in asked.items() if value is not None]
    answers = await ask.every(ALL, "/policies", query)
    refused = _refused(answers.values())
    if refused is not None:
        return _passed_on(refused)
    return Joined(
        items=[item for name in ALL if name in answers for item in answers[name].body["items"]],
        next=None,
        degraded=tuple(sorted(set(ALL) - answers.keys())),
    )


@joined.get("/operations/events", response_model=Joined)
async def list_all_events(ask: Ask, asked: AskedInOrder) -> Joined | Response:
    """List every announced event, oldest first; `causationid` leads back from effect to cause."""
    return await _list(ask, asked, "/operations/events", walks.by_time("envelope.time"))


@joined.get("/operations/dead-letters", response_model=Joined)
async def list_all_dead_letters(ask: Ask, asked: AskedInOrder) -> Joined | Response:
    """List the parked events of all services, oldest first."""
    return await _list(ask, asked, "/operations/dead-letters", walks.by_time("at"))


@joined.post("/operations/dead-letters/{event_id}:requeue", response_model=Requeued)
async def requeue_everywhere(event_id: str, ask: Ask) -> Requeued | Response:
    """Handle a parked event again, in every service that parked it, under the same id."""
    path = f"/operations/dead-letters/{event_id}:requeue"
    # An event is handled before the answer: what a handler may take is waited for.
    answers = await replace(ask, method="POST", wait_s=_LONGEST_S).every(ALL, path)
    mine = {name: answer for name, answer in answers.items() if answer.status != _NOT_FOUND}
    refused = _refused(mine.values())
    if refused is not None:
        return _passed_on(refused)
    if not mine and len(answers) < len(ALL):
        raise Unavailable(service=sorted(set(ALL) - answers.keys()))
    if not mine:
        raise NotFound(dead_letter=event_id)
    handled = sum(int(answer.body["handled"]) for answer in mine.values())
    return Requeued(handled=handled, services=tuple(sorted(mine)))


@joined.post("/operations/{service}:replay", response_model=Replay, status_code=202)
async def replay_service(service: str, ask: Ask) -> Replay | Response:
    """Let a service say again what it announced, so that what a stream or a reader lost comes back.

    What a reader has handled has no effect again. While one is under way it is that one.
    """
    asking = replace(ask, method="POST")
    return await _of_service(asking, service, "/operations/replays")


@joined.get("/operations/{service}/replays/{run}", response_model=Replay)
async def get_replay_of_service(service: str, run: str, ask: Ask) -> Replay | Response:
    """Say how far a replay is; it ends when everything stands in the stream."""
    return await _of_service(ask, service, f"/operations/replays/{run}")


async def _of_service(ask: Asking, service: str, path: str) -> Replay | Response:
    if service not in ALL:
        raise NotFound(service=service)
    answer = await ask.one(service, path)
    if answer is None:
        raise Unavailable(service=service)
    return Replay.model_validate(answer.body) if answer.ok else _passed_on(answer)


# Verification --------------------------------------------------------------------------------


@joined.get("/operations/invariants")
async def verify(
    ask: Ask,
    ctx: Ctx,
    *,
    wait_s: Annotated[
        int, Query(ge=0, le=_LONGEST_S, description="等待在途数据的秒数 for what is under way")
    ] = _WAIT_S,
) -> Verified:
    """Check what must hold in each service and between them, and name what does not."""
    found = await store.verify(ask, wait_s, ctx.settings.outbox_days)
    checks = [CheckView(name=one.name, ok=one.ok, detail=one.detail) for one in found]
    return Verified(ok=all(one.ok for one in checks), checks=checks)


routers = (entities, joined)
