"""The physics of a station, and what the departments see of it.

A station sells every day, is supplied in loads and keeps a stock that is never negative; with
what stock the twelve months begin, nobody is told. The pumps are metered by the week; purchases
are invoiced and sales declared by the month. A month's noise is 2 to 3 %: pumps drift a little,
an invoice is dated a month later, a declaration leaves something out or takes something in.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random  # noqa: TID251 - a seeded world, not a secret
from typing import Final

from heli.demo.province.planted import Innocent, Kind, Planted
from heli.demo.province.window import Window
from heli.demo.province.world import Station

# kg/L at the pump; each supplier's and each batch's fuel lies half a per cent around it.
DENSITIES: Final = {"gasoline92": 0.742, "gasoline95": 0.748, "diesel0": 0.835}
_BATCH: Final = 0.005
_CLOSED_DAYS: Final = 14
_SLIP: Final = 0.12
_FRIDAY: Final = 4


@dataclass(frozen=True, slots=True)
class Case:
    """A station with its problem, or with what only looks like one, if any."""

    station: Station
    problem: Planted | None
    innocent: Innocent | None
    since: date | None


@dataclass(frozen=True, slots=True)
class Flows:
    """Litres: metered by week, invoiced and declared by month; kg/L of each month's fuel.

    `sold` and `stock` (at the end of each month) are the truth behind them, which nobody sends.
    """

    metered: list[int]
    invoiced: list[float]
    declared: list[float]
    density: list[float]
    sold: list[float]
    stock: list[float]


def weights(window: Window, dice: Random) -> list[float]:
    """Say how much is sold on each day against an ordinary one: weekends, seasons, chance."""
    found = []
    for number in range(window.days):
        day = window.start + timedelta(days=number)
        weekend = 1.12 if day.weekday() > _FRIDAY else 1.0
        season = 1 + 0.05 * math.sin(day.timetuple().tm_yday / 58)
        found.append(weekend * season * dice.uniform(0.95, 1.05))
    return found


def flows(case: Case, the_weights: Sequence[float], window: Window, dice: Random) -> Flows:
    """Play a station's twelve months."""
    daily = _daily(case, the_weights, window, dice)
    sold = [sum(daily[span.first : span.end]) for span in window.spans]
    bought, stock = _supplied(case, sold, window, dice)
    drift = dice.uniform(0.997, 1.003)
    base = DENSITIES[case.station.product] * dice.uniform(1 - _BATCH, 1 + _BATCH)
    return Flows(
        metered=[
            round(sum(daily[week.first : week.end]) * drift * dice.gauss(1, 0.01))
            for week in window.weeks
        ],
        invoiced=_invoiced(case, bought, window, dice),
        declared=_declared(case, sold, window, dice),
        density=[base * dice.uniform(1 - _BATCH, 1 + _BATCH) for _ in window.months],
        sold=sold,
        stock=stock,
    )


def _daily(case: Case, the_weights: Sequence[float], window: Window, dice: Random) -> list[float]:
    litres, chance = case.station.litres_a_day, dice.random
    daily = [litres * weight * (0.8 + 0.4 * chance()) for weight in the_weights]
    if case.since and case.innocent in {Innocent.CLOSED, Innocent.GAUGE_CLOSED}:
        first = (case.since - window.start).days
        daily[first : first + _CLOSED_DAYS] = [0.0] * _CLOSED_DAYS
    return daily


def _supplied(
    case: Case, sold: Sequence[float], window: Window, dice: Random
) -> tuple[list[float], list[float]]:
    """Give what is bought in each month, in whole loads, and the stock at its end."""
    a_day = case.station.litres_a_day
    load = max(5000, round(a_day * dice.uniform(1, 2), -3))
    cover = dice.uniform(4, 8)
    stock = a_day * max(1.0, cover + dice.gauss(0, 1))
    bought, left = [], []
    for month, litres in zip(window.months, sold, strict=True):
        aim = max(1.0, cover + dice.gauss(0, 0.8))
        if case.innocent is Innocent.STOCKED and month == case.since:
            aim += dice.uniform(6, 10)
        loads = max(0, math.ceil((litres + a_day * aim - stock) / load))
        stock += loads * load - litres
        bought.append(float(loads * load))
        left.append(stock)
    return bought, left


def _share(case: Case, kinds: Sequence[Kind], month: date) -> float:
    """Give which part of a month's amount is shown."""
    problem = case.problem
    if problem is None or problem.kind not in kinds or not problem.began <= month < problem.ended:
        return 1.0
    return 1.0 - problem.share


def _invoiced(case: Case, bought: Sequence[float], window: Window, dice: Random) -> list[float]:
    """Date some invoices of each month in the next one; leave out what is bought without any."""
    found = []
    late = case.station.litres_a_day * 30 * min(0.06, abs(dice.gauss(0, 0.02)))
    for month, litres in zip(window.months, bought, strict=True):
        later = litres * min(0.06, abs(dice.gauss(0, 0.02)))
        dated = (litres + late - later) * dice.gauss(1, 0.003)
        late = later
        found.append(dated * _share(case, (Kind.SOLD_OVER,), month))
    return found


def _declared(case: Case, sold: Sequence[float], window: Window, dice: Random) -> list[float]:
    sigma = dice.uniform(0.02, 0.029)
    kinds = (Kind.DECLARED_20, Kind.DECLARED_10)
    found = [
        litres * _share(case, kinds, month) * dice.gauss(1, sigma)
        for month, litres in zip(window.months, sold, strict=True)
    ]
    if case.since and case.innocent is Innocent.SLIP:
        slipped = window.month_of(case.since)
        left_out = found[slipped] * _SLIP
        found[slipped] -= left_out
        found[slipped + 1] += left_out
    return found
