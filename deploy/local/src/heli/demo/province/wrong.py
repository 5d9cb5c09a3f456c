"""Wrong codes: four stations in a hundred are written wrongly by one department, always alike."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from random import Random  # noqa: TID251 - a seeded world, not a secret
from typing import Final

from heli.demo.province.planted import Plan
from heli.demo.province.world import Station, World

_SHARE: Final = 0.04
_LINES: Final = ("commerce", "tax", "market")
_FIRST: Final = 8  # what is slipped on is the part that differs from station to station
_LAST: Final = 16


@dataclass(frozen=True, slots=True)
class WrongCodes:
    """Who writes which station how, by the station's number and the line."""

    written: Mapping[tuple[int, str], str]

    def of(self, station: Station, line: str) -> str:
        """Give the code as a line writes it."""
        return self.written.get((station.number, line), station.code)

    def right(self, world: World, silent: Collection[str]) -> dict[str, str]:
        """Give the right code of each wrong one that is sent."""
        codes = {one.number: one.code for one in world.stations}
        return {
            wrong: codes[number]
            for (number, line), wrong in self.written.items()
            if line not in silent
        }


def choose(world: World, plan: Plan) -> WrongCodes:
    """Choose whose code is written wrongly; the journey's station is written rightly."""
    dice = Random(world.seed * 104_729 + 3)  # noqa: S311 - reproducible on purpose
    count = round(len(world.stations) * _SHARE)
    stations = dice.sample([one for one in world.stations if one.number != plan.first], count)
    written: dict[tuple[int, str], str] = {}
    for station in stations:
        wrong = _slip(station.code, dice)
        while wrong in written.values():
            wrong = _slip(station.code, dice)
        written[station.number, dice.choice(_LINES)] = wrong
    return WrongCodes(written)


def _slip(code: str, dice: Random) -> str:
    """Exchange two neighbours that differ, or write another digit; no check digit bears either."""
    places = [at for at in range(_FIRST, _LAST - 1) if code[at] != code[at + 1]]
    if places and dice.random() < 0.5:  # noqa: PLR2004 - one slip is as frequent as the other
        at = dice.choice(places)
        return code[:at] + code[at + 1] + code[at] + code[at + 2 :]
    at = dice.randrange(_FIRST, _LAST)
    other = dice.choice([digit for digit in "0123456789" if digit != code[at]])
    return code[:at] + other + code[at + 1 :]
