"""`heli bench gateway`: reads of one clue through the gateway, and the same reads without it.

Direct reads go to clue-dispatch with an internal token of the same caller, which it checks as it
checks the gateway's. Both take turns; the asking process shares the cores with what it measures.
"""

import json
import statistics
from typing import Any, Final

from joserfc.jwk import OKPKey

from contracts.roles import Role
from contracts.services import CLUE_DISPATCH
from heli import keep
from heli.bench import running
from heli.bench.report import ROUNDS, Goal, Report, begun, rounded, spread
from heli.client import API, Client
from kit.auth import Actor, mint

SHARE: Final = Goal(0.6, "times the direct rate", least=True)
RATE: Final = Goal(300.0, "answers/s", least=True)
LATE: Final = Goal(0.150, "s, p99")
CONNECTIONS: Final = 32
_SECONDS: Final = 5.0
_REGION: Final = "bench-1"
_DEPARTMENT: Final = "market-bench"
_ITEM: Final = "bench-item"


def measure(*, quick: bool) -> Report:
    """Start a stack with one clue, and read it through the gateway and directly, in turn."""
    report = begun("gateway")
    seconds, rounds = (0.5, 1) if quick else (_SECONDS, ROUNDS)
    through: list[dict[str, Any]] = []
    direct: list[dict[str, Any]] = []
    with running.folder() as place, running.stack(place) as stack, stack.admin() as admin:
        officer, id_ = _officer(admin)
        with officer:
            clue = _clue(officer)
            inside = stack.state["services"][CLUE_DISPATCH.name]["url"]
            for _ in range(rounds):
                ways = (
                    (direct, f"{inside}/clues/{clue}", _internal(stack, id_)),
                    (through, f"{stack.gateway}{API}/clues/{clue}", officer.token()),
                )
                for found, url, token in ways:
                    words = (url, token, str(CONNECTIONS), str(seconds))
                    found.append(running.child("heli.bench.asker", *words))
    failed = sum(one["failed"] for one in (*through, *direct))
    if failed:
        raise running.BenchBroken(part="GET /clues/{id}", reason=f"{failed} answers were not 200")
    _tell(report, through, direct)
    return report


def _tell(report: Report, through: list[dict[str, Any]], direct: list[dict[str, Any]]) -> None:
    rate = statistics.median(one["per_s"] for one in through)
    late = statistics.median(one["p99_s"] for one in through)
    pairs = zip(through, direct, strict=True)
    share = statistics.median(ours["per_s"] / alone["per_s"] for ours, alone in pairs)
    report.figures |= {
        "connections": CONNECTIONS,
        "per_s": spread(one["per_s"] for one in through),
        "p50_s": spread(one["p50_s"] for one in through),
        "p99_s": spread(one["p99_s"] for one in through),
        "asking_cpu_s": rounded(sum(one["cpu_s"] for one in (*through, *direct))),
    }
    report.limits |= {
        "direct_per_s": spread(one["per_s"] for one in direct),
        "direct_p99_s": spread(one["p99_s"] for one in direct),
    }
    report.ratios["gateway_to_direct"] = rounded(share)
    report.hold("gateway: rate against direct reads", share, SHARE)
    report.hold("gateway: rate", rate, RATE)
    report.hold("gateway: late answers", late, LATE)


def _officer(admin: Client) -> tuple[Client, str]:
    """Make a department, an item that it leads, and one of its officers."""
    _load(admin, "regions", {"id": "000000", "name": "全国"})
    _load(admin, "regions", {"id": _REGION, "parent": "000000", "name": "示例区"})
    agency = {"id": _DEPARTMENT, "name": "市场监管局（示例）", "line": "market", "level": 3}
    _load(admin, "departments", {**agency, "territory": [_REGION]})
    lines = (("market", "lead"), ("tax", "cooperate"))
    duties = [
        {"stage": "daily", "line": line, "role": role, "basis": "示例"} for line, role in lines
    ]
    item = {"id": _ITEM, "name": "示例事项", "kind": "shared", "codes14": ["33990010000001"]}
    admin.post("/items", {**item, "basis": "示例", "from": "2024-01-01", "duties": duties})
    admin.post(f"/items/{_ITEM}:publish", {"reason": "示例"})
    admin.get("/operations/invariants", wait_s=30)  # until all have heard of it
    body = {"department": _DEPARTMENT, "region": _REGION, "roles": [Role.OFFICER]}
    made = admin.post("/clients", body)
    return Client(admin.gateway, made["client_id"], made["client_secret"]), made["client_id"]


def _load(admin: Client, collection: str, row: dict[str, Any]) -> None:
    data = (json.dumps(row, ensure_ascii=False) + "\n").encode()
    job = admin.wait_job(admin.upload(collection, data, media="application/x-ndjson")["id"])
    if job["accepted"] != 1:
        raise running.BenchBroken(part=collection, reason=str(job))


def _clue(officer: Client) -> str:
    body = {"item": _ITEM, "region": _REGION, "name": "示例商店（示例）", "summary": "示例线索"}
    return str(officer.post("/clues", body)["id"])


def _internal(stack: running.Stack, client_id: str) -> str:
    """Make the internal token that the gateway would make of this officer's."""
    key = OKPKey.import_key(keep.read_json(stack.folder / "signing.json"))
    officer = Actor(client_id, _DEPARTMENT, "market", (_REGION,), frozenset({Role.OFFICER}))
    return mint(key, officer)
