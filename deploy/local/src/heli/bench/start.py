"""`heli bench start`: how soon everything is ready, and what it takes while nothing happens."""

import contextlib
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from contracts.services import SERVICES
from heli.bench import running
from heli.bench.report import ROUNDS, Goal, Report, begun, rounded, spread
from kit.clock import elapsed_s

FIRST: Final = Goal(20.0, "s")
AGAIN: Final = Goal(15.0, "s")
IDLE: Final = Goal(900.0, "MB PSS")
_SETTLE_S: Final = 20.0
_LOOK_S: Final = 1.0
_STILL_MB: Final = 1.0
_COMM: Final = 15  # bytes of a name that the system keeps


def measure(*, quick: bool) -> Report:
    """Start on a new folder, then on what that left; memory once the stack's no longer moves.

    A quick run starts once.
    """
    report = begun("start")
    with running.folder() as place:
        with running.stack(place) as first:
            report.figures["first_s"] = rounded(first.ready_s)
            report.hold("start: heli up, new folder", first.ready_s, FIRST)
            parts = _idle(int(first.state["pid"]), settle_s=1.0 if quick else _SETTLE_S)
        again = []
        for _ in range(0 if quick else ROUNDS):
            with running.stack(place) as later:
                again.append(later.ready_s)
    if again:
        report.figures["again_s"] = spread(again)
        report.hold("start: heli up, existing data", spread(again)["median"], AGAIN)
    idle = sum(parts.values())
    report.figures["idle_mb"] = {name: rounded(mb) for name, mb in sorted(parts.items())}
    report.figures["idle_mb"]["all"] = rounded(idle)
    report.hold("start: whole stack idle", idle, IDLE)
    report.figures["not_measured_here"] = "empty clone to finished make demo: .ci/run prints it"
    return report


def _idle(root: int, *, settle_s: float) -> dict[str, float]:
    until = elapsed_s() + settle_s
    before = -1.0
    while True:
        parts = pss_mb(root)
        whole = sum(parts.values())
        if elapsed_s() > until or abs(whole - before) < _STILL_MB:
            return parts
        before = whole
        time.sleep(_LOOK_S)


def pss_mb(root: int) -> dict[str, float]:
    """Give the proportional memory of a process and all below it, in MB (10⁶) by program."""
    found: dict[str, float] = {}
    for pid in _below(root):
        with contextlib.suppress(OSError):  # it may have ended
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text("utf-8").splitlines()
            kb = next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
            name = _name(pid)
            found[name] = found.get(name, 0.0) + kb * 1024 / 1e6
    return found


def _below(root: int) -> Iterable[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                after_name = (entry / "stat").read_text("utf-8").rpartition(")")[2].split()
                children.setdefault(int(after_name[1]), []).append(int(entry.name))
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        yield pid
        waiting += children.get(pid, [])


def _name(pid: int) -> str:
    said = Path(f"/proc/{pid}/comm").read_text("utf-8").strip()
    services = (service.name for service in SERVICES)
    known = next((name for name in services if name[:_COMM] == said), said)
    return "heli up" if known in {"heli", "python", "python3"} else known
