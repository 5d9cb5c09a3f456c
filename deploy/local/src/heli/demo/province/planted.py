"""What goes wrong at which station, what only looks as if it did, and what is true in the end.

The planted problems are the six kinds of the demo's contract. The figures that they go beyond are
those of the field (10 % and 20 % of volume, 1.05 times the invoiced purchases, 72 hours without a
gauge, the licence's last day, six months between verifications); by how much is drawn.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from random import Random  # noqa: TID251 - a seeded world, not a secret
from typing import Final

from heli.demo.province.window import MONTHS, Window
from heli.demo.province.world import LINES, World

# Market regulation sends nothing from the seventh month on.
SILENT_FROM: Final = 6
SILENT_LINE: Final = "market"
GAUGE_HOURS: Final = 72
CYCLE: Final = timedelta(days=184)  # the longest six months


class Kind(StrEnum):
    """The planted kinds."""

    DECLARED_20 = "declared_20_for_2"
    DECLARED_10 = "declared_10_for_3"
    SOLD_OVER = "sold_over_invoiced"
    GAUGE_OFF = "gauge_off"
    LICENCE = "licence_expired"
    VERIFICATION = "verification_overdue"


class Innocent(StrEnum):
    """What looks like a problem and is none."""

    CLOSED = "closed for two weeks"
    SLIP = "a declaration 12 % low that the next one makes good"
    STOCKED = "stock built up before a holiday"
    GAUGE_60 = "a gauge off for some 60 hours"
    GAUGE_CLOSED = "a gauge off while the station is closed"
    RENEWED_LATE = "a licence renewed in time whose new row is sent late"


# kind → the warning that it should bring, and the lines whose data show it.
WARNS: Final = {
    Kind.DECLARED_20: ("declared_under_metered", ("commerce", "tax")),
    Kind.DECLARED_10: ("declared_under_metered", ("commerce", "tax")),
    Kind.SOLD_OVER: ("sold_over_invoiced", ("commerce", "tax")),
    Kind.GAUGE_OFF: ("gauge_off_with_sales", ("commerce",)),
    Kind.LICENCE: ("licence_expired_with_sales", ("commerce",)),
    Kind.VERIFICATION: ("verification_overdue", ("market",)),
}
_INNOCENT: Final = {
    Innocent.CLOSED: 0.01,
    Innocent.SLIP: 0.002,
    Innocent.STOCKED: 0.02,
    Innocent.GAUGE_60: 0.01,
    Innocent.GAUGE_CLOSED: 0.005,
    Innocent.RENEWED_LATE: 0.01,
}
_PLANTED: Final = 0.03


@dataclass(frozen=True, slots=True)
class Planted:
    """One problem: when it begins and ends, and how far it goes.

    `share` is the part of the amount that is hidden; of a problem of time, by which part of the
    figure (72 hours; 30 days; six months) it goes beyond it.
    """

    kind: Kind
    began: date
    ended: date
    share: float


@dataclass(frozen=True, slots=True)
class Plan:
    """By the station's number: its problem, or what only looks like one (from a day on)."""

    problems: Mapping[int, Planted]
    innocent: Mapping[int, tuple[Innocent, date]]
    first: int


@dataclass(frozen=True, slots=True)
class Truth:
    """One planted problem, never loaded; `why` says why it cannot be known, if so."""

    code: str
    kind: str
    warns: str
    first: date
    months: int
    knowable: bool
    share: float
    why: str


def plan(world: World, window: Window) -> Plan:
    """Choose which stations have which problem: three in a hundred, every kind at least once."""
    dice = Random(world.seed * 7919 + 1)  # noqa: S311 - reproducible on purpose
    # Whom an officer must not inspect has another story than the journey, which is the first's.
    apart = {number for _, number in world.recused}
    at_home = [one.number for one in world.stations if one.prefecture == "330100"]
    first = dice.choice([number for number in at_home if number not in apart])
    others = [one.number for one in world.stations if one.number != first]
    dice.shuffle(others)
    count = max(len(Kind), round(len(world.stations) * _PLANTED))
    chosen = [first, *others[: count - 1]]
    kinds = list(Kind)
    problems = {
        number: _problem(kinds[place % len(kinds)], place // len(kinds), window, dice)
        for place, number in enumerate(chosen)
    }
    left = iter(others[count - 1 :])
    innocent = {
        number: (kind, _day(kind, window, dice))
        for kind, share in _INNOCENT.items()
        for _, number in zip(range(round(len(world.stations) * share)), left, strict=False)
    }
    return Plan(problems, innocent, first)


def truth(
    world: World, the_plan: Plan, window: Window, silent: Collection[str]
) -> tuple[Truth, ...]:
    """Write down what is true; what hangs on a source that is silent cannot be known."""
    codes = {one.number: one.code for one in world.stations}
    found = []
    for number, one in the_plan.problems.items():
        warns, lines = WARNS[one.kind]
        first = window.month_of(one.began)
        last = min(window.month_of(one.ended - timedelta(days=1)), MONTHS - 1)
        why = _why(one, lines, window, silent)
        found.append(
            Truth(
                code=codes[number],
                kind=one.kind.value,
                warns=warns,
                first=window.months[first],
                months=last - first + 1,
                knowable=not why,
                share=one.share,
                why=why,
            )
        )
    return tuple(found)


def _why(one: Planted, lines: Collection[str], window: Window, silent: Collection[str]) -> str:
    for line in lines:
        if line in silent:
            return f"{LINES[line][0]}部门未报送任何数据 {line} sent no data at all"
    if SILENT_LINE in lines and one.began >= window.months[SILENT_FROM]:
        since = window.months[SILENT_FROM].isoformat()[:7]
        name = LINES[SILENT_LINE][0]
        return f"{name}部门自 {since} 起未报送数据 {SILENT_LINE} sent no data from {since} on"
    return ""


def _problem(kind: Kind, nth: int, window: Window, dice: Random) -> Planted:
    match kind:
        case Kind.DECLARED_20:
            months = dice.randint(2, 4)
            first = dice.randint(1, MONTHS - months)
            # The first one is the journey's: plainly wrong, and still going on.
            low, high = (0.23, 0.5) if nth else (0.28, 0.4)
            first = first if nth else MONTHS - months
            return _flow(kind, months, window, first=first, share=dice.uniform(low, high))
        case Kind.DECLARED_10:
            months = dice.randint(3, 6)
            first = dice.randint(1, MONTHS - months)
            return _flow(kind, months, window, first=first, share=dice.uniform(0.13, 0.185))
        case Kind.SOLD_OVER:
            months = dice.randint(3, 6)
            first = dice.randint(1, MONTHS - months)
            return _flow(kind, months, window, first=first, share=dice.uniform(0.12, 0.4))
        case Kind.GAUGE_OFF:
            hours = dice.randint(80, 260)
            day = window.months[dice.randint(1, MONTHS - 1)] + timedelta(days=dice.randint(2, 14))
            ended = day + timedelta(days=hours // 24 + 1)
            return Planted(kind, day, ended, round(hours / GAUGE_HOURS - 1, 4))
        case Kind.LICENCE:
            day = window.months[dice.randint(2, MONTHS - 1)] + timedelta(days=dice.randint(0, 12))
            lasts = dice.choice([dice.randint(25, 120), window.days])
            ended = min(day + timedelta(days=lasts), window.over)
            return Planted(kind, day, ended, round((ended - day).days / 30, 4))
        case Kind.VERIFICATION:
            month = dice.randint(1, 4) if nth % 2 == 0 else dice.randint(SILENT_FROM, MONTHS - 2)
            day = window.months[month] + timedelta(days=dice.randint(0, 12))
            ended = min(day + timedelta(days=dice.randint(35, 110)), window.over)
            return Planted(kind, day, ended, round((ended - day) / CYCLE, 4))


def _flow(kind: Kind, months: int, window: Window, *, first: int, share: float) -> Planted:
    over = (*window.months, window.over)
    return Planted(kind, over[first], over[first + months], round(share, 4))


def _day(kind: Innocent, window: Window, dice: Random) -> date:
    """Give a day on which an innocent thing begins."""
    if kind is Innocent.STOCKED:  # the month before the Spring Festival or the National Day
        return dice.choice([month for month in window.months if month.month in {1, 9}])
    day = window.months[dice.randint(1, MONTHS - 2)] + timedelta(days=dice.randint(2, 20))
    # Tanks are cleaned by whole weeks, which the weekly meter shows as nothing sold at all.
    return day - timedelta(days=day.weekday()) if kind is Innocent.GAUGE_CLOSED else day
