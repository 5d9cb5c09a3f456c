"""A `heli up` started by another command or a test: it goes when its starter goes."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from heli import keep
from heli.launch import DIRECT
from heli.problems import Problem
from heli.reach import STATE, Reach, reach

_STOP_S: Final = 60.0


class UpFailed(Problem):
    """`heli up` ended before it was ready."""

    code = "up-failed"


@dataclass(frozen=True, slots=True)
class Background:
    """A running stack: what its first line said, and its process."""

    data: Path
    first: dict[str, Any]
    process: subprocess.Popen[str]

    @property
    def gateway(self) -> str:
        """Give the gateway's address."""
        return str(self.first["gateway"])

    def state(self) -> dict[str, Any]:
        """Give what runs now: process ids change when a service is started again."""
        return keep.read_json(self.data / STATE)

    def admin(self) -> Reach:
        """Give the bootstrap administrator's way to the gateway."""
        return reach(self.gateway, self.data)


def surroundings() -> dict[str, str]:
    """Give the environment without other servers and folders: what starts here has its own.

    Else a bench or a demo of somebody who has `HELI_DATABASE_URL` set would write into that server.
    """
    elsewhere = {"HELI_DATABASE_URL", "HELI_NATS_URL", "HELI_ARCHIVE", "HELI_DATA"}
    return {name: text for name, text in os.environ.items() if name not in elsewhere}  # noqa: TID251


@contextmanager
def started(
    data: Path,
    *,
    port: int = 0,
    today: date | None = None,
    sandbox: bool = False,
    archive: Path | None = None,
) -> Iterator[Background]:
    """Start everything on a data folder, and stop it at the end; refuses UpFailed.

    Call it from the main thread: the stack is told to go when the thread that started it ends.
    """
    command = [sys.executable, "-P", "-m", "heli", "up", "--json"]
    command += ["--data", str(data.absolute()), "--port", str(port)]
    command += ["--today", today.isoformat()] if today else []
    command += ["--sandbox"] if sandbox else []
    command += ["--archive", str(archive.absolute())] if archive else []
    process = subprocess.Popen(  # noqa: S603  our own program, no shell
        DIRECT.argv(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=surroundings(),
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            _, words = process.communicate(timeout=_STOP_S)
            raise UpFailed(words=_title(words.strip()))
        yield Background(data, json.loads(line), process)
    finally:
        _stop(process)


def _title(words: str) -> str:
    """Take the sentences out of the last line's JSON, or all that was said."""
    try:
        return "\n".join(json.loads(words.splitlines()[-1])["title"])
    except (ValueError, LookupError):
        return words


def _stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.communicate(timeout=_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
