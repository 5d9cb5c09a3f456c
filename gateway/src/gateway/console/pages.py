"""What people look at: the start page and its live picture, the API pages, a page per refusal.

No token, no ids, nothing from another host: the policy in every answer's headers allows no other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from gateway.console import store
from gateway.console.domain import picture
from gateway.console.store import Document, Pulse, States
from gateway.forward.store import Reach
from kit.clock import Clock
from kit.deadlines import SHANGHAI
from kit.errors import Sentences, language_of

_ASSETS: Final = Path(str(files("gateway.console"))) / "assets"
_SWAGGER: Final = Path(str(files("fastapi_offline"))) / "static"
_SAFE: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept-Language, Accept",
}
# One file with all that it needs inside; it reaches nothing.
_ENCLOSED: Final = _SAFE | {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
        "img-src data:; font-src data:; base-uri 'none'; frame-ancestors 'none'"
    )
}
_NO_STORE: Final = {"Cache-Control": "no-store"}
_LANGUAGES: Final = ("zh", "en")


def _in(language: str, part: Any) -> Any:  # noqa: ANN401 - any piece of the words
    """Choose one language of words that have both."""
    if isinstance(part, dict):
        if part.keys() == set(_LANGUAGES):
            return part[language]
        return {key: _in(language, value) for key, value in part.items()}
    return part


def _language(request: Request) -> str:
    """Take the language of the address, else of `Accept-Language`, else Chinese."""
    asked = request.query_params.get("lang")
    return asked if asked in _LANGUAGES else language_of(request.headers.get("accept-language"))


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).astimezone(SHANGHAI).strftime("%m-%d %H:%M:%S")


@dataclass(frozen=True, slots=True)
class Console:
    """The pages, with what they show."""

    sentences: Sentences
    document: Document
    pulse: Pulse
    states: States
    demo_page: Path | None
    words: Mapping[str, Mapping[str, Any]]
    circle: Mapping[str, list[str]]
    problems: Mapping[str, Mapping[str, Any]]
    templates: Environment

    # Pages -----------------------------------------------------------------------------------

    async def start(self, request: Request) -> Response:
        """Show who is ready, what is going on, and where to go."""
        counts = self.pulse.told()
        shown = {
            "picture": picture.draw(counts, self.circle),
            "width": picture.WIDTH,
            "height": picture.HEIGHT,
            "counts": counts,
            "total": counts.total(),
            "circle": self.circle,
            "for_all": lambda type_: picture.is_for_all(type_, self.circle),
            "states": await self.states.get(),
            "counting": bool(self.pulse.heard),
            "clock": _clock,
        }
        return self._page(request, "start", _NO_STORE, **shown)

    async def beat(self, request: Request) -> Response:
        """Give what the picture shows, as numbers."""
        words = self.words[_language(request)]
        counts = self.pulse.told()
        states = await self.states.get()
        arrows = picture.between(counts, self.circle)
        services = []
        for name in picture.ORDER:
            one = states.get(name)
            said, to_all = picture.said(counts, name, self.circle)
            state = one.state if one else "unknown"
            since = words["start"]["since"].format(time=_clock(one.since)) if one else ""
            services.append(
                {"name": name, "state": state, "says": words["start"][state], "since": since}
                | {"said": said, "to_all": to_all}
            )
        body = {
            "minutes": store.MINUTES,
            "counting": bool(self.pulse.heard),
            "events": {type_: counts[type_] for type_ in sorted(counts)},
            "arrows": arrows,
            "services": services,
            "says": words["start"]["circle_says"].format(arrows=len(arrows), total=counts.total()),
        }
        later = BackgroundTask(self.states.refresh)
        return JSONResponse(body, headers=_SAFE | _NO_STORE, background=later)

    async def docs(self, request: Request) -> Response:
        """Show the interface, to be tried."""
        return self._page(request, "docs", {})

    async def openapi(self, request: Request) -> Response:
        """Give the document of the interface in one language."""
        return JSONResponse(await self.document.get(_language(request)), headers=_SAFE)

    async def demo(self, _request: Request) -> Response:
        """Show the page that the demo wrote, where there is one."""
        if not self._has_demo():
            raise HTTPException(404)
        return FileResponse(str(self.demo_page), media_type="text/html", headers=_ENCLOSED)

    async def catalogue(self, request: Request) -> Response:
        """List every code with its sentence."""
        if _wants_json(request):
            listed = [self._as_json(code) for code in self.problems]
            return JSONResponse({"items": listed}, headers=_SAFE)
        language = _language(request)
        groups: dict[str, list[dict[str, Any]]] = {}
        for code in sorted(self.problems):
            for package in self.problems[code]["of"]:
                groups.setdefault(package, []).append(self._told(code, language))
        first = ["every", *picture.ORDER, "command"]
        shown = [
            {"title": self._owner(name, language), "problems": groups[name]}
            for name in sorted(groups, key=first.index)
        ]
        return self._page(request, "problems", {}, groups=shown)

    async def problem(self, request: Request) -> Response:
        """Say what a code means, how it comes about and what to do."""
        code = request.path_params["code"]
        if code not in self.problems:
            raise HTTPException(404)
        if _wants_json(request):
            return JSONResponse(self._as_json(code), headers=_SAFE)
        return self._page(request, "problem", {}, one=self._told(code, _language(request)))

    # Parts -----------------------------------------------------------------------------------

    def _told(self, code: str, language: str) -> dict[str, Any]:
        known = self.problems[code]
        return {
            "code": code,
            "status": known["status"],
            "sentence": known[language],
            "other": known["en" if language == "zh" else "zh"],
            "cause": known[f"cause_{language}"],
            "remedy": known[f"remedy_{language}"],
            "of": "、".join(self._owner(name, language) for name in known["of"]),
        }

    def _owner(self, name: str, language: str) -> str:
        words = self.words[language]
        if name in words["services"]:
            return f"{words['services'][name]} {name}" if language == "zh" else name
        return str(words["problems"][name])

    def _as_json(self, code: str) -> dict[str, Any]:
        return {"type": f"/problems/{code}", "code": code, **self.problems[code]}

    def _has_demo(self) -> bool:
        return self.demo_page is not None and self.demo_page.is_file()

    def _page(
        self, request: Request, name: str, headers: Mapping[str, str], **shown: object
    ) -> HTMLResponse:
        language = _language(request)
        text = self.templates.get_template(f"{name}.html").render(
            lang=language,
            other="en" if language == "zh" else "zh",
            w=self.words[language],
            demo=self._has_demo(),
            **shown,
        )
        told = {**_SAFE, "Content-Language": language, **headers}
        return HTMLResponse(text, headers=told)

    async def missing(self, request: Request, no: Exception) -> Response:
        """Answer what no page has as a problem."""
        status = no.status_code if isinstance(no, HTTPException) else 500
        code = {404: "no-such-path", 405: "method-not-allowed"}.get(status, "bad-request")
        given = (no.headers or {}) if isinstance(no, HTTPException) else {}
        allow = {name: ", ".join(sorted(value.split(", "))) for name, value in given.items()}
        facts = {"path": request.url.path, "method": request.method}
        told = {**facts, "allow": allow.get("Allow")}
        body = self.sentences.body(status, code, _language(request), told) | facts
        return JSONResponse(body, status, {**allow, **_SAFE}, "application/problem+json")


def _wants_json(request: Request) -> bool:
    accept = request.headers.get("accept", "")
    return "json" in accept and "text/html" not in accept


def pages(
    reach: Reach, sentences: Sentences, pulse: Pulse, *, clock: Clock, demo_page: Path | None
) -> Starlette:
    """Make the pages' app."""
    words = store.words("words")
    console = Console(
        sentences=sentences,
        document=Document(reach, clock, store.words("operations"), store.words("fields")),
        pulse=pulse,
        states=States(reach),
        demo_page=demo_page,
        words={language: _in(language, words) for language in _LANGUAGES},
        circle=store.generated("circle"),
        problems=store.generated("problems"),
        templates=Environment(
            loader=PackageLoader("gateway.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        ),
    )
    return Starlette(
        routes=[
            Route("/", console.start),
            Route("/pulse", console.beat),
            Route("/demo", console.demo),
            Route("/openapi.json", console.openapi),
            Route("/docs", console.docs),
            Route("/problems", console.catalogue),
            Route("/problems/{code}", console.problem),
            Mount("/docs/assets", StaticFiles(directory=_SWAGGER)),
            Mount("/assets", StaticFiles(directory=_ASSETS)),
        ],
        exception_handlers={HTTPException: console.missing},
    )
