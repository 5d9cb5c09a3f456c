"""All data destroyed, and brought back to a time between two noted writes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from heli import backups
from heli.background import Background, started
from heli.binaries import Binaries
from heli.child import wait_until
from heli.client import ApiProblem, Client
from heli.credentials import bootstrap
from heli.engines import Engines
from heli.testing import Stack
from kit.clock import Clock
from kit.deadlines import SHANGHAI
from kit.testing import covers

HELI = [sys.executable, "-m", "heli"]
COUNTRY = {"id": "000000", "name": "全国"}
WRONG_CODE = "91110108MA0000015X"  # of nobody: it is sealed in its table
RECORD = {
    "stage": "daily_supervision",
    "kind": "inspection_result",
    "subject": WRONG_CODE,
    "name": "示例商店（示例）",
    "region": "000000",
    "effective_on": "2026-01-05",
    "evidence": "示例",
}


def heli(*words: str, code: int = 0) -> dict[str, Any]:
    done = subprocess.run(
        [*HELI, *words, "--json"], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == code, done.stdout + done.stderr
    found: dict[str, Any] = json.loads((done.stdout or done.stderr).splitlines()[-1])
    return found


@contextmanager
def running(up: Background) -> Iterator[Stack]:
    with Client(up.gateway, *bootstrap(up.data)) as admin:
        yield Stack(up.gateway, up.data, admin)


def note(stack: Stack, region: str) -> None:
    """Write a region, and wait until its readers in the other services have it."""
    row = {"id": region, "name": f"示例区 {region}", "parent": "000000"}
    assert stack.load(stack.admin, "regions", [row])["status"] == "done"
    stack.settle()


def has(stack: Stack, region: str) -> bool:
    try:
        return bool(stack.admin.get(f"/regions/{region}"))
    except ApiProblem as no:
        if no.status != 404:
            raise
        return False


def readers_of(data: Path, region: str) -> int:
    """Count the services that know a region, from their own tables."""
    engines = Engines(data)
    found = 0
    for service in ("joint_inspection", "clue_dispatch", "credit_service", "risk_monitor"):
        with psycopg.connect(engines.admin_dsn, dbname=service) as inside:
            query = "SELECT count(*) FROM known_region WHERE id = %s"
            row = inside.execute(query, [region]).fetchone()
            found += row[0] if row else 0
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    shutil.rmtree(tmp_path, ignore_errors=True)


@covers("R15.4")
def test_a_time_between_two_writes_comes_back_after_all_data_are_gone(
    folder: Path, measured: Callable[[str], None]
) -> None:
    data, archive = folder / "data", folder / "备份 backup"
    with started(data, archive=archive) as up, running(up) as stack:
        assert stack.load(stack.admin, "regions", [COUNTRY])["status"] == "done"
        with stack.client("market-000000", "000000", "officer") as officer:
            officer.post("/credit-records", RECORD)
        made = heli("backup", str(archive), "--data", str(data))
        note(stack, "bk-first")
        between = Clock().now()
        note(stack, "bk-second")
        waldump = Binaries.find(None).bin / "pg_waldump"
        assert wait_until(lambda: _archived(archive, waldump) > between, seconds=30)
        pids = [*up.state()["engines"].values()]
        os.kill(up.process.pid, signal.SIGKILL)
        gone = [Path("/proc", str(pid), "exe") for pid in pids]
        assert wait_until(lambda: not any(exe.exists() for exe in gone), seconds=60)
    shutil.rmtree(data)

    clock = time.monotonic()
    to = between.astimezone(SHANGHAI).isoformat()
    done = heli("restore", str(archive), "--to", to, "--data", str(data))
    restored = time.monotonic() - clock
    assert done["republished"] > 0
    assert datetime.fromisoformat(done["last_commit"]) <= between
    with started(data) as up, running(up) as stack:
        ready = time.monotonic() - clock
        verified = stack.heli("verify", "--json")
        assert json.loads(verified.stdout)["ok"], verified.stdout
        held = time.monotonic() - clock
        assert [one["raw"] for one in stack.admin.list("/provisional-subjects")] == [WRONG_CODE]
        assert has(stack, "bk-first")
        assert not has(stack, "bk-second")
        assert (readers_of(data, "bk-first"), readers_of(data, "bk-second")) == (4, 0)
        note(stack, "bk-third")
        assert readers_of(data, "bk-third") == 4
        assert heli("backup", str(archive), "--data", str(data), code=1)["code"] == (
            "backup-of-another"
        )
    measured(
        f"backup {made['seconds']} s, {made['mb']} MB; back to {to}: restored {restored:.1f} s, "
        f"ready {ready:.1f} s, verified {held:.1f} s; {done['republished']} events said again"
    )


def _archived(archive: Path, waldump: Path) -> datetime:
    base = backups.bases(archive)[-1]
    return backups.last_commit(base.followed_by(archive), waldump, default=base.ended_at)
