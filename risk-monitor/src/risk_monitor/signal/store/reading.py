"""SQL of signals, reading: all that was told of some subjects, and single signals."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Row as SqlRow
from sqlalchemy import Select, Text, any_, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.errors import NotFound
from contracts.item_registry import RegionId
from contracts.risk_monitor import SignalId
from risk_monitor.indicator.domain.flows import Reading
from risk_monitor.schema import cursor
from risk_monitor.signal.tables import signal, signal_past


class Told(NamedTuple):
    """What was told of a subject: where it was last, and its readings by stream, ascending."""

    region: RegionId
    at: datetime
    readings: dict[str, list[Reading]]


# The order is the unique key's, so that nothing is sorted; a driver's row costs a tenth of a
# wrapped one, and there are seventy of them a subject. From `id` on they are a Reading's fields.
_OF_SUBJECTS = b"""
    SELECT subject, stream, region, id, source, product, value, "from", "to", received_at,
        ("from" AT TIME ZONE 'Asia/Shanghai')::date, ("to" AT TIME ZONE 'Asia/Shanghai')::date
    FROM signal WHERE subject = ANY(%b) ORDER BY subject, stream, "from"
"""


async def told(tx: AsyncConnection, ids: Iterable[str]) -> dict[str, Told]:
    """Give all signals of some subjects by the id that they came under."""
    async with cursor(tx, binary=True) as opened:
        await opened.execute(_OF_SUBJECTS, [sorted(set(ids))])
        rows = await opened.fetchall()
    found: dict[str, Told] = {}
    for (subject, stream), several in groupby(rows, key=itemgetter(0, 1)):
        own = list(several)
        region, at = own[-1][2], own[-1][7]
        before = found.get(subject)
        readings = before.readings if before else {}
        readings[stream] = [Reading._make(row[3:]) for row in own]
        if before is None or at >= before.at:
            found[subject] = Told(region, at, readings)
    return found


def together(several: Sequence[Told]) -> Told:
    """Put what came under several ids together."""
    if len(several) == 1:
        return several[0]
    latest = max(several, key=lambda one: one.at)
    streams = sorted({stream for one in several for stream in one.readings})
    readings = {
        stream: sorted(
            (r for one in several for r in one.readings.get(stream, ())),
            key=lambda r: (r.from_, r.id),
        )
        for stream in streams
    }
    return latest._replace(readings=readings)


async def standing_of(tx: AsyncConnection, ids: Iterable[str]) -> set[str]:
    """Give those of some signals that stand."""
    # One array and not a parameter each: a statement takes 65,535, warnings rest on more.
    wanted = literal(sorted(set(ids)), ARRAY(Text))
    query = select(signal.c.id).where(signal.c.id == any_(wanted))
    return set((await tx.execute(query)).scalars())


_SHOWN = tuple(
    signal.c[name]
    for name in (
        *("source", "stream", "subject", "product", "value", "sent_value", "sent_unit"),
        *("region", "job", "received_at", "revision"),
    )
)


def shown_query() -> Select[Any]:
    """Select signals as a list shows them, in the order of their period."""
    return select(signal.c["from"], signal.c.id, signal.c["to"], *_SHOWN)


LIST_ORDER = (signal.c["from"], signal.c.id)


def listed(
    *,
    subjects: Collection[str] = (),
    stream: str | None = None,
    span: tuple[datetime | None, datetime | None],
) -> Select[Any]:
    """Ask for signals of subjects and a stream whose period touches a span."""
    query = shown_query()
    since, until = span
    if subjects:
        query = query.where(signal.c.subject.in_(list(subjects)))
    if stream is not None:
        query = query.where(signal.c.stream == stream)
    if since is not None:
        query = query.where((signal.c["to"] > since) | (signal.c["from"] >= since))
    if until is not None:
        query = query.where(signal.c["from"] < until)
    return query


async def get(tx: AsyncConnection, id_: SignalId) -> SqlRow[Any]:
    """Read one; raises NotFound, also when out of scope."""
    row: SqlRow[Any] | None = (
        await tx.execute(shown_query().where(signal.c.id == id_))
    ).one_or_none()
    if row is None:
        raise NotFound(signal=id_)
    return row


async def past(tx: AsyncConnection, id_: SignalId) -> list[dict[str, Any]]:
    """Give the values that stood before a signal was corrected, oldest first."""
    names = ("value", "job", "received_at")
    query = select(*(signal_past.c[name] for name in names)).filter_by(signal=id_)
    return [row._asdict() for row in await tx.execute(query.order_by(signal_past.c.revision))]
