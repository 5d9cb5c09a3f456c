"""HTTP of bulk imports: `POST /things:import` → 202, then `/jobs/{id}` and its errors."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.acts import FaultView
from contracts.errors import Conflict, NotFound, TooLarge, TooMany
from contracts.item_registry import ROOT
from contracts.roles import Role
from kit import backlog, idempotency
from kit.auth import Actor, system
from kit.context import Caller, Context, Ctx, Tx, open_tx, router
from kit.db import dealing
from kit.error_sheets import as_csv, as_workbook
from kit.jobs import Import, JobState, job, job_chunk, job_error, new_job_id, state
from kit.limits import promised
from kit.lists import Asked, Page, page
from kit.rejected import Mending, Words, mending
from kit.spool import spooled
from kit.uploads import CSV, NDJSON, XLSX, media_of

# Rows announce events; beyond so many unpublished ones a file waits at its sender.
MOST_UNPUBLISHED = 50_000
# What others than the sender see of a file's fault: nothing that stood in it.
_TOLD = ("code", "field", "expected")


class JobUnfinished(Conflict):
    """The rejected rows of a job are known when it has ended."""

    code = "job-unfinished"


class BehindWithEvents(TooMany):
    """So many events wait to be published that no further file is taken."""

    code = "behind-with-events"


class JobView(BaseModel):
    """A job: `provisional`, `duplicate` and `revised` are parts of `accepted`.

    `skipped` rows are sums 合计; `ignored` are columns of no field; `sheet` is a workbook's.
    """

    id: str
    collection: str
    status: str
    accepted: int = 0
    provisional: int = 0
    duplicate: int = 0
    revised: int = 0
    rejected: int = 0
    skipped: int = 0
    sheet: str | None = None
    ignored: list[str] = []
    fault: dict[str, Any] | None = None
    created_at: datetime
    finished_at: datetime | None = None


async def _accept(spec: Import, request: Request, context: Context, caller: Actor) -> Response:
    """Take a file: whole first, then in one transaction, so that none waits for a slow sender."""
    media = media_of(request.headers.get("content-type", ""))
    await _keeping_up(context)
    settings = context.settings
    limit = settings.workbook_bytes if media == XLSX else settings.import_bytes
    promise = promised(dict(request.scope["headers"]))
    if promise is not None and promise > limit:
        raise TooLarge(limit=limit, got=promise)
    async with spooled(request.stream(), media, folder=settings.spool, limit=limit) as file:
        tx = await open_tx(request, context, caller)
        about = dealing(tx)
        key = request.headers.get("idempotency-key")
        if key is not None:
            asked = f"{request.url.path}:{file.digest}"
            await idempotency.claim(tx, key, about.operation, asked)
            request.state.claimed = key
        id_ = new_job_id(context.service)
        row = {
            "id": id_,
            "collection": spec.collection,
            "client": about.actor.id,
            "department": about.actor.department,
            "line": about.actor.line,
            "media": media,
            "status": "queued",
            "bytes": file.size,
            "traceparent": about.traceparent,
            "created_at": about.now,
        }
        await tx.execute(insert(job).values(**row))
        async for number, data in file.chunks():
            await tx.execute(insert(job_chunk).values(job=id_, number=number, data=data))
    view = JobView(id=id_, collection=spec.collection, status="queued", created_at=about.now)
    return Response(
        view.model_dump_json(), 202, {"Location": f"/api/v1/jobs/{id_}"}, "application/json"
    )


async def _keeping_up(context: Context) -> None:
    """Refuse more bulk rows while what was announced is not yet out: BehindWithEvents."""
    async with context.db.begin(system(context.service), "imports") as tx:
        waiting = await backlog.waiting(tx, MOST_UNPUBLISHED + 1)
    if waiting > MOST_UNPUBLISHED:
        raise BehindWithEvents(waiting=waiting, limit=MOST_UNPUBLISHED)


def import_router(imports: tuple[Import, ...]) -> APIRouter:
    """Make the routes of a service's imports and jobs."""
    routes = router(tag="jobs")
    for spec in imports:
        _add_import(routes, spec)

    @routes.get("/jobs/{job_id}")
    async def get_job(job_id: str, *, request: Request, tx: Tx, caller: Caller) -> JobView:
        """Give a job's state to the client that sent it, and to the administrator of the root."""
        found = await _job(tx, job_id, caller, state_only=True)
        view = JobView.model_validate(found, from_attributes=True)
        if view.fault is None:
            return view
        fault = view.fault
        if found.client != caller.id:
            fault = {name: fault[name] for name in _TOLD if name in fault}
        words = _words(request)
        said = words.refusals.say(fault["code"], words.language, fault)
        return view.model_copy(update={"fault": fault | {"message": said}})

    @routes.get("/jobs/{job_id}/errors")
    async def get_job_errors(
        job_id: str, *, request: Request, tx: Tx, caller: Caller, asked: Asked
    ) -> Page[FaultView]:
        """Give the sender what was wrong with each rejected row, in the order of the file."""
        await _job(tx, job_id, caller)
        query = select(
            job_error.c.row,
            job_error.c.place,
            job_error.c.column,
            job_error.c.code,
            job_error.c.facts,
        ).where(job_error.c.job == job_id)
        rows, next_ = await page(tx, query, by=(job_error.c.row, job_error.c.place), asked=asked)
        words = _words(request)
        items = [
            words.fault(row, column, code, facts)
            for row, _, column, code, facts in map(tuple, rows)
        ]
        return Page(items=items, next=next_)

    for form in (_Form("xlsx", XLSX, as_workbook), _Form("csv", f"{CSV}; charset=utf-8", as_csv)):
        _add_errors(routes, form)
    return routes


@dataclass(frozen=True, slots=True)
class _Form:
    """In which form the rejected rows go back."""

    ending: str
    media: str
    write: Callable[[Mending], bytes]


async def _job(
    tx: AsyncConnection, id_: str, caller: Actor, *, state_only: bool = False
) -> JobState:
    """Give the caller's own job; its rows, which may hold personal data, are nobody else's."""
    found = await state(tx, id_)
    if found is None or not (found.client == caller.id or (state_only and _operates(caller))):
        raise NotFound(job=id_)
    return found


def _operates(caller: Actor) -> bool:
    """Say whether the caller runs the whole installation: a lower administrator sees no others."""
    return Role.ADMIN in caller.roles and ROOT in caller.regions


def _add_errors(routes: APIRouter, form: _Form) -> None:
    async def errors_file(
        job_id: str,
        *,
        request: Request,
        tx: Tx,
        caller: Caller,
        after: Annotated[int, Query(ge=0, description="其后的行 rows after this one")] = 0,
    ) -> Response:
        job = await _job(tx, job_id, caller)
        if job.finished_at is None:
            raise JobUnfinished(job=job_id, status=job.status)
        mend = await mending(tx, job_id, _words(request), after)
        data = await asyncio.to_thread(form.write, mend)
        name = f"{job.collection}-errors.{form.ending}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        if mend.more:
            next_ = f"/api/v1/jobs/{job_id}/errors.{form.ending}?after={mend.last}"
            headers["Link"] = f'<{next_}>; rel="next"'
        return Response(data, 200, headers, form.media)

    errors_file.__doc__ = (
        f"Give the rejected rows as {form.ending.upper()}, as they stood, with what is wrong: "
        "mend them there and send the file back. Where there are more, `Link` names the next file."
    )
    media = form.media.split(";", maxsplit=1)[0]
    schema = {"type": "string", "format": "binary"}
    routes.add_api_route(
        f"/jobs/{{job_id}}/errors.{form.ending}",
        errors_file,
        methods=["GET"],
        response_class=Response,
        responses={200: {"content": {media: {"schema": schema}}}},
        name=f"get_job_errors_{form.ending}",
    )


def _words(request: Request) -> Words:
    return Words.of(request.app.state.sentences, request.headers.get("accept-language"))


def _add_import(routes: APIRouter, spec: Import) -> None:
    async def load(request: Request, context: Ctx, caller: Caller) -> Response:
        response = await _accept(spec, request, context, caller)
        request.state.after_commit = context.db.jobs_bell.set
        return response

    load.__doc__ = f"Load many {spec.collection}: NDJSON, CSV or XLSX, answered by a job."
    routes.add_api_route(
        f"/{spec.collection}:import",
        load,
        methods=["POST"],
        status_code=202,
        response_model=JobView,
        name=f"import_{spec.collection.replace('-', '_')}",
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    NDJSON: {"schema": {"type": "string"}},
                    CSV: {"schema": {"type": "string"}},
                    XLSX: {"schema": {"type": "string", "format": "binary"}},
                },
            }
        },
    )
