"""The hotline's tickets: spoken words become clues, and each lead sends its own on."""

from collections import Counter
from typing import Final

from heli.demo.cast import Cast
from heli.demo.load import follow, of, send
from heli.demo.province.sheets import Province
from heli.demo.province.world import PREFECTURES
from heli.demo.story import Story, must

_LIMIT: Final = 200


def tickets(story: Story, cast: Cast, province: Province) -> None:
    """Load the tickets and dispatch each by the responsibility matrix."""
    sheets = of(province, "clues")
    taken = follow(story, "clues", send(cast, sheets))
    done: Counter[str] = Counter()
    refused: list[object] = []
    for region in PREFECTURES:
        lead = cast.lead(f"commerce-{region}")
        mine = lead.list("/clues", source="hotline", state="registered", limit=_LIMIT)
        waiting = [clue["id"] for clue in mine]
        for start in range(0, len(waiting), _LIMIT):
            body = {"clues": waiting[start : start + _LIMIT], "reason": "按责任清单派单"}
            answer = lead.post("/clues:dispatch", body)
            done.update(one["lead"] for one in answer["items"] if one["done"])
            refused += [one["problem"] for one in answer["items"] if not one["done"]]
    must(done.total() == taken["accepted"], f"every ticket is dispatched: {done}")
    must(not refused, f"every ticket is routed: {refused[:2]}")
    late = cast.admin.get("/clues:summary")
    story.step(
        "12345 热线",
        "工单按责任清单分办到牵头部门，理由和时限随工单一起",
        "tickets are sent to whom the responsibility matrix names, each with reason and due time",
        tickets=taken["accepted"],
        leads="，".join(f"{lead} {count}" for lead, count in sorted(done.items())),
        overdue=late["overdue"],
        same_matter=f"{len(province.same_matter)}，尚未合并 not joined yet",
    )
