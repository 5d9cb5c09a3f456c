"""What people and tools read: the merged document, and pages to try it, all without the net."""

import asyncio
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from fastapi.openapi.docs import get_swagger_ui_html
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from gateway.compose import store
from gateway.compose.store import ALL, Asking
from gateway.forward.store import Reach
from kit import openapi
from kit.clock import elapsed_s
from kit.errors import Sentences, language_of

_ASSETS: Final = Path(str(files("fastapi_offline"))) / "static"
_WHOLE_S: Final = 60.0  # how long a document of all six is kept
_PARTIAL_S: Final = 2.0


@dataclass(slots=True)
class Document:
    """The merged document, kept for a while; `x-degraded` names services that did not answer."""

    reach: Reach
    kept: dict[str, Any] = field(default_factory=dict)
    until: float = 0.0
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def get(self) -> dict[str, Any]:
        """Give the document."""
        async with self.reading:
            if elapsed_s() >= self.until:
                await self._read()
            return self.kept

    async def _read(self) -> None:
        answers = await Asking(self.reach, None).every(ALL, "/openapi.json")
        found = {name: answer.body for name, answer in answers.items() if answer.ok}
        self.kept = openapi.merge(found)
        lacking = sorted(set(store.ALL) - found.keys())
        if lacking:
            self.kept["x-degraded"] = lacking
        self.until = elapsed_s() + (_PARTIAL_S if lacking else _WHOLE_S)


def pages(reach: Reach, sentences: Sentences) -> Starlette:
    """Make the pages' app."""
    document = Document(reach)

    async def document_(_request: Request) -> Response:
        return JSONResponse(await document.get())

    async def docs(_request: Request) -> Response:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title=openapi.TITLE,
            swagger_js_url="/docs/assets/swagger-ui-bundle.js",
            swagger_css_url="/docs/assets/swagger-ui.css",
            swagger_favicon_url="/docs/assets/favicon.png",
            swagger_ui_parameters={"docExpansion": "none", "tryItOutEnabled": True},
        )

    async def start(_request: Request) -> Response:
        return RedirectResponse("/docs", 307)

    async def missing(request: Request, no: Exception) -> Response:
        status = no.status_code if isinstance(no, HTTPException) else 500
        code = {404: "no-such-path", 405: "method-not-allowed"}.get(status, "bad-request")
        language = language_of(request.headers.get("accept-language"))
        facts = {"path": request.url.path, "method": request.method}
        body = {
            "type": f"/problems/{code}",
            "title": sentences.say(code, language, facts),
            "status": status,
            "code": code,
            **facts,
        }
        return JSONResponse(body, status, media_type="application/problem+json")

    return Starlette(
        routes=[
            Route("/", start),
            Route("/openapi.json", document_),
            Route("/docs", docs),
            Mount("/docs/assets", StaticFiles(directory=_ASSETS)),
        ],
        exception_handlers={HTTPException: missing},
    )
