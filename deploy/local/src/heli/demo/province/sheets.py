"""The province as it is sent: one file after another, by each department in its own manner."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from random import Random  # noqa: TID251 - a seeded world, not a secret

from heli.demo.province import (
    dated,
    dialects,
    directory,
    planted,
    streams,
    tickets,
    visits,
    window,
    world,
    wrong,
)
from heli.demo.province.dialects import CSV, NDJSON
from heli.demo.province.planted import Plan, Truth
from heli.demo.province.sending import Seen, Sending
from heli.demo.province.sheet import Sheet
from heli.demo.province.streams import Case
from heli.demo.province.window import Window
from heli.demo.province.world import World

__all__ = ["Province", "Sheet", "Truth", "make"]


@dataclass(frozen=True, slots=True)
class Province:
    """A world, what is sent of it in the order of sending, and what is true, which never is.

    `wrong_codes`: code as sent → right code; `same_matter`: tickets that tell what another told.
    """

    world: World
    sheets: tuple[Sheet, ...]
    truth: tuple[Truth, ...]
    months: tuple[date, ...]
    wrong_codes: Mapping[str, str]
    same_matter: tuple[str, ...]
    silent: tuple[str, ...] = ()


def make(seed: int, today: date, stations: int, silent: Collection[str] = ()) -> Province:
    """Make a province; the lines in `silent` send no signals at all."""
    place = world.make(seed, today, stations)
    year = window.Window.before(today)
    plan = planted.plan(place, year)
    codes = wrong.choose(place, plan)
    dice = Random(seed * 49_979_687 + 11)  # noqa: S311 - reproducible on purpose
    signals = Sending(_look(place, plan, year), year, codes, dice).sheets()
    hotline, again = _hotline(place, plan)
    return Province(
        world=place,
        sheets=(
            *directory.sheets(place),
            *_visits(place, plan),
            *(one for one in signals if str(one.department).partition("-")[0] not in silent),
            hotline,
        ),
        truth=planted.truth(place, plan, year, silent),
        months=year.months,
        wrong_codes=codes.right(place, silent),
        same_matter=again,
        silent=tuple(sorted(silent)),
    )


def _look(place: World, plan: Plan, year: Window) -> list[Seen]:
    weights = streams.weights(year, Random(place.seed))  # noqa: S311 - reproducible on purpose
    found = []
    for station in place.stations:
        dice = Random(place.seed * 1_000_003 + station.number)  # noqa: S311 - reproducible
        innocent, since = plan.innocent.get(station.number, (None, None))
        case = Case(station, plan.problems.get(station.number), innocent, since)
        found.append(
            Seen(
                station=station,
                flows=streams.flows(case, weights, year, dice),
                gauge=dated.gauge(case, year, dice),
                licences=dated.licences(case, year, dice),
                verified=dated.verified(case, year, dice),
            )
        )
    return found


def _visits(place: World, plan: Plan) -> Iterator[Sheet]:
    for by, rows in sorted(visits.made(place, plan).items()):
        name = dialects.file_name("本年度已实施检查", by, "ndjson")
        yield Sheet(by, "visits", name, NDJSON, dialects.ndjson(rows), len(rows))


def _hotline(place: World, plan: Plan) -> tuple[Sheet, tuple[str, ...]]:
    calls, again = tickets.told(place, plan)
    rows = [one.cells for one in calls]
    body = dialects.csv(tickets.HEADING, rows, dialects.manner("12345"))
    return Sheet(None, "clues", "12345热线工单.csv", CSV, body, len(rows)), again
