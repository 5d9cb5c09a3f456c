"""Wrong codes: an officer looks at each provisional subject and says which entity it is."""

from typing import Any, Final

from heli.demo.cast import Cast
from heli.demo.province.sheets import Province
from heli.demo.story import Story, must, wait_for

_SIGHTED: Final = "risk-monitor"


def resolve(story: Story, cast: Cast, province: Province) -> None:
    """Resolve every wrong code that has exactly one candidate; the others stay as they are.

    A wrong code that happens to be a person's number is shown to nobody, so it stays too.
    """
    wrong = province.wrong_codes
    seen: list[dict[str, Any]] = wait_for(
        "credit-service lists every wrong code", lambda: _seen(cast, len(wrong))
    )
    done = 0
    for subject in seen:
        candidates = subject["candidates"]
        if len(candidates) != 1:
            continue
        chosen, right = candidates[0]["entity"], wrong[subject["raw"]]
        must(chosen == f"uscc-{right}", f"{subject['raw']} is {right}, not {chosen}")
        body = {"entity": chosen, "reason": "代码仅一字之差，名称与地址相符（示例）"}
        cast.admin.post(f"/provisional-subjects/{subject['id']}:resolve", body)
        done += 1
    story.step(
        "数据管理员",
        "逐个核实代码有误的主体：只差一字且候选唯一的，由人确认归并",
        "looked at every wrong code: one slip and one candidate, so a person says who it is",
        wrong=len(wrong),
        resolved=done,
        left=len(seen) - done,
    )


def _seen(cast: Cast, wrong: int) -> list[dict[str, Any]] | None:
    rows = cast.admin.list("/provisional-subjects", limit=200)
    found = [row for row in rows if row["sighted_by"] == _SIGHTED]
    return found if len(found) == wrong else None
