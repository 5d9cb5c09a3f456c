"""A small client of the gateway: what an integrator would write, used by the commands and the demo.

Every POST carries an Idempotency-Key, so that sending again after a lost answer is safe: a gateway
or service that is away for moments is waited for.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Self

import httpx
from typing_extensions import override

from kit.clock import elapsed_s, new_id

API: Final = "/api/v1"
_AWAY: Final = {502, 503, 504}
_PATIENCE_S: Final = 30.0
_LOOK_S: Final = 0.2
_ASIDE_S: Final = 3.0  # for what helps, but is not the answer
_RENEW_S: Final = 30  # before the end of a token's life
_CHUNK: Final = 256 * 1024
MEDIA: Final = {
    ".csv": "text/csv",
    ".ndjson": "application/x-ndjson",
    ".jsonl": "application/x-ndjson",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".xls": "application/vnd.ms-excel",
}

Progress = Callable[[int], None]


class ApiProblem(Exception):
    """The gateway said no: problem+json, with a stable code; `page` explains the code."""

    def __init__(self, status: int, body: Mapping[str, Any], gateway: str = "") -> None:
        self.status = status
        self.body = dict(body)
        self.code = str(body.get("code", status))
        self.page = f"{gateway}/problems/{self.code}" if gateway and "code" in body else ""
        self.title = str(body.get("title", ""))
        self.errors: list[dict[str, Any]] = list(body.get("errors") or [])
        super().__init__(str(self))

    @override
    def __str__(self) -> str:
        faults = (
            "; ".join(f"{name}: {value}" for name, value in fault.items() if value is not None)
            for fault in self.errors
        )
        return "\n  ".join((f"{self.status} {self.code}: {self.title}", *faults))


def remedy_of(page: str) -> dict[str, str] | None:
    """Ask the page of a code what to do about it, in both languages; None when it does not say."""
    try:
        answer = httpx.get(
            page, headers={"Accept": "application/json"}, timeout=_ASIDE_S, trust_env=False
        )
        said = _checked(answer).json()
        return {name: str(said[name]) for name in ("remedy_zh", "remedy_en")}
    except (httpx.HTTPError, httpx.InvalidURL, ApiProblem, ValueError, LookupError, TypeError):
        return None


class Client:
    """One client of one gateway, with its credentials; the token is fetched and renewed alone."""

    def __init__(
        self,
        gateway: str,
        client_id: str,
        client_secret: str,
        *,
        language: str = "zh",
        patience_s: float = _PATIENCE_S,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.gateway = gateway.rstrip("/")
        self.credentials = (client_id, client_secret)
        self.patience_s = patience_s
        self._token, self._token_until = "", 0.0
        self._http = httpx.Client(
            base_url=self.gateway,
            headers={"Accept-Language": language},
            timeout=60.0,
            trust_env=False,
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # Verbs; paths are those behind /api/v1 -----------------------------------------------------

    def get(self, path: str, **params: object) -> Any:  # noqa: ANN401  whatever JSON stands there
        """Read one thing, or the answer of a function."""
        return self.send("GET", path, params=_given(params)).json()

    def post(self, path: str, body: object = None, *, key: str | None = None) -> Any:  # noqa: ANN401  whatever JSON stands there
        """Create something or act on it; the same key has one effect."""
        answer = self.send("POST", path, json={} if body is None else body, headers=_key(key))
        return answer.json() if answer.content else None

    def list(self, path: str, **params: object) -> Iterator[dict[str, Any]]:
        """Go through a list, page after page."""
        cursor: str | None = None
        while True:
            page = self.get(path, **params, cursor=cursor)
            yield from page["items"]
            cursor = page.get("next")
            if cursor is None:
                return

    def upload(
        self,
        collection: str,
        source: Path | bytes,
        *,
        media: str | None = None,
        key: str | None = None,
        sent: Progress = lambda _count: None,
    ) -> dict[str, Any]:
        """Send a file of rows to `<collection>:import` in pieces; gives the job."""
        if media is None:
            media = MEDIA.get(source.suffix.lower(), "") if isinstance(source, Path) else ""
        headers = {"Content-Type": media or "application/octet-stream"} | _key(key)
        answer = self.send(
            "POST",
            f"/{collection.strip('/')}:import",
            content=lambda: _pieces(source, sent),
            headers=headers,
        )
        job: dict[str, Any] = answer.json()
        return job

    def wait_job(
        self,
        job: str,
        *,
        seconds: float = 3600.0,
        seen: Callable[[dict[str, Any]], None] | None = None,
    ) -> dict[str, Any]:
        """Follow a job to its end; `seen` hears every state."""
        until = elapsed_s() + seconds
        while True:
            state: dict[str, Any] = self.get(f"/jobs/{job}")
            if seen:
                seen(state)
            if state["status"] in {"done", "failed"}:
                return state
            if elapsed_s() > until:
                raise TimeoutError(job)
            time.sleep(_LOOK_S)

    def send(
        self,
        method: str,
        path: str,
        *,
        content: Callable[[], Iterator[bytes]] | None = None,
        headers: Mapping[str, str] | None = None,
        **options: Any,  # noqa: ANN401  handed on to httpx
    ) -> httpx.Response:
        """Send a request with a token, again while the other side is away; raises ApiProblem."""
        until = elapsed_s() + self.patience_s
        renewed = False
        while True:
            try:
                answer = self._http.request(
                    method,
                    f"{API}{path}",
                    headers={**(headers or {}), "Authorization": f"Bearer {self.token()}"},
                    content=content() if content else None,
                    **options,
                )
            except (httpx.TransportError, ApiProblem) as no:  # also while it asks for a token
                refused = isinstance(no, ApiProblem) and no.status not in _AWAY
                if refused or elapsed_s() > until:
                    raise
                time.sleep(_LOOK_S)
                continue
            if answer.status_code == httpx.codes.UNAUTHORIZED and not renewed:
                self._token_until, renewed = 0.0, True
            elif answer.status_code in _AWAY and elapsed_s() < until:
                time.sleep(_LOOK_S)
            else:
                return _checked(answer)

    def token(self) -> str:
        """Give an access token that is good for a while."""
        if elapsed_s() >= self._token_until:
            client_id, client_secret = self.credentials
            form = {
                "grant_type": "client_credentials",
                "client_id": client_id,
                "client_secret": client_secret,
            }
            answer = _checked(self._http.post("/oauth/token", data=form)).json()
            self._token = str(answer["access_token"])
            lifetime = int(answer.get("expires_in", 2 * _RENEW_S))
            self._token_until = elapsed_s() + max(lifetime - _RENEW_S, lifetime / 2)
        return self._token


def _key(key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": key or new_id()}


def _given(params: Mapping[str, object]) -> dict[str, str]:
    """Leave out what is not asked; `from_` stands for `from`."""
    return {name.rstrip("_"): str(value) for name, value in params.items() if value is not None}


def _pieces(source: Path | bytes, sent: Progress) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield source
        sent(len(source))
        return
    done = 0
    with source.open("rb") as file:
        while piece := file.read(_CHUNK):
            yield piece
            done += len(piece)
            sent(done)


def _checked(answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    try:
        body = answer.json()
    except ValueError:
        body = {"title": answer.text[:500]}
    body = body if isinstance(body, dict) else {"title": str(body)}
    raise ApiProblem(answer.status_code, body, str(answer.url.copy_with(raw_path=b"")))
