"""Programs that must run: started together, started again when they die, stopped together."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGTERM
from typing import Final

from heli.child import Child, wait_until
from heli.fork import forked

_FIRST_PAUSE: Final = 0.2  # seconds; doubled with every death in a row
_LONGEST_PAUSE: Final = 30.0
_STEADY: Final = 60.0  # who lived this long starts with the first pause again
_DRAIN: Final = 30.0  # seconds: a service takes 20 for requests in hand and 3 for its events


@dataclass(frozen=True, slots=True)
class Program:
    """What to run: a Python module with its arguments and its whole environment."""

    name: str
    module: Sequence[str]
    env: Mapping[str, str]
    log: Path


def pause(deaths: int) -> float:
    """Say how long to wait before the next start after so many deaths in a row."""
    return min(_FIRST_PAUSE * 2.0 ** (deaths - 1), _LONGEST_PAUSE)


@dataclass(slots=True)
class _Watched:
    program: Program
    child: Child | None = None
    began: float = 0.0
    deaths: int = 0
    due: float = 0.0


@dataclass(slots=True)
class Supervisor:
    """Keeps programs running; not started by itself again after kill -9, but they go with it."""

    programs: Sequence[Program]
    _watched: dict[str, _Watched] = field(default_factory=dict)

    def start(self) -> None:
        """Start all at once."""
        for program in self.programs:
            watched = self._watched[program.name] = _Watched(program)
            self._start(watched)

    def tend(self) -> list[str]:
        """Look after all once; name those that were started again."""
        now = time.monotonic()
        again = []
        for watched in self._watched.values():
            if watched.child is not None and not watched.child.alive:
                watched.deaths = 1 if now - watched.began > _STEADY else watched.deaths + 1
                watched.due = now + pause(watched.deaths)
                watched.child = None
            if watched.child is None and now >= watched.due:
                self._start(watched)
                again.append(watched.program.name)
        return again

    def deaths(self, name: str) -> int:
        """Say how often in a row a program died."""
        return self._watched[name].deaths

    def pids(self) -> dict[str, int]:
        """Give the process ids of what runs."""
        return {name: w.child.pid for name, w in self._watched.items() if w.child is not None}

    def stop(self) -> None:
        """Ask all to drain and go, then insist."""
        children = [watched.child for watched in self._watched.values() if watched.child]
        for child in children:
            child.send(SIGTERM)
        wait_until(lambda: not any(child.alive for child in children), seconds=_DRAIN)
        for child in children:
            child.stop()
        self._watched.clear()

    @staticmethod
    def _start(watched: _Watched) -> None:
        program = watched.program
        start = forked(program.name, program.module, env=program.env)
        watched.child = Child(program.name, start, log=program.log)
        watched.began = time.monotonic()
