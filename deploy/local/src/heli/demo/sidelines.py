"""What goes wrong on the way, and how it shows: wrong codes, and a visit that cannot be made."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from heli.client import Client
from heli.demo.cast import Cast
from heli.demo.province.world import ITEM, Station, World
from heli.demo.story import Story, must, wait_for
from kit.workdays import NATIONAL


@dataclass(frozen=True, slots=True)
class Sidelines:
    """The scenes beside the journey; `station` is another one than the journey's."""

    story: Story
    cast: Cast
    world: World
    station: Station

    def play(self) -> None:
        """Play them all."""
        self._region_adds()
        wrong = self._wrong_codes()
        self._refused(wrong)
        self._target(wrong)

    def _region_adds(self) -> None:
        """Let a prefecture add a cooperating line within its own region only (art. 五)."""
        duty = {"stage": "daily", "line": "transport", "role": "cooperate"}
        body = {"item": ITEM, "region": "330300", "basis": "示例：丙市职责分工", "duties": [duty]}
        made = self.cast.admin.post("/responsibilities", body)
        ask = {"item": ITEM, "stage": "daily"}
        here = self.cast.admin.get("/responsibilities:resolve", **ask, region="330302")
        there = self.cast.admin.get("/responsibilities:resolve", **ask, region="330106")
        must("transport-330300" in here["cooperators"], "the prefecture's addition holds there")
        must("transport-330100" not in there["cooperators"], "and nowhere else")
        self.story.step(
            "丙市",
            "在本市增加交通运输部门配合，只在本市有效",
            "adds a cooperating department, within its own region only",
            responsibility=made["id"],
        )

    def _wrong_codes(self) -> str:
        """Send a wrong code: it lands on a provisional subject, computed alike everywhere."""
        last = "0" if self.station.code[-1] != "0" else "1"
        code = self.station.code[:-1] + last
        today = self.world.today
        row = {"stream": "verification", "code": code, "region": self.station.region, "value": 1}
        rows = [row | {"from": (today - timedelta(days=40)).isoformat()}]
        taken = self.cast.system("market-330100").post("/signals", {"rows": rows})
        must(taken["provisional"] == 1, f"a wrong code is provisional: {taken}")
        found = wait_for(
            "credit-service lists the provisional subject",
            lambda: next(
                (s for s in self.cast.admin.list("/provisional-subjects") if s["raw"] == code), None
            ),
        )
        self.story.step(
            "甲市市场监管局",
            "报来的一条数据代码校验位有误：列为待核实主体，不猜测、不合并",
            "sent a row with a wrong code: a provisional subject, never guessed and never merged",
            subject=found["id"],
            fault=found["fault"],
        )
        return code

    def _refused(self, code: str) -> None:
        """Ask for a visit that cannot be made: it is refused with its reason."""
        lead = self.cast.person("甲市商务局负责人")
        clue = lead.post(
            "/clues",
            {
                "item": ITEM,
                "region": "330106",
                "code": code,
                "name": self.station.name,
                "summary": "群众反映加油量不足（示例）",
            },
        )
        path = f"/clues/{clue['id']}"
        lead.post(f"{path}:dispatch", {"reason": "按职责分办"})
        self.cast.person("甲市商务局经办人").post(f"{path}:sign", {})
        free = _rest_days(self.world.today)
        asked = {
            "from": free.isoformat(),
            "to": (free + timedelta(days=1)).isoformat(),
            "reason": "休息日核查",
        }
        lead.post(f"{path}:request-visit", asked)
        visit = wait_for("the visit is refused", lambda: _refusal(lead, path))
        self.story.step(
            "joint-inspection",
            "只给两个休息日：不予安排，并说明理由",
            "was asked for two days off only: refused, with the reason",
            clue=clue["id"],
            code=visit["code"],
        )

    def _target(self, code: str) -> None:
        """Enter a place whose code is wrong: the same provisional subject is met again."""
        target = self.cast.person("甲市商务局负责人").post(
            "/targets",
            {
                "name": self.station.name,
                "region": "330106",
                "entity": code,
                "address": self.station.address,
                "item": ITEM,
            },
        )
        self.story.step(
            "甲市商务局",
            "名录里同样的错码：仍是待核实主体",
            "entered a target with the same wrong code: provisional again",
            target=target["id"],
            subject=target["entity"],
        )


def _refusal(client: Client, path: str) -> dict[str, Any] | None:
    visits = client.get(path)["visits"]
    return next((visit for visit in visits if visit["state"] == "refused"), None)


def _rest_days(today: date) -> date:
    """Find the first of two days off in a row, a week from now or later (make-up days work)."""
    day = today + timedelta(days=7)
    while NATIONAL.working(day) or NATIONAL.working(day + timedelta(days=1)):
        day += timedelta(days=1)
    return day
