"""HTTP of bulk imports: `POST /things:import` → 202, then `/jobs/{id}` and its errors."""

import hashlib
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from contracts.errors import NotFound, TooLarge
from contracts.roles import Role
from kit import idempotency
from kit.context import Caller, Ctx, Tx, router
from kit.db import dealing
from kit.errors import language_of
from kit.jobs import Import, job, job_chunk, job_error, new_job_id, state
from kit.lists import Asked, Page, page
from kit.uploads import EmptyFile, media_of, refuse_workbook

LIMIT_BYTES = 1024**3
CHUNK_BYTES = 1024**2


class JobView(BaseModel):
    """A job: `provisional`, `duplicate` and `revised` are parts of `accepted`."""

    id: str
    collection: str
    status: str
    accepted: int = 0
    provisional: int = 0
    duplicate: int = 0
    revised: int = 0
    rejected: int = 0
    ignored: list[str] = []
    fault: dict[str, Any] | None = None
    created_at: datetime
    finished_at: datetime | None = None


class JobErrorView(BaseModel):
    """One fault of one row; the header of a CSV is row 1."""

    row: int
    column: str
    code: str
    message: str
    got: str | None = None
    expected: str | None = None
    suggestion: str | None = None


async def _accept(spec: Import, request: Request, context: Ctx, tx: Tx) -> Response:
    media = media_of(request.headers.get("content-type", ""))
    about = dealing(tx)
    id_ = new_job_id(context.service)
    digest = hashlib.sha256()
    size = 0
    number = 0
    buffer = bytearray()
    async for part in request.stream():
        if not size:
            refuse_workbook(part)
        size += len(part)
        if size > LIMIT_BYTES:
            raise TooLarge(limit=LIMIT_BYTES, got=size)
        digest.update(part)
        buffer += part
        while len(buffer) >= CHUNK_BYTES:
            data = bytes(buffer[:CHUNK_BYTES])
            await tx.execute(insert(job_chunk).values(job=id_, number=number, data=data))
            del buffer[:CHUNK_BYTES]
            number += 1
    if buffer:
        await tx.execute(insert(job_chunk).values(job=id_, number=number, data=bytes(buffer)))
    if not size:
        raise EmptyFile(field="body", got="0", expected="≥ 1 row")
    key = request.headers.get("idempotency-key")
    if key is not None:
        await idempotency.claim(
            tx, key, about.operation, f"{request.url.path}:{digest.hexdigest()}"
        )
        request.state.claimed = key
    row = {
        "id": id_,
        "collection": spec.collection,
        "client": about.actor.id,
        "department": about.actor.department,
        "line": about.actor.line,
        "media": media,
        "status": "queued",
        "bytes": size,
        "traceparent": about.traceparent,
        "created_at": about.now,
    }
    await tx.execute(insert(job).values(**row))
    view = JobView(id=id_, collection=spec.collection, status="queued", created_at=about.now)
    return Response(
        view.model_dump_json(), 202, {"Location": f"/api/v1/jobs/{id_}"}, "application/json"
    )


def import_router(imports: tuple[Import, ...]) -> APIRouter:
    """Make the routes of a service's imports and jobs."""
    routes = router(tag="jobs")
    for spec in imports:
        _add_import(routes, spec)

    @routes.get("/jobs/{job_id}")
    async def get_job(job_id: str, tx: Tx, caller: Caller) -> JobView:
        """Give a job's state; it belongs to the client that sent it."""
        found = await state(tx, job_id)
        if found is None or (found.client != caller.id and Role.ADMIN not in caller.roles):
            raise NotFound(job=job_id)
        return JobView.model_validate(found, from_attributes=True)

    @routes.get("/jobs/{job_id}/errors")
    async def get_job_errors(
        job_id: str, *, request: Request, tx: Tx, caller: Caller, asked: Asked
    ) -> Page[JobErrorView]:
        """Give what was wrong with each rejected row, in the order of the file."""
        await get_job(job_id, tx, caller)
        query = select(
            job_error.c.row,
            job_error.c.place,
            job_error.c.column,
            job_error.c.code,
            job_error.c.facts,
        ).where(job_error.c.job == job_id)
        rows, next_ = await page(tx, query, by=(job_error.c.row, job_error.c.place), asked=asked)
        language = language_of(request.headers.get("accept-language"))
        sentences = request.app.state.sentences
        items = [
            JobErrorView(
                row=row,
                column=column,
                code=code,
                message=sentences.say(code, language, facts | {"field": column}),
                got=_text(facts.get("got")),
                expected=_text(facts.get("expected")),
                suggestion=_text(facts.get("suggestion")),
            )
            for row, _, column, code, facts in map(tuple, rows)
        ]
        return Page(items=items, next=next_)

    return routes


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _add_import(routes: APIRouter, spec: Import) -> None:
    async def load(request: Request, context: Ctx, tx: Tx) -> Response:
        response = await _accept(spec, request, context, tx)
        request.state.after_commit = context.db.jobs_bell.set
        return response

    load.__doc__ = f"Load many {spec.collection}: NDJSON or CSV, answered by a job."
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
                    "application/x-ndjson": {"schema": {"type": "string"}},
                    "text/csv": {"schema": {"type": "string"}},
                },
            }
        },
    )
