"""What a bench says: figures, the limits they stand against, ratios, and which goals are reached.

A figure of a shared machine says little alone; its ratio to a limit measured in the same run does.
Rules and goals are those of the figures page, `docs/figures.md`.
"""

import os
import platform
import statistics
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

from heli import nats
from heli.binaries import Binaries
from heli.settings import Settings

GROWTH_MOST: Final = 1.25  # CPU seconds per unit at N against those at N/4
ROUNDS: Final = 3


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure to reach: at most or at least so much of a unit."""

    value: float
    unit: str
    least: bool = False

    def reached(self, found: float) -> bool:
        """Say whether a figure reaches it."""
        return found >= self.value if self.least else found <= self.value

    @override
    def __str__(self) -> str:
        return f"{'≥' if self.least else '≤'} {self.value:,g}"


@dataclass(slots=True)
class Report:
    """What one bench found."""

    name: str
    figures: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=dict)
    ratios: dict[str, Any] = field(default_factory=dict)
    holds: dict[str, dict[str, Any]] = field(default_factory=dict)

    def hold(self, row: str, found: float, goal: Goal) -> None:
        """Say whether a goal is reached, by the value as it is shown."""
        value = rounded(found)
        reached = goal.reached(value)
        self.holds[row] = {"value": value, "goal": str(goal), "unit": goal.unit, "holds": reached}

    def grown(self, row: str, costs: Sequence[tuple[int, float]]) -> None:
        """Compare the CPU seconds of a unit at the largest size N with those at N/4."""
        key = row.replace(": ", "_").replace(" ", "_")
        self.figures[f"{key}_cpu_us_by_size"] = {
            str(size): rounded(cost * 1e6) for size, cost in costs
        }
        rise = costs[-1][1] / costs[0][1]
        self.ratios[f"{key}_growth"] = rounded(rise)
        self.hold(f"{row} growth", rise, Goal(GROWTH_MOST, "times the CPU of a unit at N/4"))

    def as_json(self) -> dict[str, Any]:
        """Give the five parts."""
        return {
            "name": self.name,
            "figures": self.figures,
            "limits": self.limits,
            "ratios": self.ratios,
            "holds": self.holds,
        }


def rounded(value: float) -> float:
    """Give three significant figures: no run is better than that."""
    return float(f"{value:.3g}")


def begun(name: str) -> Report:
    """Begin a report with what it is measured on."""
    return Report(name, figures={"machine": machine()})


def machine() -> dict[str, Any]:
    """Say what everything runs on, and how busy that is."""
    one_minute = os.getloadavg()[0]
    settings = Settings()
    postgres = Binaries.find(settings.pg_bin).bin / "postgres"
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "load_average": round(one_minute, 1),
        "python": platform.python_version(),
        "postgresql": _version([str(postgres), "--version"]),
        "nats": _version([str(nats.find(settings.nats_bin)), "--version"]),
        "heli": metadata.version("heli"),
        "system": f"{platform.system()} {platform.release()}",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next(
        (one.partition(":")[2].strip() for one in lines if one.startswith("model name")), ""
    )


def _version(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own servers
    return done.stdout.strip().rpartition(" ")[2]


def spread(values: Iterable[float]) -> dict[str, float]:
    """Give least, median and most of what was measured."""
    ordered = sorted(values)
    least, middle, most = ordered[0], statistics.median(ordered), ordered[-1]
    return {"min": rounded(least), "median": rounded(middle), "max": rounded(most)}


def percentile(values: Sequence[float], share: float) -> float:
    """Give the value below which a share of all lie."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]
