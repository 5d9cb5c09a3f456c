"""The figures of the page, each read back through the gateway, and everything that must hold."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

from heli.client import Client
from heli.demo import checks
from heli.demo.load import window
from heli.demo.province.sheets import Province
from heli.demo.score import SEEN, Key, Planted, Score, score, why_missed
from heli.demo.words import LEVELS, PLANTED, REASONS, STREAMS, VISITS, WARNED, Both

Json = dict[str, Any]

_BINS: Final = (1, 2, 5, 10, 15, 20, 25, 30, 40, 60, 90)
_LIST: Final = 200


@dataclass(frozen=True, slots=True)
class Told:
    """What the page needs from the play: model, ids of the journey, rows taken, the draw."""

    model: str
    ids: Mapping[str, str]
    rows: Mapping[str, int]
    draws: Sequence[Json]
    station: str


def gather(admin: Client, province: Province, told: Told, log: Path) -> Json:
    """Gather the page; keep the log of events in a file."""
    # First, for it waits until what is under way has been judged.
    held = list(admin.get("/operations/invariants", wait_s=50)["checks"])
    events = {event["id"]: event for event in _events(admin)}
    lines = (json.dumps(event, ensure_ascii=False) for event in events.values())
    log.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    warnings = list(admin.list("/warnings", limit=_LIST))
    held += checks.of_events(admin, events, told.ids["warning"])
    found = _score(province, warnings)
    held += checks.of_silence(admin, told.model, province)
    held += checks.of_score(found)
    return {
        "ok": all(check["ok"] for check in held),
        "seed": province.world.seed,
        "today": province.world.today.isoformat(),
        "stations": len(province.world.stations),
        "signals": dict(told.rows),
        "warnings": _by_kind(warnings),
        "score": _scored(admin, told.model, found, warnings),
        "lateness": _lateness(warnings),
        "visits": _visits(admin, province),
        "caps": _caps(admin, province),
        "unknown": _unknown(admin, told.model),
        "station": _station(admin, told.model, told.station, province),
        "events": _types(events.values()),
        "reports": dict(Counter(one["state"] for one in admin.list("/reports", limit=_LIST))),
        "draws": list(told.draws),
        "log": str(log),
        "checks": held,
    }


def _events(admin: Client) -> Iterable[Json]:
    for row in admin.list("/operations/events", limit=_LIST):
        yield row.get("envelope", row)


def _types(events: Iterable[Json]) -> Json:
    names = (event["type"].removesuffix(".v1") for event in events)
    types = Counter(names).most_common()
    return {"total": sum(count for _, count in types), "types": types}


# Warnings against the truth ---------------------------------------------------------------------


def _code(warning: Json) -> str:
    return str(warning["subject"]).removeprefix("uscc-")


def _score(province: Province, warnings: Sequence[Json]) -> Score:
    truth = [
        Planted(one.code, one.kind, one.warns, one.knowable, one.why) for one in province.truth
    ]
    return score(truth, {(_code(one), one["kind"], one["level"]) for one in warnings})


def _scored(admin: Client, model: str, found: Score, warnings: Sequence[Json]) -> Json:
    by_key = {(_code(one), one["kind"]): one for one in warnings if one["level"] in SEEN}
    kinds = [
        asdict(one) | {"zh": PLANTED[one.kind][0], "en": PLANTED[one.kind][1]}
        for one in found.kinds
    ]
    missed = [one for kind in found.kinds for one in kind.missed]
    return {
        "precision": round(found.precision, 4),
        "recall": round(found.recall, 4),
        "right": found.right,
        "raised": found.raised,
        "found": found.found,
        "knowable": found.knowable,
        "kinds": kinds,
        "misses": [_miss(admin, model, one) for one in missed],
        "others": [_other(by_key[key], key) for key in found.others],
    }


def _miss(admin: Client, model: str, one: Planted) -> Json:
    path = f"/warning-models/{model}/evaluations"
    rows = [
        row
        for row in admin.list(path, subject=f"uscc-{one.code}", limit=_LIST)
        if row["kind"] == one.warns
    ]
    zh, en = why_missed(rows)
    names = {"zh": PLANTED[one.kind][0], "en": PLANTED[one.kind][1]}
    return {"code": one.code, "kind": one.kind, **names, "why_zh": zh, "why_en": en}


def _other(warning: Json, key: Key) -> Json:
    zh, en = WARNED.get(key[1], (key[1], key[1]))
    why = "；".join(grounds(one) for one in warning["evidence"] if one["threshold"] is not None)
    level = warning["level"]
    named = {"level": level, "level_zh": LEVELS[level], "why": why}
    return {"code": key[0], "kind": key[1], "zh": zh, "en": en, **named}


def grounds(one: Json) -> str:
    """Say what a piece of evidence shows: period, indicator, value and threshold."""
    value = "–" if one["value"] is None else f"{one['value']:.3g}"
    return f"{one['from']} – {one['to']} {one['indicator']} {value} > {one['threshold']:.3g}"


def _by_kind(warnings: Sequence[Json]) -> Json:
    counts = Counter((one["kind"], one["level"]) for one in warnings)
    kinds = []
    for kind in dict.fromkeys([*WARNED, *(kind for kind, _ in counts)]):
        zh, en = WARNED.get(kind, (kind, kind))
        levels = {level: counts[kind, level] for level in LEVELS if counts[kind, level]}
        kinds.append({"kind": kind, "zh": zh, "en": en, "levels": levels})
    return {"levels": dict(Counter(one["level"] for one in warnings)), "kinds": kinds}


def _lateness(warnings: Sequence[Json]) -> Json:
    took = sorted(
        (_moment(one["raised_at"]) - _moment(one["accepted_at"])).total_seconds()
        for one in warnings
    )
    edges = [0, *_BINS]
    bins = [
        (f"{low}–{high}", sum(low <= one < high for one in took)) for low, high in pairwise(edges)
    ]
    bins.append((f"≥ {edges[-1]}", sum(one >= edges[-1] for one in took)))
    enough = len(took) > 1
    return {
        "median_s": round(median(took), 1) if took else None,
        "p90_s": round(quantiles(took, n=10)[-1], 1) if enough else None,
        "max_s": round(took[-1], 1) if took else None,
        "bins": bins,
    }


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


# What could not be known, one station, visits, caps ----------------------------------------------


def _station(admin: Client, model: str, code: str, province: Province) -> Json:
    name = next(one.name for one in province.world.stations if one.code == code)
    months = [month.isoformat() for month in province.months]
    series: dict[str, dict[str, float | None]] = {"metered": {}, "declared": {}, "invoiced": {}}
    path = f"/warning-models/{model}/evaluations"
    for row in admin.list(path, subject=f"uscc-{code}", limit=_LIST):
        for stream, values in series.items():
            if row["values"].get(stream) is not None:
                values[row["month"]] = row["values"][stream]
    found = {stream: [values.get(month) for month in months] for stream, values in series.items()}
    return {"name": name, "code": code, "months": [month[:7] for month in months], **found}


def _visits(admin: Client, province: Province) -> Json:
    """Count the visits of the window against separate inspections; those before it beside them."""
    begin, end = window(province.world.today)
    found = admin.get("/visits:summary", from_=begin.isoformat(), to=end.isoformat())
    kinds = []
    for one in found["kinds"]:
        zh, en = VISITS[one["kind"]]
        row = {"zh": zh, "en": en, "visits": one["visits"], "separate": one["separate_visits"]}
        kinds.append(row)
    return {
        "visits": found["visits"],
        "separate": found["separate_visits"],
        "met": found["drawn_and_clue"],
        "kinds": kinds,
    }


def _caps(admin: Client, province: Province) -> Json:
    """List who is past its yearly cap, and by whose visits."""
    year = province.world.today.year
    rows = list(admin.list("/visits:usage", year=year, over="true", limit=_LIST))
    rows.sort(key=lambda row: (row["cap"] - row["visits"], row["entity"], row["department"]))
    return {"total": len(rows), "rows": rows}


def _unknown(admin: Client, model: str) -> Json:
    """Count what could not be known, by kind and by what was missing."""
    path = f"/warning-models/{model}/evaluations:summary"
    counts: Counter[tuple[str, Both]] = Counter()
    for one in admin.get(path, state="undetermined")["items"]:
        counts[one["kind"], _because(one)] += one["evaluations"]
    rows = []
    for (kind, (because_zh, because)), count in counts.most_common():
        zh, en = WARNED.get(kind, (kind, kind))
        named = {"because_zh": because_zh, "because": because}
        rows.append({"kind": kind, "zh": zh, "en": en, **named, "count": count})
    return {"total": sum(counts.values()), "rows": rows}


def _because(found: Json) -> Both:
    """Name the streams and sources that were missing, or else the reason."""
    if not found["lacking"]:
        return REASONS.get(str(found["reason"]), (str(found["reason"]),) * 2)
    zh = "，".join(f"{STREAMS[one['stream']]} · {one['source']}" for one in found["lacking"])
    return zh, ", ".join(f"{one['stream']} · {one['source']}" for one in found["lacking"])
