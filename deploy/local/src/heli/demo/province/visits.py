"""The visits that departments made this year, each for itself: the yearly caps count them."""

from datetime import date, timedelta
from random import Random  # noqa: TID251 - a seeded world, not a secret
from typing import Final

from heli.demo.province import dialects
from heli.demo.province.planted import Plan
from heli.demo.province.world import LINES, Station, World, agency

# line → of a hundred stations, how many were visited 0, 1, 2, 3, 4, 5 times.
_TIMES: Final = {
    "commerce": (34, 30, 21, 12, 2, 1),
    "market": (40, 32, 18, 8, 1, 1),
    "emergency": (50, 28, 15, 5, 1, 1),
}
_DRAWN: Final = 0.15

Row = dict[str, object]


def made(world: World, plan: Plan) -> dict[str, list[Row]]:
    """Give the visits by department; at the journey's station there was one of each at most."""
    dice = Random(world.seed * 15_485_863 + 5)  # noqa: S311 - reproducible on purpose
    newyear = date(world.today.year, 1, 1)
    days = (world.today - newyear).days
    found: dict[str, list[Row]] = {}
    for station in world.stations:
        most = min(days, 1 if station.number == plan.first else days)
        for line, shares in _TIMES.items():
            times = dice.choices(range(len(shares)), shares)[0]
            department = agency(station, line)
            for number in sorted(dice.sample(range(days), min(times, most))):
                day = newyear + timedelta(days=number)
                found.setdefault(department, []).append(_row(station, department, day, dice))
    return found


def _row(station: Station, department: str, day: date, dice: Random) -> Row:
    """Write a visit; it was about a department's own item, not about the one that all share."""
    return {
        "department": department,
        "entity": station.code,
        "name": dialects.name(station, department),
        "region": station.region,
        "on": day.isoformat(),
        "kind": "drawn" if dice.random() < _DRAWN else "daily",
        "codes14": [LINES[department.partition("-")[0]][1]],
    }
