"""A stack of its own for a bench: started as an operator starts it, ended and removed after."""

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heli import credentials
from heli.background import started
from heli.client import Client
from heli.problems import Problem
from kit.clock import elapsed_s


class BenchBroken(Problem):
    """What is to be measured does not start or does not do what it should."""

    code = "bench-broken"


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack: its folder, its state as `heli up` printed it, and how long it took."""

    folder: Path
    state: dict[str, Any]
    ready_s: float

    @property
    def gateway(self) -> str:
        """Give the gateway's address."""
        return str(self.state["gateway"])

    def admin(self) -> Client:
        """Give the first administrator."""
        return Client(self.gateway, *credentials.bootstrap(self.folder))


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """Give a new folder that is gone afterwards, also what a start as root puts elsewhere."""
    made = Path(tempfile.mkdtemp(prefix="heli-bench-"))
    try:
        yield made
    finally:
        kept = made / "ports.json"
        home = json.loads(kept.read_text("utf-8")).get("home") if kept.exists() else None
        shutil.rmtree(made, ignore_errors=True)
        if home:
            shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def stack(place: Path) -> Iterator[Stack]:
    """Run `heli up` on a folder until the block ends; refuses UpFailed."""
    began = elapsed_s()
    with started(place) as up:
        yield Stack(place, up.first, elapsed_s() - began)


def child(module: str, *words: str, seconds: float = 300.0) -> dict[str, Any]:
    """Run a module that prints one line of JSON, and read it; refuses BenchBroken."""
    command = [sys.executable, "-m", module, *words]
    try:
        done = subprocess.run(  # noqa: S603 - our own modules
            command, capture_output=True, text=True, check=True, timeout=seconds
        )
    except subprocess.CalledProcessError as no:
        raise BenchBroken(part=module, reason=no.stderr.strip()[-500:]) from no
    except subprocess.TimeoutExpired as no:
        raise BenchBroken(part=module, reason=f"> {seconds:g} s") from no
    found: dict[str, Any] = json.loads(done.stdout)
    return found
