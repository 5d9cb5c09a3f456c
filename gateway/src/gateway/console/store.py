"""What the pages show: counts by type and minute, who is ready, and the words of the pages."""

import asyncio
import contextlib
import json
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import files
from typing import Any, Final

from contracts.services import SERVICES
from gateway.compose.store import ALL, Asking
from gateway.console.domain import guide
from gateway.console.domain.guide import Guide
from gateway.forward.store import Reach, ServiceAway
from kit import openapi
from kit.clock import Clock, elapsed_s, real_seconds
from kit.deadlines import shanghai_day

MINUTES: Final = 15
_MINUTE_S: Final = 60
_FRESH_S: Final = 2.0
_STALE_S: Final = 10.0
_PATIENCE_S: Final = 1.0  # how long a viewer waits
_PROBE_S: Final = 4.0  # how long a busy service may take
_UNREADY: Final = 503
_WHOLE_S: Final = 60.0  # how long a document of all six is kept
_PARTIAL_S: Final = 2.0


# Data of the package -------------------------------------------------------------------------


def words(name: str) -> dict[str, Any]:
    """Read a file of words, each in two languages."""
    return tomllib.loads(files("gateway.console").joinpath(f"{name}.toml").read_text("utf-8"))


def generated(name: str) -> dict[str, Any]:
    """Read a file that `make docs` writes: `circle` (type → readers), `problems` (by code)."""
    found: dict[str, Any] = json.loads(
        files("gateway.console").joinpath(f"{name}.json").read_text("utf-8")
    )
    return found


# Counts --------------------------------------------------------------------------------------


@dataclass(slots=True)
class Pulse:
    """How many events of each type were announced in the last minutes; no ids, no bodies."""

    types: frozenset[str]
    minutes: dict[int, Counter[str]] = field(default_factory=dict)
    heard: set[str] = field(default_factory=set)  # streams that are being counted

    def count(self, type_: str, at: float) -> None:
        """Count one event that the stream took at a moment; an unknown type has no name here."""
        minute = int(at) // _MINUTE_S
        if type_ in self.types and minute >= self._first():
            if minute not in self.minutes:
                self._drop()
            self.minutes.setdefault(minute, Counter())[type_] += 1

    def forget(self, stream: str) -> None:
        """Drop a stream's counts, before they are heard again."""
        for counter in self.minutes.values():
            for type_ in [one for one in counter if one.startswith(f"{stream}.")]:
                del counter[type_]

    def told(self) -> Counter[str]:
        """Give the counts of the last minutes by type; older minutes go."""
        self._drop()
        return sum(self.minutes.values(), Counter())

    @staticmethod
    def _first() -> int:
        return int(real_seconds()) // _MINUTE_S - MINUTES + 1

    def _drop(self) -> None:
        for minute in [one for one in self.minutes if one < self._first()]:
            del self.minutes[minute]


# Readiness -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class State:
    """How a service is (ready, not-ready or away), and since when, in seconds since 1970.

    `started` is when its process began, as it said itself.
    """

    name: str
    state: str
    since: float
    started: float | None = None


@dataclass(slots=True)
class States:
    """Asks every service whether it is ready: at most once in two seconds, for all viewers."""

    reach: Reach
    known: dict[str, State] = field(default_factory=dict)
    asked_at: float = -_STALE_S
    looking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def get(self) -> Mapping[str, State]:
        """Give what is known; who comes after a while waits for news, but a second at most."""
        if elapsed_s() - self.asked_at >= _STALE_S:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.refresh(), _PATIENCE_S)
        return self.known

    async def refresh(self) -> None:
        """Ask again where what is known is not fresh; each answer counts when it comes."""
        async with self.looking:
            if elapsed_s() - self.asked_at < _FRESH_S:
                return
            await asyncio.gather(*(self._look(service.name) for service in SERVICES))
            self.asked_at = elapsed_s()

    async def _look(self, name: str) -> None:
        state, started = await self._ask(name)
        self.known[name] = next_state(
            self.known.get(name), name, state, started=started, now=real_seconds()
        )

    async def _ask(self, name: str) -> tuple[str, float | None]:
        try:
            answer = await self.reach.ask(name, "/readyz", token=None, wait_s=_PROBE_S)
        except ServiceAway:
            return "away", None
        if answer.ok:
            return "ready", _started(answer.body)
        if answer.status == _UNREADY:
            return "not-ready", _started(answer.body)
        return "away", None


def next_state(
    before: State | None, name: str, state: str, *, started: float | None, now: float
) -> State:
    """Give how a service is after an answer: since its process began, or since it changed."""
    if before is not None and before.state == state and before.started == started:
        return before
    same_process = before is not None and before.started == started
    since = now if started is None or same_process else started
    return State(name, state, since, started)


def _started(body: object) -> float | None:
    said = body.get("started_at") if isinstance(body, dict) else None
    try:
        return datetime.fromisoformat(said).timestamp() if isinstance(said, str) else None
    except ValueError:
        return None


# The document of the interface ---------------------------------------------------------------


@dataclass(slots=True)
class Document:
    """The merged document, kept for a while; `x-degraded` names services that did not answer."""

    reach: Reach
    clock: Clock
    guide: Guide
    fields: Guide
    kept: dict[str, Any] = field(default_factory=dict)
    labelled: dict[str, Any] = field(default_factory=dict)  # the same, with Chinese labels
    until: float = 0.0
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def get(self, language: str) -> dict[str, Any]:
        """Give the document, told in one language."""
        async with self.reading:
            if elapsed_s() >= self.until:
                await self._read()
        today = shanghai_day(self.clock.now())
        kept = self.labelled if language == "zh" else self.kept
        return guide.told(kept, self.guide, language, today)

    async def _read(self) -> None:
        answers = await Asking(self.reach, None).every(ALL, "/openapi.json")
        found = {name: answer.body for name, answer in answers.items() if answer.ok}
        self.kept = openapi.merge(found)
        lacking = sorted(set(ALL) - found.keys())
        if lacking:
            self.kept["x-degraded"] = lacking
        self.labelled = guide.labelled(self.kept, self.fields)
        self.until = elapsed_s() + (_PARTIAL_S if lacking else _WHOLE_S)
