"""Real registrations: loaded, counted, drawn from, and the draw verified offline."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from heli import draw_verifier
from heli.testing import Stack
from kit.clock import Clock
from kit.testing import covers

FILE = Path(__file__).parents[3] / "shared" / "data" / "enterprises.csv"
pytestmark = pytest.mark.skipif(not FILE.exists(), reason="the file of registrations is absent")


@pytest.fixture(scope="module")
def loaded(stack: Stack) -> dict[str, Any]:
    first = stack.admin.upload("entities", FILE, media="text/csv", key="enterprises")
    again = stack.admin.upload("entities", FILE, media="text/csv", key="enterprises")
    assert first["id"] == again["id"]
    return stack.admin.wait_job(first["id"], seconds=240)


@covers("R9.1", "R15.1")
def test_every_row_is_taken_or_named_with_its_reason(stack: Stack, loaded: dict[str, Any]) -> None:
    errors = list(stack.admin.list(f"/jobs/{loaded['id']}/errors", limit=200))
    assert loaded["status"] == "done"
    assert loaded["accepted"] == 42_770
    assert loaded["rejected"] == len({error["row"] for error in errors}) == 12
    assert all(error["row"] and error["message"] and error["got"] for error in errors)
    lookalike = [error for error in errors if error["code"] == "code-lookalike"]
    assert [error["suggestion"] is not None for error in lookalike] == [True]


@covers("R9.3")
def test_a_draw_over_them_verifies_offline_and_each_altered_part_is_named(
    stack: Stack, loaded: dict[str, Any], tmp_path: Path
) -> None:
    assert loaded["status"] == "done"
    document = drawn(stack)
    path = tmp_path / "draw.json"
    path.write_text(json.dumps(document), "utf-8")
    assert draw_verifier.main([str(path), "--json"]) == 0
    found = Counter[str]()
    for part, broken in altered(document):
        path.write_text(json.dumps(broken), "utf-8")
        answer = json.loads(verified(path))
        assert not answer["ok"], part
        found[part] += part in json.dumps(answer)
    assert all(found.values()), found
    assert set(found) == {"plan", "list", "commitment", "reveal", "result"}


def verified(path: Path) -> str:
    import subprocess  # noqa: PLC0415
    import sys  # noqa: PLC0415

    command = [sys.executable, "-I", draw_verifier.__file__, str(path), "--json"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def flip(text: str) -> str:
    return ("0" if text[0] != "0" else "1") + text[1:]


def altered(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    copies = [
        (part, json.loads(json.dumps(document)))
        for part in ("plan", "list", "commitment", "reveal", "result")
    ]
    for part, copy in copies:
        match part:
            case "plan":
                copy["plan"]["draw"] = copy["plan"]["draw"][:-1] + "x"
            case "list":
                digest = next(d for d, text in copy["lists"].items() if len(text) > 100)
                copy["lists"][digest] = flip(copy["lists"][digest])
            case "commitment":
                copy["commitments"][0]["digest"] = flip(copy["commitments"][0]["digest"])
            case "reveal":
                copy["reveals"][0]["secret"] = flip(copy["reveals"][0]["secret"])
            case _:
                taken = copy["result"]["allocations"][0]["taken"]
                taken[0] = flip(taken[0])
    return copies


def drawn(stack: Stack) -> dict[str, Any]:
    """Make targets of some of the entities, draw over them, and give the public file."""
    rows = [{"id": "000000", "name": "全国"}, {"id": "en-1", "parent": "000000", "name": "示例区"}]
    stack.load(stack.admin, "regions", rows)
    departments = [
        {
            "id": f"{line}-en",
            "name": f"{line}（示例）",
            "line": line,
            "level": 3,
            "territory": ["en-1"],
        }
        for line in ("market", "justice")
    ]
    stack.load(stack.admin, "departments", departments)
    item = {
        "id": "spot-check-en",
        "name": "营业厅抽查（示例）",
        "kind": "spot_check",
        "codes14": ["33990010000303"],
        "basis": "国发〔2019〕5号",
        "from": "2025-01-01",
        "duties": [{"stage": "spot_check", "line": "market", "role": "lead"}],
    }
    stack.admin.post("/items", item)
    stack.admin.post("/items/spot-check-en:publish", {"reason": "示例"})
    stack.settle()
    market = stack.client("market-en", "en-1", "lead")
    justice = stack.client("justice-en", "en-1", "supervisor")
    inspectors = [
        {
            "department": "market-en",
            "name": f"检查员{n}（示例）",
            "certificate": f"SL{n:04d}",
            "valid_until": "2099-12-31",
            "qualifications": ["general"],
        }
        for n in range(12)
    ]
    stack.load(stack.admin, "inspectors", inspectors)
    stack.admin.post(
        "/targets:from-entities",
        {"item": "spot-check-en", "region": "en-1"},
    )
    pool = market.post("/pools", {"item": "spot-check-en", "region": "en-1"})
    assert pool["targets"] >= 42_770
    today = Clock().now()
    made = market.post(
        "/draws",
        {
            "series": "en",
            "pool": pool["id"],
            "initiating": {
                "department": "market-en",
                "codes14": ["33990010000303"],
                "qualification": "general",
                "limit": 10,
            },
            "strata": [{"n": 40, "reserve": 5}],
            "parties": ["justice-en", "market-en"],
            "reveal_by": (datetime.now(UTC) + timedelta(days=1)).isoformat(),  # noqa: TID251
            "visits_from": today.date().isoformat(),
            "visits_to": (today.date() + timedelta(days=20)).isoformat(),
        },
    )
    path = f"/draws/{made['id']}"
    frozen = market.post(f"{path}:freeze")
    parties = {"market-en": market, "justice-en": justice}
    assert frozen["plan_digest"]
    for act in ("commit", "reveal"):
        for name, client in parties.items():
            done = stack.heli("draw", act, made["id"], "--party", name, "--json", caller=client)
            assert done.returncode == 0, done.stderr
    kept = stack.folder / "parties"
    assert list(kept.iterdir()) == []  # revealed, so forgotten
    document: dict[str, Any] = market.get(f"{path}/file")
    return document
