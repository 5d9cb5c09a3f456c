"""How the other services are reached: one pooled session, with what each may take."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import httpx
from starlette.types import ASGIApp
from yarl import URL

from contracts.errors import Unavailable
from contracts.services import GATEWAY
from gateway.forward.domain import Budget
from kit.intake import DEADLINE, Places

Query = Sequence[tuple[str, str]]

# uvicorn closes an idle connection after 5 s: one that is about to go must not be taken again.
_IDLE_S: Final = 4.0
_AT_ONCE: Final = 64
_FILES_AT_ONCE: Final = 16
_WAITS: Final = aiohttp.ClientTimeout(total=None, connect=5, sock_connect=2, sock_read=65)
_OUTAGES: Final = (aiohttp.ClientError, TimeoutError, OSError, ValueError)


class ServiceAway(Unavailable):
    """A service does not answer; trying again soon may succeed."""

    code = "service-away"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered: status and JSON."""

    status: int
    body: Any

    @property
    def ok(self) -> bool:
        """Say whether it did what was asked."""
        return self.status < httpx.codes.MULTIPLE_CHOICES


@dataclass(slots=True)
class Reach:
    """The addresses of the others, the session to them, and the gateway's own inner app."""

    addresses: Mapping[str, str]
    own: ASGIApp | None = None
    opened: aiohttp.ClientSession | None = None
    budgets: dict[str, Budget] = field(default_factory=dict)
    places: dict[tuple[str, bool], Places] = field(default_factory=dict)

    def budget(self, service: str) -> Budget:
        """Give what is left of further attempts at a service."""
        return self.budgets.setdefault(service, Budget())

    def bulkhead(self, service: str, *, files: bool) -> Places:
        """Give the places at a service: one that hangs holds up no request to another."""
        key = (service, files)
        if key not in self.places:
            self.places[key] = Places(_FILES_AT_ONCE if files else _AT_ONCE)
        return self.places[key]

    @property
    def session(self) -> aiohttp.ClientSession:
        """Give the one session, opened in the running loop at its first use."""
        if self.opened is None or self.opened.closed:
            self.opened = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=_WAITS,
                auto_decompress=False,
                skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            )
            # Whether to try again is decided in one place; aiohttp would by itself, for reads.
            self.opened._retry_connection = False  # noqa: SLF001 - it has no public name
        return self.opened

    async def close(self) -> None:
        """Close the session."""
        if self.opened is not None:
            await self.opened.close()

    def url(self, service: str, path: str, query: str) -> URL:
        """Give the address of an encoded path at a service, exactly as it came."""
        try:
            base = self.addresses[service]
        except KeyError as no:
            raise ServiceAway(service=service) from no
        return URL(f"{base.rstrip('/')}{path}{'?' if query else ''}{query}", encoded=True)

    async def ask(
        self,
        service: str,
        path: str,
        query: Query = (),
        *,
        token: str | None,
        trace: str | None = None,
        method: str = "GET",
        language: str = "zh",
        wait_s: float = 10.0,
    ) -> Answer:
        """Ask a service, or the gateway's own part, with a caller's token; raises ServiceAway.

        `path` is not encoded yet: an id in it may hold any character that a caller wrote.
        """
        headers = {"Accept-Language": language, DEADLINE.decode(): str(int(wait_s * 1000))}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if trace:
            headers["traceparent"] = trace
        path = quote(path, safe="/:")
        encoded = str(httpx.QueryParams(list(query)))
        try:
            if service == GATEWAY.name:
                async with asyncio.timeout(wait_s):
                    return await self._ask_itself(method, f"{path}?{encoded}", headers)
            return await self._ask(method, self.url(service, path, encoded), headers, wait_s)
        except _OUTAGES as no:
            raise ServiceAway(service=service) from no

    async def _ask(self, method: str, url: URL, headers: dict[str, str], wait_s: float) -> Answer:
        timeout = aiohttp.ClientTimeout(total=wait_s, sock_connect=2)
        async with self.session.request(method, url, headers=headers, timeout=timeout) as answer:
            return Answer(answer.status, json.loads(await answer.read() or b"null"))

    async def _ask_itself(self, method: str, path: str, headers: dict[str, str]) -> Answer:
        if self.own is None:
            raise OSError(GATEWAY.name)
        transport = httpx.ASGITransport(self.own, raise_app_exceptions=False)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://gateway", trust_env=False
        ) as itself:
            answer = await itself.request(method, path, headers=headers)
        return Answer(answer.status_code, answer.json() if answer.content else None)
