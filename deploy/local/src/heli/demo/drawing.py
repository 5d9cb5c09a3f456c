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
from heli.demo.province.world import ITEM, LINES, World
from heli.demo.story import Story, must, wait_for
from heli.party import Secret

PARTIES = {"commerce-330100": "甲市商务局负责人", "justice-330000": "省司法厅监督员"}


def draw(story: Story, cast: Cast, world: World, folder: Path) -> dict[str, str]:
    """Draw a tenth of the prefecture's stations and the inspectors; verify it offline."""
    lead = cast.person("甲市商务局负责人")
    pool = lead.post("/pools", {"item": ITEM, "region": "330100"})
    begin, end = window(world.today)
    now = datetime.fromisoformat(pool["made_at"])
    body = {
        "series": "refined-oil-330100",
        "pool": pool["id"],
        "initiating": _part("commerce"),
        "cooperating": [_part("market")],
        "strata": [{"n": max(2, pool["targets"] // 10), "reserve": 2}],
        "parties": sorted(PARTIES),
        "reveal_by": (now + timedelta(days=1)).isoformat(),
        "visits_from": begin.isoformat(),
        "visits_to": end.isoformat(),
    }
    made = lead.post("/draws", body)
    frozen = lead.post(f"/draws/{made['id']}:freeze")
    kept = {party: Secret.made() for party in PARTIES}
    for party, person in PARTIES.items():
        digest = kept[party].commitment(party, frozen["plan_digest"])
        cast.person(person).post(f"/draws/{made['id']}:commit", {"digest": digest})
    for party, person in PARTIES.items():
        cast.person(person).post(f"/draws/{made['id']}:reveal", kept[party].opened())
    done: dict[str, Any] = lead.get(f"/draws/{made['id']}")
    must(done["result_digest"], f"the draw is complete: {done}")
    visits = wait_for(
        "visits of the drawn targets",
        lambda: list(lead.list("/visits", kind="drawn")) or None,
    )
    path = _verify(lead, made["id"], folder)
    story.step(
        "甲市商务局、省司法厅",
        "联合双随机抽取：冻结、承诺、揭示，离线验证通过（演示中双方由同一人操作，不证明互信）",
        "a joint draw: frozen, committed, revealed, verified offline (one operator played both "
        "parties, which proves nothing about trust)",
        draw=made["id"],
        pool=f"{pool['targets']} 个对象 targets, {pool['inspectors']} 名检查员 inspectors",
        drawn=f"{len(visits)} 次上门 visits",
        plan=done["plan_digest"],
        result=done["result_digest"],
        file=str(path),
    )
    return {
        "id": made["id"],
        "file": str(path),
        "plan": done["plan_digest"],
        "result": done["result_digest"],
    }


def _part(line: str) -> dict[str, object]:
    return {
        "department": f"{line}-330100",
        "codes14": [LINES[line][1]],
        "seats": 2,
        "qualification": "general",
        "limit": 10,
    }


def _verify(client: Client, draw_id: str, folder: Path) -> Path:
    path = folder / f"draw-{draw_id}.json"
    document = client.get(f"/draws/{draw_id}/file")
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1), "utf-8")
    with contextlib.redirect_stdout(io.StringIO()) as said:
        code = draw_verifier.main([str(path), "--json"])
    must(code == 0, f"the draw verifies offline: {said.getvalue()}")
    return path
