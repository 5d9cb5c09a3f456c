"""Synthetic personal numbers through every door: they stay where they belong, and nowhere else.

The numbers are made up, with check characters that hold: 110105 is a real county, the births are
in 1901. They are searched for in every log, in the announced events and NATS' own files, in parked
events and audit rows, and in what others are answered.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from stdnum.cn import ric

from contracts.classes import masked
from heli.client import ApiProblem, Client
from heli.testing import Stack
from kit.testing import covers

ITEM, CITY, COUNTY, OWNER = "canary-item", "canary-city", "canary-county", "commerce-canary"
PURPOSE = "核实举报人反映的情况"


def _citizen(number: int) -> str:
    body = f"11010519010101{number:03d}"
    return body + ric.calc_check_digit(body + "0")


PEOPLE = tuple(_citizen(number) for number in range(7, 15))
PHONES = tuple(f"1990000{number:04d}" for number in range(6101, 6107))
CANARIES = PEOPLE + PHONES


def places(folder: Path, canaries: Iterable[str], pattern: str = "*.log") -> set[str]:
    """Name the files below a folder in which a canary stands."""
    told = [one.encode() for one in canaries]
    return {
        path.name
        for path in folder.rglob(pattern)
        if path.is_file() and any(one in path.read_bytes() for one in told)
    }


def told(answers: Iterable[Any]) -> set[str]:
    """Name the canaries that stand in some answers."""
    text = json.dumps(list(answers), ensure_ascii=False)
    return {one for one in CANARIES if one in text}


def test_a_planted_line_with_a_canary_is_found(tmp_path: Path) -> None:
    (tmp_path / "clean.log").write_text("nothing\n", "utf-8")
    (tmp_path / "planted.log").write_text(f"row_failed cell={PHONES[0]}\n", "utf-8")
    assert places(tmp_path, CANARIES) == {"planted.log"}
    assert told([{"items": [{"text": f"致电{PHONES[1]}"}]}]) == {PHONES[1]}


def tried(client: Client, method: str, path: str, **more: Any) -> None:  # noqa: ANN401 - to httpx
    """Send what may be refused: the refusal goes to its sender."""
    with suppress(ApiProblem):
        client.send(method, path, **more)


@pytest.fixture(scope="module")
def officer(stack: Stack) -> Iterator[Client]:
    admin = stack.admin
    regions = [
        {"id": "000000", "name": "全国"},
        {"id": CITY, "parent": "000000", "name": "市（示例）"},
        {"id": COUNTY, "parent": CITY, "name": "区（示例）"},
    ]
    assert stack.load(admin, "regions", regions)["status"] == "done"
    departments = [
        {"id": OWNER, "name": "商务局（示例）", "line": "commerce", "level": 3, "territory": [CITY]}
    ]
    assert stack.load(admin, "departments", departments)["rejected"] == 0
    item = {
        "id": ITEM,
        "name": "成品油（示例）",
        "kind": "spot_check",
        "region": CITY,
        "codes14": ["03102270000091"],
        "basis": "成品油流通管理办法",
        "from": "2025-01-01",
        "duties": [{"stage": "daily", "line": "commerce", "role": "lead"}],
    }
    admin.post("/items", item)
    admin.post(f"/items/{ITEM}:publish", {"reason": "示例"})
    stack.settle()
    with stack.client(OWNER, CITY, "integrator", "officer", "lead") as client:
        yield client


@covers("R15.4")
def test_personal_numbers_stay_where_they_belong(stack: Stack, officer: Client) -> None:
    through_every_door(officer)
    stack.settle()
    admin = stack.admin

    assert places(stack.folder, CANARIES) == set()
    assert told(admin.list("/operations/events")) == set()
    assert told(admin.list("/operations/dead-letters")) == set()
    assert told(admin.list("/audit")) == set()
    assert any((stack.folder / "js").rglob("*.blk"))
    assert places(stack.folder / "js", CANARIES, "*") == set()
    for path in ("/clues", "/cases", "/provisional-subjects", "/credit-records", "/visits"):
        assert told(admin.list(path)) == set(), path
        assert told(officer.list(path)) == set(), path
    assert told([admin.get("/publications"), admin.get("/clues:summary")]) == set()

    # Whoever may, and says what for, reads it whole; that is noted, and nothing else is.
    mine = next(officer.list("/clues", item=ITEM))
    headers = {"Heli-Purpose": quote(PURPOSE)}
    whole = officer.send("GET", f"/clues/{mine['id']}", headers=headers).json()
    assert told([whole])
    assert told([officer.get(f"/clues/{mine['id']}")]) == set()
    assert masked(whole["summary"]) == mine["summary"]
    noted = [one for one in admin.list("/audit") if one["reason"] == PURPOSE]
    assert [(one["act"], one["object"]) for one in noted] == [
        ("GET /clues/{id}", f"clues/{mine['id']}")
    ]
    root = admin.send("GET", f"/clues/{mine['id']}", headers=headers).json()
    assert told([root]) == set()  # the administrator's role is none of those that may


def through_every_door(officer: Client) -> None:
    """Send each canary where a person would write it, or should not."""
    told_by_phone = f"举报人电话{PHONES[0]}，身份证 {PEOPLE[0]}"
    clue = officer.post(
        "/clues",
        {
            "item": ITEM,
            "region": COUNTY,
            "name": f"张三 {PHONES[1]}",
            "place": f"某路 1 号 {PHONES[1]}",
            "summary": told_by_phone,
            "source": "hotline",
            "reason": told_by_phone,
        },
    )
    officer.post(
        "/clues",
        {"item": ITEM, "region": COUNTY, "code": PHONES[2], "name": "李四", "summary": PEOPLE[1]},
    )
    officer.post(f"/clues/{clue['id']}:dispatch", {"reason": f"见 {PEOPLE[2]}"})
    officer.post(f"/clues/{clue['id']}:sign", {"basis": f"见 {PEOPLE[2]}"})
    officer.post(f"/clues/{clue['id']}:feedback", {"text": f"当事人 {PEOPLE[2]}"})
    record = {
        "stage": "in_process",
        "kind": "other",
        "subject": PEOPLE[3],
        "name": "王五",
        "region": COUNTY,
        "effective_on": "2026-01-05",
        "evidence": f"询问笔录 {PHONES[3]}",
    }
    tried(officer, "POST", "/credit-records", json=record)
    target = {"name": f"站 {PHONES[4]}", "region": COUNTY, "entity": f"ID {PEOPLE[4]}"}
    tried(officer, "POST", "/targets", json=target)
    tickets = [
        {
            "ticket": f"t-{number}",
            "received_at": "2026-01-05 09:00",
            "text": told_by_phone,
            "item": ITEM,
            "region": COUNTY,
            "code": PEOPLE[5],
            "name": "赵六",
        }
        for number in range(2)
    ]
    faulty = [tickets[0] | {"region": PEOPLE[6]}, tickets[1] | {PHONES[5]: "x"}, {"x": PEOPLE[6]}]
    data = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in (*tickets, *faulty))
    job = officer.upload("clues", data.encode(), media="application/x-ndjson", key=PEOPLE[7])
    officer.wait_job(job["id"], seconds=60)
    for path in (f"/entities/{PEOPLE[7]}", f"/clues/{PHONES[5]}", f"/regions/{PEOPLE[7]}"):
        tried(officer, "GET", path)
    for query in ({"subject": PEOPLE[7]}, {PHONES[5]: "x"}, {"cursor": PEOPLE[7]}):
        tried(officer, "GET", "/clues", params=query)
    surrogate = f'{{"item": "{ITEM}", "summary": "\\ud800 {PEOPLE[7]}", "region": "{COUNTY}"}}'
    json_ = {"Content-Type": "application/json"}
    tried(officer, "POST", "/clues", content=lambda: iter([surrogate.encode()]), headers=json_)
    tried(officer, "POST", "/clues", json={PEOPLE[7]: PHONES[5], "item": PHONES[5]})
