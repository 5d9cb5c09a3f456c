"""item-registry at its boundary: HTTP, files and events, on real PostgreSQL."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.item_registry import (
    CalendarChanged,
    CapPublished,
    DepartmentChanged,
    ItemPublished,
    RegionChanged,
    ResponsibilityChanged,
)
from contracts.roles import Role
from item_registry.app import service
from kit.auth import Actor
from kit.deadlines import shanghai_day
from kit.testing import Running, actor, covers

Serve = Callable[..., AbstractAsyncContextManager[Running]]

ADMIN = actor("bootstrap", None, "000000", Role.ADMIN)
LEAD = actor("chen", "commerce-330100", "330100", Role.LEAD)
OFFICER = actor("wang", "tax-330100", "330100", Role.OFFICER)

# A province's official list of random inspections (2017), as it was published.
LIST = Path("../shared/data/inspection-items.csv")
OFFICIAL = LIST.read_text("utf-8-sig") if LIST.exists() else None
CHINESE = (
    "序号,抽查事项,抽查子项,抽查依据,抽查主体,抽查对象,抽查比例,抽查频次,抽查方式,人员要求,备注"
)

# Counties stand before their city, and the root last: a file may have any order.
REGIONS = """id,parent,name,divisions
330106,330100,西湖区,330106
330191z,330100,开发区,
330100,330000,杭州市,330100
330000,000000,浙江省,330000
330299,330200,某区,330299
33x!,330000,某地,
000000,,全国,
"""
DEPARTMENTS = """id,name,line,level,territory,vertical_parent
commerce-330100,市商务局,commerce,3,330100,
tax-330106,区税务局,tax,4,330106 330191z,tax-330100
tax-330100,市税务局,tax,3,330100,
market-330106,区市场监管局,market,4,330106,
market-999999,某局,market,4,999999,
"""
DUTIES = [
    {"stage": "daily", "line": "commerce", "role": "lead"},
    {"stage": "daily", "line": "tax", "role": "cooperate"},
]


@pytest.fixture
async def run(serve: Serve) -> AsyncIterator[Running]:
    async with serve(service) as started:
        yield started


async def load(
    run: Running, collection: str, text: str, by: Actor = ADMIN
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    return await run.load(by, collection, text.encode())


async def world(run: Running) -> None:
    await load(run, "regions", REGIONS)
    await load(run, "departments", DEPARTMENTS)


def item(run: Running, **other: object) -> dict[str, object]:
    day = shanghai_day(run.context.clock.now()) - timedelta(days=30)
    return {
        "id": "refined-oil",
        "name": "成品油流通",
        "kind": "shared",
        "region": "330100",
        "codes14": ["03102270000001"],
        "basis": "成品油流通管理办法",
        "from": day.isoformat(),
        "duties": DUTIES,
    } | other


async def publish(client: httpx.AsyncClient, body: dict[str, object]) -> dict[str, Any]:
    assert (await client.post("/items", json=body)).status_code == 201
    answer = await client.post(f"/items/{body['id']}:publish", json={})
    assert answer.status_code == 200, answer.text
    view: dict[str, Any] = answer.json()
    return view


async def test_a_file_of_regions_is_taken_in_any_order_and_its_bad_rows_are_named(
    run: Running,
) -> None:
    job, errors = await load(run, "regions", REGIONS)
    assert (job["accepted"], job["rejected"]) == (5, 2)
    assert [(one["row"], one["column"], one["code"]) for one in errors] == [
        (6, "parent", "region-parent-unknown"),
        (7, "id", "field-invalid"),
    ]
    said = await run.said(RegionChanged)
    assert {fact.about() for fact in said} == {
        f"region/{id_}" for id_ in ("000000", "330000", "330100", "330106", "330191z")
    }
    again, _ = await load(run, "regions", REGIONS)
    assert (again["accepted"], again["duplicate"]) == (5, 5)
    assert len(await run.said(RegionChanged)) == len(said)
    moved, _ = await load(run, "regions", "id,parent,name\n330191z,330106,开发区\n")
    assert (moved["revised"], len(await run.said(RegionChanged))) == (1, len(said) + 1)


async def test_a_parent_may_stand_in_a_later_batch_of_the_file(run: Running) -> None:
    children = "".join(f"t{n},330106,第{n}街道\n" for n in range(600))
    text = f"id,parent,name\n{children}330106,000000,西湖区\n000000,,全国\n"
    job, errors = await load(run, "regions", text)
    assert (job["accepted"], errors) == (602, [])


async def test_regions_are_found_by_parent_branch_and_division(run: Running) -> None:
    await world(run)
    async with run.client(OFFICER) as client:

        async def ids(query: str) -> list[str]:
            answer = await client.get(f"/regions?{query}")
            assert answer.status_code == 200, answer.text
            return [one["id"] for one in answer.json()["items"]]

        assert await ids("parent=330100") == ["330106", "330191z"]
        assert await ids("region=330100") == ["330100", "330106", "330191z"]
        assert await ids("division=330106&on=2026-01-01") == ["330106"]
        first = (await client.get("/regions?limit=2")).json()
        assert [one["id"] for one in first["items"]] == ["000000", "330000"]
        assert (await ids(f"limit=2&cursor={first['next']}"))[0] == "330100"
        assert (await client.get("/regions/nowhere")).status_code == 404


@covers("R12.5")
async def test_agencies_are_found_by_line_place_and_either_parent(run: Running) -> None:
    await load(run, "regions", REGIONS)
    job, errors = await load(run, "departments", DEPARTMENTS)
    assert (job["accepted"], job["rejected"]) == (4, 1)
    assert [(one["row"], one["code"], one["got"]) for one in errors] == [
        (6, "region-unknown", "999999")
    ]
    assert len(await run.said(DepartmentChanged)) == 4
    async with run.client(OFFICER) as client:
        here = await client.get("/departments?line=tax&region=330191z")
        assert [one["id"] for one in here.json()["items"]] == ["tax-330100", "tax-330106"]
        below = await client.get("/departments?parent=tax-330100")
        assert [one["id"] for one in below.json()["items"]] == ["tax-330106"]


@covers("RX.1", "RX.2")
async def test_writing_needs_the_role_and_the_region(run: Running) -> None:
    await world(run)
    new = {"id": "330199", "parent": "330100", "name": "新区"}
    async with run.client(None) as nobody, run.client(OFFICER) as officer:
        assert (await nobody.get("/regions")).status_code == 401
        assert (await officer.post("/regions", json=new)).json()["code"] == "role-missing"
    async with run.client(LEAD) as lead:
        assert (await lead.post("/regions", json=new)).status_code == 201
        assert (await lead.post("/regions", json=new)).json()["code"] == "region-exists"
        other = {"id": "330200", "parent": "330000", "name": "宁波市"}
        assert (await lead.post("/regions", json=other)).json()["code"] == "outside-your-regions"
        national = item(run, region="000000")
        assert (await lead.post("/items", json=national)).json()["code"] == "outside-your-regions"


@covers("R4.1", "R4.3", "R4.6", "RX.7")
async def test_an_item_is_drafted_changed_published_and_closed_by_its_next_version(
    run: Running,
) -> None:
    await world(run)
    today = shanghai_day(run.context.clock.now()).isoformat()
    async with run.client(LEAD) as client:
        drafted = await client.post("/items", json=item(run, basis=None))
        assert drafted.status_code == 201, drafted.text
        refused = await client.post("/items/refined-oil:publish", json={})
        assert (refused.status_code, refused.json()["code"]) == (409, "item-basis-missing")
        change = {"basis": "成品油流通管理办法"}
        assert (await client.patch("/items/refined-oil", json=change)).status_code == 428
        seen = {"if-match": drafted.headers["etag"]}
        changed = await client.patch("/items/refined-oil", json=change, headers=seen)
        assert changed.status_code == 200, changed.text
        stale = await client.patch("/items/refined-oil", json=change, headers=seen)
        assert stale.status_code == 412
        first = await client.post("/items/refined-oil:publish", json={})
        assert first.json()["state"] == "published", first.text

        second = await client.post("/items/refined-oil/versions", json={})
        assert (second.status_code, second.json()["version"]) == (201, 2)
        seen = {"if-match": second.headers["etag"]}
        await client.patch("/items/refined-oil", json={"from": today}, headers=seen)
        out = await client.post("/items/refined-oil:publish", json={"reason": "年度修订"})
        assert out.status_code == 200, out.text
        versions = (await client.get("/items/refined-oil/versions")).json()["items"]
        assert [(one["version"], one["state"], one["to"]) for one in versions] == [
            (1, "closed", today),
            (2, "published", None),
        ]
        listed = (await client.get("/items?line=tax&kind=shared")).json()["items"]
        assert [one["version"] for one in listed] == [2]
    said = await run.said(ItemPublished)
    assert [getattr(one, "item_version", None) for one in said] == [1, 2]


@covers("R4.2")
async def test_a_list_of_items_becomes_drafts_once(run: Running) -> None:
    await world(run)
    text = (
        "id,name,kind,codes14,lead,cooperating,basis,from\n"
        "gas,城镇燃气,shared,03102270000002,housing,fire market,城镇燃气管理条例,2026-01-01\n"
        "tea,茶叶,spot_check,123,market,,食品安全法,2026-01-01\n"
    )
    job, errors = await load(run, "items", text)
    assert (job["accepted"], job["rejected"]) == (1, 1)
    assert [(one["row"], one["column"]) for one in errors] == [(3, "codes14.0")]
    again, _ = await load(run, "items", text)
    assert again["duplicate"] == 1
    async with run.client(ADMIN) as client:
        drafts = (await client.get("/items?state=draft")).json()["items"]
        assert [(one["id"], one["state"], len(one["duties"])) for one in drafts] == [
            ("gas", "draft", 15)
        ]
        assert (await client.post("/items/gas:publish", json={})).status_code == 200


async def spot_checks(run: Running, query: str = "") -> list[dict[str, Any]]:
    async with run.client(OFFICER) as client:
        answer = await client.get(f"/items?kind=spot_check&limit=200{query}")
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["items"]
        return found


@covers("R4.2", "R4.6")
@pytest.mark.skipif(OFFICIAL is None, reason="the official list is not here")
async def test_all_items_of_an_official_list_land_with_their_numbers_read_or_flagged(
    run: Running,
) -> None:
    job, errors = await load(run, "items", OFFICIAL or "")
    assert (job["accepted"], job["rejected"], job["ignored"], errors) == (75, 0, [], [])
    found = await spot_checks(run)
    assert (len(found), {one["state"] for one in found}) == (75, {"draft"})

    numbered = {"ratio": 57, "frequency": 72}
    for part, count in numbered.items():
        read = [
            one[part] for one in found if any(c.isdigit() or c == "一" for c in one[part]["text"])
        ]
        assert len([one for one in read if one["rules"]]) >= count, part
        worded = [one[part] for one in found if not one[part]["rules"]]
        assert len(worded) == 75 - count, part
        assert all(one["flag"]["code"].startswith(("by-", "with-")) for one in worded)
    flagged = await spot_checks(run, "&flagged=true")
    clear = await spot_checks(run, "&flagged=false")
    assert len(flagged) + len(clear) == 75
    parts = ("ratio", "frequency", "inspecting_body")
    assert all(any(one[part]["flag"] for part in parts) for one in flagged)
    assert not any(one[part]["flag"] for one in clear for part in parts)

    basis = {one["id"] for one in found if one["basis"] is None}
    assert len(basis) == 1
    told = [one for one in found if one["inspecting_body"]["line"] == "market"]
    assert (len(told), len(found) - len(told)) == (64, 11)
    assert {tuple(one["lacking"]) for one in told if one["id"] not in basis} == {
        ("item-day-missing",)
    }


@pytest.mark.skipif(OFFICIAL is None, reason="the official list is not here")
async def test_an_official_list_again_changes_nothing_and_a_corrected_one_corrects(
    run: Running,
) -> None:
    text = OFFICIAL or ""
    await load(run, "items", text)
    chinese = text.replace(text.splitlines()[0], CHINESE, 1)
    again, errors = await load(run, "items", chinese)
    assert (again["accepted"], again["duplicate"], errors) == (75, 75, [])
    corrected, _ = await load(run, "items", text.replace("抽查比例不少于2‰", "抽查比例不少于3‰"))
    assert (corrected["duplicate"], corrected["revised"]) == (74, 1)
    (one,) = [one for one in await spot_checks(run) if one["revision"] == 2]
    (rule,) = one["ratio"]["rules"]
    assert rule["share"] == {"numerator": 3, "denominator": 1000}
    assert len(await spot_checks(run)) == 75


async def test_a_flagged_ratio_is_mended_in_the_draft_which_is_then_published(
    run: Running,
) -> None:
    text = f"{CHINESE}\n1,登记检查,,《公司法》,县级以上有关部门,企业,三成,每年1次,,,\n"
    text += "2,登记检查,,《公司法》,市场监管部门,企业,5%,每年1次,,,\n"
    job, (error,) = await load(run, "items", text)
    assert (job["accepted"], error["row"], error["code"]) == (1, 3, "item-listed-twice")
    (one,) = await spot_checks(run, "&flagged=true")
    assert one["ratio"] == {
        "text": "三成",
        "rules": [],
        "flag": {
            "code": "words-unread",
            "left": [
                {"code": "words-unread", "words": "三成", "choice": None, "alternative": None}
            ],
        },
    }
    assert one["lacking"] == ["item-day-missing", "item-lead-missing"]
    path = f"/items/{one['id']}"
    change = {
        "ratio": "不低于30%",
        "inspecting_body": "县级以上市场监管部门",
        "from": "2026-01-01",
        "duties": [{"stage": "spot_check", "line": "market", "role": "lead"}],
    }
    async with run.client(ADMIN) as client:
        seen = {"if-match": (await client.get(path)).headers["etag"]}
        changed = await client.patch(path, json=change, headers=seen)
        assert (changed.json()["lacking"], changed.json()["ratio"]["flag"]) == ([], None)
        out = await client.post(f"{path}:publish", json={})
        assert (out.json()["state"], out.json()["lacking"]) == ("published", [])
    assert await spot_checks(run, "&flagged=true") == []


@covers("R5.1", "R5.2", "R5.4", "R5.6")
async def test_who_leads_is_answered_with_its_reason_and_its_gaps(run: Running) -> None:
    await world(run)
    async with run.client(LEAD) as client:
        await publish(client, item(run))

        async def ask(region: str, **more: str) -> dict[str, Any]:
            query = {"item": "refined-oil", "stage": "daily", "region": region} | more
            answer = await client.get("/responsibilities:resolve", params=query)
            assert answer.status_code == 200, answer.text
            view: dict[str, Any] = answer.json()
            return view

        found = await ask("330191z")
        assert (found["lead"], found["cooperators"]) == ("commerce-330100", ["tax-330106"])
        assert found["chain"] == ["330191z", "330100", "330000", "000000"]
        assert [one["id"] for one in found["duties"]] == [
            "refined-oil_1_daily_commerce",
            "refined-oil_1_daily_tax",
        ]
        assert found["problems"] == []

        local = {
            "item": "refined-oil",
            "region": "330106",
            "basis": "西湖区实施方案",
            "duties": [
                {"stage": "daily", "line": "market", "role": "lead"},
                {"stage": "daily", "line": "fire", "role": "cooperate"},
            ],
        }
        declared = await client.post("/responsibilities", json=local)
        assert declared.status_code == 201, declared.text
        here = await ask("330106")
        assert (here["lead"], here["cooperators"]) == ("market-330106", ["tax-330106"])
        assert [(one["code"], one["lines"]) for one in here["problems"]] == [
            ("responsibility-no-agency", ["fire"])
        ]
        assert "fire" in here["problems"][0]["message"]
        assert (await ask("330191z"))["lead"] == "commerce-330100"

        before = await ask("330106", on="2020-01-01")
        assert (before["item_version"], before["lead"]) == (None, None)
        assert [one["code"] for one in before["problems"]] == ["responsibility-no-lead"]
        unknown = await client.get(
            "/responsibilities:resolve?item=nothing&stage=daily&region=330106"
        )
        assert unknown.status_code == 404
    (said,) = await run.said(ResponsibilityChanged)
    assert said.about() == "responsibility/refined-oil_330106"


@covers("RX.3")
async def test_a_calendar_replaces_what_stood_and_is_announced(run: Running) -> None:
    await world(run)
    new = {"region": "330100", "days": [{"date": "2026-09-19", "working": False}], "basis": "通知"}
    async with run.client(LEAD) as client:
        assert (await client.post("/calendars", json=new)).status_code == 201
        more = new | {"days": [], "hours": "09:00-12:00,13:30-17:30"}
        assert (await client.post("/calendars", json=more)).json()["version"] == 2
        listed = (await client.get("/calendars?region=330100")).json()["items"]
        assert [(one["days"], one["version"]) for one in listed] == [([], 2)]
    assert len(await run.said(CalendarChanged)) == 2


@covers("RX.5")
async def test_a_cap_ends_the_one_before(run: Running) -> None:
    await world(run)
    new = {"line": "market", "region": "330100", "per_year": 2, "from": "2025-01-01"}
    new["basis"] = "国办发〔2024〕54号"
    async with run.client(LEAD) as client:
        assert (await client.post("/caps", json=new)).status_code == 201
        again = new | {"per_year": 1, "from": "2026-01-01"}
        assert (await client.post("/caps", json=again)).status_code == 201
        assert (await client.post("/caps", json=again)).json()["code"] == "cap-overlaps"
        on = (await client.get("/caps?line=market&on=2025-06-01")).json()["items"]
        assert [(one["per_year"], one["to"]) for one in on] == [(2, "2026-01-01")]
    assert len(await run.said(CapPublished)) == 3
