"""schemathesis over the one document: no 5xx, no status unnamed, no answer of another form.

`HELI_FUZZ_CASES` says how many cases each operation gets: 1 in `make test`, 50 in `make nightly`.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import httpx
import pytest

from heli.client import Client
from heli.testing import Stack
from kit.testing import covers

HERE = Path(__file__).parent
CASES = int(os.environ.get("HELI_FUZZ_CASES", "1"))  # noqa: TID251 - a test's own setting
# Beyond one case each, what schemathesis draws from examples and borders as well.
PHASES = "fuzzing" if CASES == 1 else "examples,coverage,fuzzing"
SECONDS_A_CASE = 2


def fuzzed(stack: Stack, caller: Client, folder: Path) -> str:
    """Run schemathesis as a client; gives what it wrote, and fails with it."""
    document = folder / "openapi.json"
    given = httpx.get(f"{stack.gateway}/openapi.json", trust_env=False, timeout=60).json()
    assert "x-degraded" not in given
    document.write_text(json.dumps(given), "utf-8")
    operations = sum(len(methods) for methods in given["paths"].values())
    asked = [
        *("--config-file", str(HERE / "schemathesis.toml"), "run", str(document)),
        *("--url", stack.gateway, "-H", f"Authorization: Bearer {caller.token()}"),
        *("-n", str(CASES), "--phases", PHASES, "--checks", "all", "--continue-on-failure"),
        *("--no-shrink", "--seed", "1", "--request-timeout", "90", "--warnings", "off"),
        *("--suppress-health-check", "all", "--generation-database", "none"),
    ]
    done = subprocess.run(
        [Path(sys.executable).with_name("st"), *asked],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120 + operations * CASES * SECONDS_A_CASE,
        env={"LANG": "C.UTF-8", "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    return done.stdout


@covers("R15.1")
@pytest.mark.parametrize("who", ["admin", "officer"])
def test_no_request_that_can_be_written_breaks_a_service(
    stack: Stack, tmp_path: Path, who: str
) -> None:
    caller = stack.admin if who == "admin" else stack.client("fuzz-1", "fuzz-county", "officer")
    fuzzed(stack, caller, tmp_path)
    broken = Counter(
        line.split("{")[1].split("}")[0]
        for line in httpx.get(f"{stack.gateway}/metrics", trust_env=False).text.splitlines()
        if line.startswith("heli_requests_total{") and 'status="500"' in line
    )
    assert not broken
