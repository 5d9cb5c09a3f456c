"""Twelve months of monitoring data for the demo's stations, with planted problems and their truth.

Physics first: a station sells every day, buys in loads and keeps a stock that is never negative.
What departments see of that is metered by the week, invoiced and declared by the month, with
noise. Planted problems change what is seen or done; the truth is kept apart and never loaded.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from random import Random  # noqa: TID251 - a seeded world, not a secret
from typing import Final

from heli.demo.world import ZONE, Station, World

MONTHS: Final = 12
KINDS: Final = (
    "declared_under_metered",
    "sold_over_invoiced",
    "gauge_off_with_sales",
    "licence_expired_with_sales",
    "verification_overdue",
)
_CHINA: Final = timezone(timedelta(hours=8))
_CYCLE: Final = timedelta(days=172)

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Planted:
    """One problem: its kind, the first month (from 0) and for how many months."""

    kind: str
    first: int
    months: int
    share: float


@dataclass(frozen=True, slots=True)
class Data:
    """What each department sends, and what is true (station's code, kind)."""

    files: Mapping[str, list[Row]]
    truth: frozenset[tuple[str, str]]
    months: tuple[date, ...]


@dataclass(slots=True)
class _Sending:
    files: dict[str, list[Row]] = field(default_factory=dict)

    def add(self, department: str, row: Row) -> None:
        self.files.setdefault(department, []).append(row)


@dataclass(frozen=True, slots=True)
class _Plan:
    """Over which months data are made, and where they go."""

    months: tuple[date, ...]
    today: date
    sending: _Sending


def months_before(today: date) -> tuple[date, ...]:
    """Give the first days of the 12 months that end with the last full one before a day."""
    last = today.year * 12 + today.month - 1
    return tuple(date(n // 12, n % 12 + 1, 1) for n in range(last - MONTHS, last))


def after(month: date) -> date:
    """Give the first day of the next month."""
    return (month + timedelta(days=32)).replace(day=1)


def plant(world: World) -> dict[int, Planted]:
    """Choose which stations have which problem: six in a hundred, every kind at least once."""
    dice = Random(world.seed * 7919 + 1)  # noqa: S311 - reproducible on purpose
    count = max(len(KINDS), len(world.stations) * 6 // 100)
    # The journey is told about the first one, in the prefecture whose officers play.
    first = dice.choice([one.number for one in world.stations if one.prefecture == "330100"])
    others = [one.number for one in world.stations if one.number != first]
    chosen = [first, *dice.sample(others, count - 1)]
    planted = {}
    for place, number in enumerate(chosen):
        kind = KINDS[place % len(KINDS)]
        months = 1 if kind in {"gauge_off_with_sales", "licence_expired_with_sales"} else 3
        first = MONTHS - months - dice.randint(0, 2)
        planted[number] = Planted(kind, first, months, dice.uniform(0.24, 0.34))
    return planted


def make(world: World) -> Data:
    """Make everything that the departments send of a world."""
    months = months_before(world.today)
    planted = plant(world)
    sending = _Sending()
    plan = _Plan(months, world.today, sending)
    for station in world.stations:
        dice = Random(world.seed * 1_000_003 + station.number)  # noqa: S311 - reproducible
        problem = planted.get(station.number)
        _flows(station, dice, problem, plan)
        _gauge(station, dice, problem, plan)
        _licence(station, problem, plan)
        _verification(station, dice, problem, plan)
    codes = {station.number: station.code for station in world.stations}
    truth = frozenset((codes[number], problem.kind) for number, problem in planted.items())
    return Data(sending.files, truth, months)


def _of(station: Station, line: str) -> str:
    place = "330200" if (line, station.region) == ("tax", ZONE) else station.prefecture
    return f"{line}-{place}"


def _hit(problem: Planted | None, kind: str, month: int) -> bool:
    if problem is None or problem.kind != kind:
        return False
    return problem.first <= month < problem.first + problem.months


def _seen(problem: Planted | None, kind: str, month: int) -> float:
    """Give which share of an amount the departments are shown."""
    return 1 - problem.share if problem and _hit(problem, kind, month) else 1


def _flows(station: Station, dice: Random, problem: Planted | None, plan: _Plan) -> None:
    months, today, sending = plan.months, plan.today, plan.sending
    sold = dict(_daily(station, dice, months[0] - timedelta(days=months[0].weekday()), today))
    row = {"code": station.code, "region": station.region, "unit": "L"}
    commerce, tax = _of(station, "commerce"), _of(station, "tax")
    start = min(sold)
    while start < today:
        end = min(start + timedelta(days=7), today)
        week = sum(sold[start + timedelta(days=n)] for n in range((end - start).days))
        value = round(week * dice.gauss(1, 0.01))
        sending.add(commerce, row | {"stream": "metered", **_span(start, end), "value": value})
        start = end
    stock = 0.0
    for number, month in enumerate(months):
        amount = sum(litres for day, litres in sold.items() if month <= day < after(month))
        bought = amount - stock + (wanted := amount * dice.uniform(0.03, 0.2))
        stock = wanted
        seen = _seen(problem, "sold_over_invoiced", number)
        invoiced = round(bought * seen * dice.gauss(1, 0.004))
        said = (
            1 - problem.share if problem and _hit(problem, "declared_under_metered", number) else 1
        )
        declared = round(amount * said * dice.gauss(1, 0.02))
        span = _span(month, after(month))
        sending.add(tax, row | {"stream": "invoiced", **span, "value": invoiced})
        sending.add(tax, row | {"stream": "declared", **span, "value": declared})


def _daily(
    station: Station, dice: Random, start: date, today: date
) -> Iterator[tuple[date, float]]:
    day = start
    while day < today:
        weekend = 1.15 if day.weekday() > 4 else 1.0  # noqa: PLR2004 - Saturday and Sunday
        yield day, station.litres_a_day * weekend * dice.uniform(0.8, 1.2)
        day += timedelta(days=1)


def _span(start: date, end: date) -> dict[str, str]:
    return {"from": start.isoformat(), "to": end.isoformat()}


def _gauge(station: Station, dice: Random, problem: Planted | None, plan: _Plan) -> None:
    months, sending = plan.months, plan.sending
    row = {"stream": "gauge", "code": station.code, "region": station.region}
    changes = [(datetime.combine(months[0], datetime.min.time(), _CHINA), 1)]
    for number, month in enumerate(months):
        begins = datetime.combine(month, datetime.min.time(), _CHINA)
        begins += timedelta(days=dice.randint(3, 15), hours=dice.randint(0, 23))
        if _hit(problem, "gauge_off_with_sales", number):
            changes += [(begins, 0), (begins + timedelta(hours=dice.randint(90, 150)), 1)]
        elif dice.random() < 0.05:  # noqa: PLR2004 - a short outage that nobody needs to hear of
            changes += [(begins, 0), (begins + timedelta(hours=dice.randint(2, 12)), 1)]
    for moment, value in changes:
        sending.add(_of(station, "commerce"), row | {"from": moment.isoformat(), "value": value})


def _licence(station: Station, problem: Planted | None, plan: _Plan) -> None:
    months, sending = plan.months, plan.sending
    until = after(months[-1]) + timedelta(days=900)
    if problem and problem.kind == "licence_expired_with_sales":
        until = months[problem.first] + timedelta(days=9)
    span = _span(months[0] - timedelta(days=400), until)
    row = {"stream": "licence", "code": station.code, "region": station.region, "value": 1}
    sending.add(_of(station, "commerce"), row | span)


def _verification(station: Station, dice: Random, problem: Planted | None, plan: _Plan) -> None:
    months, today, sending = plan.months, plan.today, plan.sending
    day = months[0] - timedelta(days=dice.randint(1, 150))
    stops = today
    if problem and problem.kind == "verification_overdue":
        stops = months[problem.first] - _CYCLE
    row = {"stream": "verification", "code": station.code, "region": station.region, "value": 1}
    while day < stops:
        sending.add(_of(station, "market"), row | {"from": day.isoformat()})
        day += _CYCLE
