"""What the demo checks beside `heli verify`: the paths of events, and the bounds of the figures."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from heli.client import Client
from heli.demo.province.sheets import Province
from heli.demo.score import Score
from heli.facts import facts

# Both over planted problems; below this the demo fails.
FLOOR: Final = 0.9

# Which warnings need what each line sends.
HANGS_ON: Final = {
    "commerce": (
        "declared_under_metered",
        "sold_over_invoiced",
        "gauge_off_with_sales",
        "licence_expired_with_sales",
    ),
    "tax": ("declared_under_metered", "sold_over_invoiced"),
    "market": ("verification_overdue",),
}

Event = dict[str, Any]
Check = dict[str, Any]


def of_score(found: Score) -> list[Check]:
    """Check that precision and recall reach the floor; a small world is allowed one slip."""
    return [
        _reaches("precision", found.right, found.raised),
        _reaches("recall", found.found, found.knowable),
    ]


def of_silence(admin: Client, model: str, province: Province) -> list[Check]:
    """Check that what hangs on a silent line is undetermined for every station and month."""
    kinds = {kind for line in province.silent for kind in HANGS_ON.get(line, ())}
    if not kinds:
        return []
    counts: Counter[str] = Counter()
    for one in admin.get(f"/warning-models/{model}/evaluations:summary")["items"]:
        if one["kind"] in kinds:
            counts[one["state"]] += one["evaluations"]
    wanted = len(kinds) * len(province.months) * len(province.world.stations)
    name = f"nothing is called safe while {', '.join(province.silent)} is silent"
    ok = counts["undetermined"] >= wanted and set(counts) == {"undetermined"}
    return [_check(name, ok, f"{dict(counts)}, {wanted} station-month-problems")]


def _reaches(name: str, part: int, whole: int) -> Check:
    slips = whole - part
    ok = slips <= max(1, whole - FLOOR * whole)
    return _check(f"{name} ≥ {FLOOR}, or one slip", ok, f"{part} / {whole}")


def of_events(admin: Client, events: Mapping[str, Event], warning: str) -> list[Check]:
    """Check that every event has its cause, and that reports lead back to their signals."""
    return [_walks(admin, events, warning), _occurred(events)]


def _check(name: str, ok: bool, detail: str) -> Check:  # noqa: FBT001 - what was found
    return {"name": name, "ok": ok, "detail": detail}


def _walks(admin: Client, events: Mapping[str, Event], warning: str) -> Check:
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
    if not ok:
        return _check(name, ok, f"{len(paths)} reports end at {[end['type'] for end in ends]}")
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
    return _check(name, bool(done) and all(done), detail)


def _path(events: Mapping[str, Event], start: Event) -> list[Event]:
    path = [start]
    while (cause := path[-1].get("causationid")) and cause in events:
        path.append(events[cause])
    return path


def _occurred(events: Mapping[str, Event]) -> Check:
    lacking = sorted({fact.type for fact in facts()} - {e["type"] for e in events.values()})
    loose = [
        event["id"]
        for event in events.values()
        if not event.get("causationid") and not event.get("traceparent")
    ]
    return _check(
        "every event occurred, each with its cause or its request",
        not lacking and not loose,
        f"lacking {lacking}; without cause or request {len(loose)}",
    )
