"""SQL of sources, and their streams from the policy table."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from kit import policy
from kit.db import dealing
from risk_monitor.indicator.domain.months import month_of
from risk_monitor.source.domain import Stream, StreamKind
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


async def hear(tx: AsyncConnection, said: Iterable[Said]) -> list[tuple[str, str, date]]:
    """Note of which months sources spoke; gives what is new: source, stream, month."""
    said = list(said)
    now = dealing(tx).now
    counts = Counter((one.source, one.stream, month_of(one.first)) for one in said)
    if not counts:
        return []
    last: dict[tuple[str, str, date], date] = {}
    for one in said:
        key = (one.source, one.stream, month_of(one.first))
        last[key] = max(last.get(key, key[2]), one.to)
    c = heard.c
    pairs = {(source, stream) for source, stream, _ in counts}
    before = select(c.source, c.stream, c.month)
    before = before.where(tuple_(c.source, c.stream).in_(sorted(pairs)))
    known = {(source, stream, month) for source, stream, month in await tx.execute(before)}
    put = insert(heard)
    put = put.on_conflict_do_update(
        index_elements=[c.source, c.stream, c.month],
        set_={
            "last_to": func.greatest(c.last_to, put.excluded.last_to),
            "last_received": put.excluded.last_received,
            "rows": c.rows + put.excluded.rows,
        },
    )
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
    await tx.execute(put, rows)
    return sorted(counts.keys() - known)


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
