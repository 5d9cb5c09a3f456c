"""One program started by us: its log, its end, and how it is asked to stop."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

from heli.problems import Problem

_LOG_KEPT = 10 * 1024 * 1024  # bytes; a longer log starts anew and the old one stays as *.1
_LINES = 5  # of a log are said, the last one being empty
_STEP = 0.01  # seconds between two looks


class StartFailed(Problem):
    """A program ended or did not become ready; its last words are in the facts."""

    code = "start-failed"


def wait_until(done: Callable[[], bool], *, seconds: float) -> bool:
    """Look again and again until something holds; say whether it came to hold in time."""
    until = time.monotonic() + seconds
    while not done():
        if time.monotonic() > until:
            return False
        time.sleep(_STEP)
    return True


def last_words(log: Path, *, since: int = 0) -> str:
    """Give the last lines of a log; what came before it is read in the file."""
    with log.open("rb") as file:
        file.seek(since)
        return "\n".join(file.read()[-2000:].decode(errors="replace").split("\n")[-_LINES:]).strip()


class Running(Protocol):
    """What `subprocess.Popen` says of a process, and does to it."""

    @property
    def pid(self) -> int:
        """Give the process id."""

    def poll(self) -> int | None:
        """Give the exit code, None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; raises TimeoutExpired."""

    def send_signal(self, sig: int) -> None:
        """Send a signal unless it has ended."""


# Starts a process that writes to an open log; the log is the starter's to close.
Start: TypeAlias = Callable[[int], Running]


def executed(
    argv: Sequence[str], *, env: Mapping[str, str], keep_open: Sequence[int] = ()
) -> Start:
    """Start a program of ours; `keep_open` are files that it holds as well."""

    def start(log: int) -> Running:
        return subprocess.Popen(  # noqa: S603  our own programs, no shell
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=dict(env),
            cwd="/",
            pass_fds=keep_open,
            start_new_session=True,
        )

    return start


class Child:
    """A running program, in a session of its own so that Ctrl-C reaches the supervisor alone."""

    def __init__(self, name: str, start: Start, *, log: Path) -> None:
        self.name = name
        self.log = log
        if log.exists() and log.stat().st_size > _LOG_KEPT:
            log.replace(log.with_name(f"{log.name}.1"))
        # Opened with 0600: logs name people's matters.
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._began_at = os.fstat(handle).st_size
        try:
            self._running = start(handle)
        finally:
            os.close(handle)

    @property
    def pid(self) -> int:
        """Give the process id."""
        return self._running.pid

    @property
    def alive(self) -> bool:
        """Say whether it still runs; reaps it when it does not."""
        return self._running.poll() is None

    @property
    def code(self) -> int | None:
        """Give the exit code, negative for a signal, None while it runs."""
        return self._running.poll()

    def last_words(self) -> str:
        """Give the end of what it wrote to its log since it started."""
        return last_words(self.log, since=self._began_at)

    def wait_ready(self, ready: Callable[[], bool], *, seconds: float) -> None:
        """Wait until it is ready; refuse with its last words when it ends or takes too long."""
        wait_until(lambda: ready() or not self.alive, seconds=seconds)
        if not (self.alive and ready()):
            raise StartFailed(
                program=self.name, exit_code=self.code, log=str(self.log), words=self.last_words()
            )

    def send(self, number: signal.Signals) -> None:
        """Send a signal unless it has ended."""
        with contextlib.suppress(ProcessLookupError):
            self._running.send_signal(number)

    def stop(self, *steps: tuple[signal.Signals, float]) -> None:
        """Ask it to stop, each step with the seconds it has; SIGKILL is the last word."""
        for number, seconds in (*steps, (signal.SIGKILL, 10.0)):
            if not self.alive:
                return
            self.send(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._running.wait(seconds)
