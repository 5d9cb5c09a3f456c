"""The joint draw of the demo: one operator plays both parties, which proves nothing about trust."""

import contextlib
import io
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from heli import draw_verifier
from heli.client import Client
from heli.demo.cast import Cast
from heli.demo.load import window
from heli.demo.province.world import ITEM, LINES, PREFECTURES, World
from heli.demo.story import Story, must, wait_for
from heli.party import Secret

JUSTICE = "justice-330000"


def draw(story: Story, cast: Cast, world: World, folder: Path) -> list[dict[str, Any]]:
    """Draw a tenth of every prefecture's stations and the inspectors; verify each offline."""
    regions = dict.fromkeys(sorted(station.prefecture for station in world.stations))
    drawn = [_draw(cast, world, folder, region) for region in regions]
    for one in drawn:
        story.step(
            f"{PREFECTURES[one['region']]}商务局、省司法厅",
            "联合双随机抽取：冻结、承诺、揭示，离线验证通过（演示中双方由同一人操作，不证明互信）",
            "a joint draw: frozen, committed, revealed, verified offline (one operator played both "
            "parties, which proves nothing about trust)",
            draw=one["id"],
            pool=f"{one['targets']} 个对象 targets, {one['inspectors']} 名检查员 inspectors",
            drawn=f"{one['visits']} 次上门 visits",
            plan=one["plan"],
            result=one["result"],
            file=one["file"],
        )
    return drawn


def _draw(cast: Cast, world: World, folder: Path, region: str) -> dict[str, Any]:
    commerce = f"commerce-{region}"
    lead = cast.lead(commerce)
    parties = {commerce: lead, JUSTICE: cast.person("省司法厅监督员")}
    pool = lead.post("/pools", {"item": ITEM, "region": region})
    begin, end = window(world.today)
    n = max(1, pool["targets"] // 10)
    now = datetime.fromisoformat(pool["made_at"])
    body = {
        "series": f"refined-oil-{region}",
        "pool": pool["id"],
        "initiating": _part("commerce", region),
        "cooperating": [_part("market", region)],
        "strata": [{"n": n, "reserve": min(2, pool["targets"] - n)}],
        "parties": sorted(parties),
        "reveal_by": (now + timedelta(days=1)).isoformat(),
        "visits_from": begin.isoformat(),
        "visits_to": end.isoformat(),
    }
    made = lead.post("/draws", body)
    path = f"/draws/{made['id']}"
    frozen = lead.post(f"{path}:freeze")
    kept = {party: Secret.made() for party in parties}
    for party, client in parties.items():
        digest = kept[party].commitment(party, frozen["plan_digest"])
        client.post(f"{path}:commit", {"digest": digest})
    for party, client in parties.items():
        client.post(f"{path}:reveal", kept[party].opened())
    done: dict[str, Any] = lead.get(path)
    must(done["result_digest"], f"the draw is complete: {done}")
    visits = wait_for(
        "visits of the drawn targets",
        lambda: list(lead.list("/visits", kind="drawn", draw=made["id"], limit=200)),
    )
    return {
        "id": made["id"],
        "region": region,
        "targets": pool["targets"],
        "inspectors": pool["inspectors"],
        "visits": len(visits),
        "plan": done["plan_digest"],
        "result": done["result_digest"],
        "file": str(_verify(lead, made["id"], folder)),
    }


def _part(line: str, region: str) -> dict[str, object]:
    return {
        "department": f"{line}-{region}",
        "codes14": [LINES[line][1]],
        "seats": 2,
        "qualification": "general",
        "limit": 40,
    }


def _verify(client: Client, draw_id: str, folder: Path) -> Path:
    path = folder / f"draw-{draw_id}.json"
    document = client.get(f"/draws/{draw_id}/file")
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1), "utf-8")
    with contextlib.redirect_stdout(io.StringIO()) as said:
        code = draw_verifier.main([str(path), "--json"])
    must(code == 0, f"the draw verifies offline: {said.getvalue()}")
    return path
