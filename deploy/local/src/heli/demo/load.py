"""Loading the world through the gateway: the directory, the rules, then the departments' data."""

import json
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from heli.client import Client
from heli.demo.cast import Cast
from heli.demo.signals import Data
from heli.demo.story import Story, must, wait_for
from heli.demo.world import ITEM, LINES, World

_NDJSON: Final = "application/x-ndjson"
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


def _lines(rows: Iterable[Mapping[str, object]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def load(
    story: Story, client: Client, collection: str, rows: list[Mapping[str, object]]
) -> dict[str, Any]:
    """Load rows in bulk with a progress bar; every row must be taken."""
    with story.bar(collection, len(rows)) as moved:
        job = client.upload(collection, _lines(rows), media=_NDJSON)
        done = client.wait_job(job["id"], seen=lambda s: moved(s["accepted"] + s["rejected"]))
    if done["status"] != "done" or done["rejected"]:
        errors = list(client.list(f"/jobs/{job['id']}/errors"))[:3]
        must(holds=False, what=f"{collection}: {done} {errors}")
    return done


def directory(story: Story, cast: Cast, world: World) -> None:
    """Load regions, departments, the item, a cap, entities, inspectors and targets."""
    admin = cast.admin
    regions = [{"id": r.id, "parent": r.parent, "name": r.name} for r in world.regions]
    load(story, admin, "regions", [{k: v for k, v in r.items() if v} for r in regions])
    load(
        story,
        admin,
        "departments",
        [
            {
                "id": one.id,
                "name": one.name,
                "line": one.line,
                "level": one.level,
                "territory": list(one.territory),
                **({"vertical_parent": one.vertical_parent} if one.vertical_parent else {}),
            }
            for one in world.departments
        ],
    )
    wait_for(
        "the gateway knows the departments",
        lambda: cast.system("commerce-330100").get("/me")["department_known"],
    )
    _item(cast, world)
    load(story, admin, "entities", [_entity(world, n) for n in range(len(world.stations))])
    load(story, admin, "inspectors", [_inspector(world, n) for n in range(len(world.inspectors))])
    _wait_for_item(admin, world)
    admin.get("/operations/invariants", wait_s=30)  # until every service knows the directory
    load(story, admin, "targets", [_target(world, n) for n in range(len(world.stations))])


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
    cap = {"line": "commerce", "region": "330000", "per_year": 4, "from": since}
    lead.post("/caps", cap | {"basis": "国办发〔2024〕54号"})
    days = [{"date": f"{world.today.year}-03-03", "working": False}]
    admin = cast.admin
    admin.post("/calendars", {"region": "330300", "days": days, "basis": "示例：地方节日"})


def _wait_for_item(admin: Client, world: World) -> None:
    ask = {"item": ITEM, "stage": "daily", "region": world.stations[0].region}
    found = admin.get("/responsibilities:resolve", **ask)
    must(found["lead"] and not found["problems"], f"the matrix resolves: {found}")


def _entity(world: World, number: int) -> dict[str, object]:
    station = world.stations[number]
    return {
        "code": station.code,
        "name": station.name,
        "region": station.region,
        "address": station.address,
    }


def _inspector(world: World, number: int) -> dict[str, object]:
    one = world.inspectors[number]
    return {
        "id": one.id,
        "department": one.department,
        "name": one.name,
        "certificate": one.certificate,
        "valid_until": one.valid_until.isoformat(),
        "qualifications": ["general"],
    }


def _target(world: World, number: int) -> dict[str, object]:
    station = world.stations[number]
    return {
        "id": f"station-{station.number:05d}",
        "name": station.name,
        "region": station.region,
        "entity": station.code,
        "address": station.address,
        "item": ITEM,
    }


def rules(story: Story, cast: Cast) -> None:
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


def _shipped(package: str, path: str) -> str:
    """Read an example that a service ships, by its place: the demo imports no service."""
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError(package)
    return (Path(found.submodule_search_locations[0]) / path).read_text("utf-8")


def data(story: Story, cast: Cast, made: Data) -> dict[str, int]:
    """Let every department send its months of data; gives how the rows went in all."""
    total = {"accepted": 0, "provisional": 0, "duplicate": 0, "revised": 0}
    for department, rows in sorted(made.files.items()):
        done = load(story, cast.system(department), "signals", list(rows))
        total = {name: total[name] + done[name] for name in total}
    return total


def window(today: date) -> tuple[date, date]:
    """Give the days in which visits may be made: from today for three weeks."""
    return today, today + timedelta(days=21)
