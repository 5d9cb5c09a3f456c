"""One page of figures, each read back through the gateway, and everything that must hold."""

import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

from contracts import (
    clue_dispatch,
    credit_service,
    gateway,
    item_registry,
    joint_inspection,
    risk_monitor,
)
from contracts.says import Fact
from heli.client import Client
from heli.demo.cast import Cast
from heli.demo.signals import Data

_SEEN: Final = frozenset({"red", "orange", "yellow"})


def every_event() -> set[str]:
    """Give the type of every event in the contracts."""
    owners = (
        item_registry,
        credit_service,
        risk_monitor,
        clue_dispatch,
        joint_inspection,
        gateway,
    )
    return {
        thing.type
        for owner in owners
        for thing in vars(owner).values()
        if isinstance(thing, type) and issubclass(thing, Fact) and thing is not Fact
    }


def page(
    cast: Cast, data: Data, rows: Mapping[str, int], *, ids: Mapping[str, str], log: Path
) -> dict[str, Any]:
    """Gather the page: figures, checks and whether all of it holds; keep the log of events."""
    admin = cast.admin
    events = {event["id"]: event for event in _events(admin)}
    lines = (json.dumps(event, ensure_ascii=False) for event in events.values())
    log.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    warnings = list(admin.list("/warnings", limit=200))
    checks = list(admin.get("/operations/invariants", wait_s=30)["checks"])
    checks += [_walks(admin, events, ids["warning"]), _occurred(events)]
    return {
        "ok": all(check["ok"] for check in checks),
        "figures": {
            **_figures(data, rows, warnings, events),
            "事件记录 event log": str(log),
            **_visits(admin),
        },
        "checks": checks,
    }


def _events(admin: Client) -> list[dict[str, Any]]:
    found = admin.list("/operations/events", limit=200)
    return [row.get("envelope", row) for row in found]


def _figures(
    data: Data,
    rows: Mapping[str, int],
    warnings: list[dict[str, Any]],
    events: Mapping[str, Any],
) -> dict[str, Any]:
    said = {
        (w["subject"].removeprefix("uscc-"), w["kind"]) for w in warnings if w["level"] in _SEEN
    }
    found = said & data.truth
    late = [
        (
            datetime.fromisoformat(w["raised_at"]) - datetime.fromisoformat(w["accepted_at"])
        ).total_seconds()
        for w in warnings
    ]
    return {
        "监测数据 signals": rows["accepted"],
        "预警 warnings by level": dict(Counter(w["level"] for w in warnings)),
        "植入问题 planted problems found": f"{len(found)} / {len(data.truth)}",
        "其他预警 other warnings": len(said - data.truth),
        "数据到预警 signal to warning, median s": round(median(late), 2) if late else None,
        "事件 events": len(events),
        "事件种类 event types": len({event["type"] for event in events.values()}),
    }


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _visits(admin: Client) -> dict[str, Any]:
    visits = list(admin.list("/visits", limit=200))
    separate = sum(visit["separate_visits"] for visit in visits)
    reports = Counter(report["state"] for report in admin.list("/reports", limit=200))
    return {
        "上门与单独检查 visits instead of separate inspections": f"{len(visits)} / {separate}",
        "上报 reports": dict(reports),
    }


def _walks(admin: Client, events: Mapping[str, dict[str, Any]], warning: str) -> dict[str, Any]:
    """Walk back from every delivered report to the warning, and on to a signal and its job."""
    name = "report.delivered leads back to warning.raised, its signals and their job"
    paths = [
        _path(events, event)
        for event in events.values()
        if event["type"].startswith("gateway.report.delivered")
    ]
    ends = [path[-1] for path in paths]
    ok = bool(paths) and all(
        end["type"].startswith("risk-monitor.warning.raised") and end["data"]["warning"] == warning
        for end in ends
    )
    words = [event["type"].split(".", 1)[1].removesuffix(".v1") for event in max(paths, key=len)]
    signals = {one for part in ends[0]["data"].get("evidence", []) for one in part["signals"]}
    jobs = {
        row["job"]
        for row in admin.list("/signals", subject=ends[0]["data"].get("subject"), limit=200)
        if row["id"] in signals
    }
    done = [admin.get(f"/jobs/{job}")["status"] == "done" for job in jobs if job]
    detail = (
        f"{len(paths)} reports; {' ← '.join(words)} ← {len(signals)} signals ← {len(done)} jobs"
    )
    return {"name": name, "ok": ok and bool(done) and all(done), "detail": detail}


def _path(events: Mapping[str, dict[str, Any]], start: dict[str, Any]) -> list[dict[str, Any]]:
    path = [start]
    while (cause := path[-1].get("causationid")) and cause in events:
        path.append(events[cause])
    return path


def _occurred(events: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    lacking = sorted(every_event() - {event["type"] for event in events.values()})
    loose = [
        event["id"]
        for event in events.values()
        if not event.get("causationid") and not event.get("traceparent")
    ]
    detail = f"lacking {lacking}; without cause or request {len(loose)}"
    return {
        "name": "every event occurred, each with its cause or its request",
        "ok": not lacking and not loose,
        "detail": detail,
    }
