"""Loading the province through the gateway: the directory, the rules, the departments' files."""

import json
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from heli.client import Client
from heli.demo.cast import Cast
from heli.demo.province.sheets import Province, Sheet
from heli.demo.province.world import ITEM, LINES, World
from heli.demo.story import Story, must, wait_for

_MODEL: Final = "model/examples/refined_oil.json"
_SYSTEM: Final = "indicator_system/refined-oil.toml"
_BASIS: Final = "成品油流通管理办法（商务部令2025年第4号）"
_DUTIES: Final = (
    ("approval", "commerce", "lead", _BASIS),
    ("daily", "commerce", "lead", _BASIS),
    ("daily", "tax", "cooperate", "税收征收管理法第五条"),
    ("daily", "market", "cooperate", "计量法第十八条"),
    ("daily", "emergency", "cooperate", "危险化学品安全管理条例第六条"),
    ("spot_check", "commerce", "lead", "国发〔2019〕5号"),
    ("spot_check", "market", "cooperate", "国发〔2019〕5号"),
    ("penalty", "market", "lead", "计量法第二十八条"),
    ("penalty", "tax", "cooperate", "税收征收管理法第六十三条"),
    ("emergency", "emergency", "lead", "危险化学品安全管理条例第六条"),
)
_CAPS: Final = {"commerce": 4, "market": 4, "emergency": 4}
_COUNTS: Final = ("accepted", "provisional", "duplicate", "revised", "rejected", "skipped")


@dataclass(frozen=True, slots=True)
class Sent:
    """A file that was sent: whose client, its job, and what it should bring."""

    client: Client
    job: str
    sheet: Sheet


def send(cast: Cast, sheets: Iterable[Sheet]) -> list[Sent]:
    """Send files one after another without waiting for what becomes of them."""
    sent = []
    for sheet in sheets:
        client = cast.system(sheet.department) if sheet.department else cast.admin
        job = client.upload(sheet.collection, sheet.body, media=sheet.media)
        sent.append(Sent(client, job["id"], sheet))
    return sent


def follow(story: Story, name: str, sent: Sequence[Sent]) -> dict[str, int]:
    """Follow files to their end with one progress bar; every row must be taken."""
    total = dict.fromkeys(_COUNTS, 0)
    with story.bar(name, sum(one.sheet.rows for one in sent)) as moved:
        before = 0
        for one in sent:
            done = one.client.wait_job(one.job, seen=partial(_moved, moved, before))
            _took(one, done)
            before += one.sheet.rows
            total = {count: total[count] + done.get(count, 0) for count in _COUNTS}
    return total


def _moved(moved: Callable[[int], None], before: int, job: dict[str, Any]) -> None:
    moved(before + job["accepted"] + job["rejected"])


def _took(one: Sent, done: dict[str, Any]) -> None:
    name = one.sheet.name
    if done["status"] != "done" or done["rejected"]:
        errors = [] if done["status"] != "done" else _errors(one)
        must(holds=False, what=f"{name}: {done} {errors}")
    must(done["accepted"] == one.sheet.rows, f"{name}: {one.sheet.rows} rows, {done}")
    if one.sheet.expect == "again":
        must(done["duplicate"] == one.sheet.rows, f"{name} was sent before: {done}")
    if one.sheet.expect == "corrected":
        must(done["revised"] > 0, f"{name} corrects: {done}")


def _errors(one: Sent) -> list[dict[str, Any]]:
    return list(one.client.list(f"/jobs/{one.job}/errors"))[:3]


def directory(story: Story, cast: Cast, province: Province) -> None:
    """Load regions, departments, the item, caps, entities, inspectors and targets."""
    admin, world = cast.admin, province.world
    _load(story, cast, province, "regions")
    _load(story, cast, province, "departments")
    wait_for(
        "the gateway knows the departments",
        lambda: cast.system("commerce-330100").get("/me")["department_known"],
    )
    _item(cast, world)
    _load(story, cast, province, "entities")
    _load(story, cast, province, "inspectors")
    _wait_for_item(admin, world)
    admin.get("/operations/invariants", wait_s=30)  # until every service knows the directory
    _load(story, cast, province, "targets")


def _load(story: Story, cast: Cast, province: Province, collection: str) -> dict[str, int]:
    return follow(story, collection, send(cast, of(province, collection)))


def of(province: Province, collection: str) -> list[Sheet]:
    """Give the files of one collection, in the order of sending."""
    return [sheet for sheet in province.sheets if sheet.collection == collection]


def _item(cast: Cast, world: World) -> None:
    lead = cast.person("省商务厅处长")
    since = date(world.today.year - 2, 1, 1).isoformat()
    duties = [
        {"stage": stage, "line": line, "role": role, "basis": basis}
        for stage, line, role, basis in _DUTIES
    ]
    draft = {
        "id": ITEM,
        "name": "成品油流通综合监管",
        "kind": "shared",
        "region": "330000",
        "codes14": [code for _, code in LINES.values()],
        "basis": _BASIS,
        "from": since,
        "duties": duties,
    }
    lead.post("/items", draft)
    lead.post(f"/items/{ITEM}:publish", {"reason": "试点事项", "basis": "国办发〔2023〕1号"})
    for line, per_year in _CAPS.items():
        cap = {"line": line, "region": "330000", "per_year": per_year, "from": since}
        cast.admin.post("/caps", cap | {"basis": "国办发〔2024〕54号"})
    days = [{"date": f"{world.today.year}-03-03", "working": False}]
    cast.admin.post("/calendars", {"region": "330300", "days": days, "basis": "示例：地方节日"})


def _wait_for_item(admin: Client, world: World) -> None:
    ask = {"item": ITEM, "stage": "daily", "region": world.stations[0].region}
    found = admin.get("/responsibilities:resolve", **ask)
    must(found["lead"] and not found["problems"], f"the matrix resolves: {found}")


def rules(story: Story, cast: Cast) -> str:
    """Draft the warning model and the indicator system, each put in force by a second person."""
    author, approver = cast.person("省商务厅处长"), cast.person("省商务厅另一处长")
    model = author.post("/warning-models", json.loads(_shipped("risk_monitor", _MODEL)))
    approver.post(f"/warning-models/{model['id']}:activate", {"reason": "复核通过"})
    system = author.post("/indicator-systems", tomllib.loads(_shipped("credit_service", _SYSTEM)))
    approver.post(f"/indicator-systems/{system['id']}:activate", {"reason": "复核通过"})
    story.step(
        "省商务厅",
        "起草并由另一人启用预警模型和信用指标体系",
        "a warning model and an indicator system, each drafted by one and put in force by another",
        model=model["id"],
        system=system["id"],
    )
    return str(model["id"])


def _shipped(package: str, path: str) -> str:
    """Read an example that a service ships, by its place: the demo imports no service."""
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError(package)
    return (Path(found.submodule_search_locations[0]) / path).read_text("utf-8")


def window(today: date) -> tuple[date, date]:
    """Give the days in which visits may be made: from today for three weeks."""
    return today, today + timedelta(days=21)
