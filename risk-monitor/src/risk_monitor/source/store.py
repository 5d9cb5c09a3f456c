"""SQL of sources, and their streams from the policy table."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache

from sqlalchemy import exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from kit import policy
from kit.db import dealing
from risk_monitor.indicator.domain.months import month_of, months_later
from risk_monitor.schema import put_all
from risk_monitor.source.domain import Density, Scales, Stream, StreamKind
from risk_monitor.source.tables import heard

_PACKAGE = "risk_monitor"


@dataclass(frozen=True, slots=True)
class Said:
    """A source spoke in a stream, of days from the first up to another."""

    source: str
    stream: str
    first: date
    to: date


def streams_on(day: date) -> dict[str, Stream]:
    """Read the streams declared for a day."""
    rows = policy.all_in_force(policy.load(_PACKAGE), "stream", day)
    return {one.id: one for one in map(_stream, rows)}


def _stream(row: policy.Row) -> Stream:
    values = row.values
    return Stream(
        id=row.key.removeprefix("stream."),
        kind=StreamKind(values["kind"]),
        unit=values["unit"],
        line=values["line"],
        values=tuple(float(value) for value in values.get("values", ())),
        expected_days=values.get("expected_days"),
        grace_days=values.get("grace_days", 0),
    )


@cache
def scales() -> Scales:
    """Read the units and products that rows may be sent in, of all days."""
    rows = policy.load(_PACKAGE)
    units = [(row.key.removeprefix("unit."), row) for row in rows if row.key.startswith("unit.")]
    products = [
        (row.key.removeprefix("density."), row) for row in rows if row.key.startswith("density.")
    ]
    return Scales(
        units={name: id_ for id_, row in units for name in row.values["names"]},
        kg={id_: float(row.values["kg"]) for id_, row in units if "kg" in row.values},
        products={name: id_ for id_, row in products for name in row.values["names"]},
        densities=tuple(
            Density(id_, float(row.values["kg_per_litre"]), row.from_, row.to)
            for id_, row in products
        ),
    )


async def hear(tx: AsyncConnection, said: Iterable[Said]) -> None:
    """Note of which months sources spoke; what is new to one is not yet told to its subjects."""
    now = dealing(tx).now
    last: dict[tuple[str, str, date], date] = {}
    counts: Counter[tuple[str, str, date]] = Counter()
    for one in said:
        key = (one.source, one.stream, month_of(one.first))
        counts[key] += 1
        last[key] = max(last.get(key, key[2]), one.to)
    rows = [
        {
            "source": source,
            "stream": stream,
            "month": month,
            "last_to": last[source, stream, month],
            "last_received": now,
            "rows": counts[source, stream, month],
        }
        for source, stream, month in sorted(counts)
    ]
    change = {
        "last_to": "greatest(heard.last_to, excluded.last_to)",
        "last_received": "excluded.last_received",
        "rows": "heard.rows + excluded.rows",
    }
    await put_all(tx, heard, rows, key=("source", "stream", "month"), change=change)


@dataclass(frozen=True, slots=True)
class News:
    """What sources spoke of that was new to them, since it was told last.

    `events` are the months of what recurs, by source and stream; `since` is the month before the
    first that nobody spoke of until now, for that one is over.
    """

    events: dict[tuple[str, str], date]
    since: date | None


async def untold(tx: AsyncConnection) -> bool:
    """Say whether somebody is to be told of a month that a source spoke of."""
    return bool((await tx.execute(select(exists().where(~heard.c.told)))).scalar_one())


async def tell(tx: AsyncConnection, on: date) -> News:
    """Give what is new, once."""
    if not await untold(tx):
        return News({}, None)
    kinds = {id_: one.kind for id_, one in streams_on(on).items()}
    lasting = [id_ for id_, kind in kinds.items() if kind is StreamKind.VALIDITY]
    c = heard.c
    last = select(func.max(c.month)).where(c.told, c.stream.not_in(lasting))
    known = (await tx.execute(last)).scalar_one_or_none() or date.min
    fresh = heard.update().where(~c.told).values(told=True)
    rows = (await tx.execute(fresh.returning(c.source, c.stream, c.month))).all()
    events: dict[tuple[str, str], date] = {}
    for source, stream, month in rows:
        if kinds.get(stream) is StreamKind.EVENT:
            events[source, stream] = min(events.get((source, stream), month), month)
    further = [month for _, stream, month in rows if stream not in lasting and month > known]
    return News(events, months_later(min(further), -1) if further else None)


async def heard_months(tx: AsyncConnection) -> dict[tuple[str, str], frozenset[date]]:
    """Say of which months each source spoke, by stream and source."""
    months: dict[tuple[str, str], set[date]] = {}
    query = select(heard.c.stream, heard.c.source, heard.c.month)
    for stream, source, month in await tx.execute(query):
        months.setdefault((stream, source), set()).add(month)
    return {key: frozenset(found) for key, found in months.items()}


async def sources(tx: AsyncConnection) -> list[tuple[str, str, date, datetime, int]]:
    """Give each source and stream with its last day, when it last sent, and its rows."""
    c = heard.c
    query = (
        select(
            c.source,
            c.stream,
            func.max(c.last_to),
            func.max(c.last_received),
            func.sum(c.rows),
        )
        .group_by(c.source, c.stream)
        .order_by(c.stream, c.source)
    )
    return [(a, b, to, at, int(rows)) for a, b, to, at, rows in await tx.execute(query)]
