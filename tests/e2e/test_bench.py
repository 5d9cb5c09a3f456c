"""`heli bench`: each says its five parts, holds what its figures say, and leaves nothing behind.

What it measures is no matter here: a figure of a busy test run says nothing.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROWS = {
    "start": {"start: heli up, new folder", "start: whole stack idle"},
    "gateway": {
        "gateway: rate against direct reads",
        "gateway: rate",
        "gateway: late answers",
    },
    "events": {
        "events: commit to effect",
        "events: commit to effect, late ones",
        "events: rate offered meanwhile",
        "events: rows replicated from batch events",
        "events: replicate growth",
        "events: drain",
        "events: drain growth",
    },
    "draw": {
        "draw: freezing",
        "draw: drawing targets",
        "draw: one-file verifier",
        "draw: memory of drawing, beyond the lists",
        "draw: memory of freezing, beyond the pool",
        "draw: freeze growth",
        "draw: draw growth",
    },
}

NIGHTLY = "HELI_FUZZ_CASES" in os.environ  # noqa: TID251 - set by make nightly
# The other two start a whole stack each, which takes a minute.
QUICK = sorted(ROWS) if NIGHTLY else ["draw", "events"]


def reached(found: dict[str, Any]) -> bool:
    sign, _, number = found["goal"].partition(" ")
    goal = float(number.replace(",", ""))
    return bool(found["value"] >= goal if sign == "≥" else found["value"] <= goal)


@pytest.mark.parametrize("name", QUICK)
def test_a_bench_says_what_it_found_and_leaves_nothing_behind(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "heli", "bench", name, "--quick", "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env={**os.environ, "TMPDIR": str(tmp_path)},  # noqa: TID251 - the child's own folder
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert list(report) == ["name", "figures", "limits", "ratios", "holds"]
    assert report["name"] == name
    assert set(report["figures"]["machine"]) >= {"cores", "python", "postgresql", "nats"}
    assert set(report["holds"]) == ROWS[name]
    for row, found in report["holds"].items():
        assert set(found) == {"value", "goal", "unit", "holds"}, row
        assert found["holds"] == reached(found), row
    assert [one.name for one in tmp_path.glob("heli-bench-*")] == []
