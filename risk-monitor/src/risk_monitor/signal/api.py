"""HTTP in, for a signal and its sources."""

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Annotated, Any

from fastapi import Query, Request
from sqlalchemy import Row as SqlRow

from contracts.errors import TooLarge
from contracts.risk_monitor import (
    Revision,
    Sent,
    SignalId,
    SignalRow,
    Signals,
    SignalsTaken,
    SignalView,
)
from kit import entities
from kit.context import Caller, Now, Tx, router
from kit.deadlines import SHANGHAI, shanghai_day
from kit.faults import parse
from kit.jobs import Row, RowFault
from kit.lists import Asked, Page, page
from kit.rejected import Words
from kit.sheets import Raw
from risk_monitor.signal.domain import subject_id
from risk_monitor.signal.store import reading, writing
from risk_monitor.signal.store.writing import Parcel
from risk_monitor.source import store as sources
from risk_monitor.source.domain import Stream

LIMIT_ROWS = 1000

signals = router("/signals")


@signals.post("")
async def post_signals(body: Signals, request: Request, tx: Tx, caller: Caller) -> SignalsTaken:
    """Take up to 1,000 rows and answer at once; a larger set goes to `/signals:import`."""
    if len(body.rows) > LIMIT_ROWS:
        raise TooLarge(limit=LIMIT_ROWS, got=len(body.rows))
    rows, faults = _read(body.rows)
    taken = await writing.receive(tx, rows, Parcel(caller.department, caller.line))
    faults += taken.faults
    words = Words.of(request.app.state.sentences, request.headers.get("accept-language"))
    shown = sorted(faults, key=lambda fault: fault.row)
    return SignalsTaken(
        accepted=taken.accepted,
        provisional=taken.provisional,
        duplicate=taken.duplicate,
        revised=taken.revised,
        rejected=len({fault.row for fault in faults}),
        faults=[words.fault(one.row, one.column, one.code, one.facts) for one in shown],
    )


def _read(raws: list[dict[str, Any]]) -> tuple[list[Row[SignalRow]], list[RowFault]]:
    rows: list[Row[SignalRow]] = []
    faults: list[RowFault] = []
    for number, raw in enumerate(raws, start=1):
        read = parse(SignalRow, Raw(number, raw))
        if isinstance(read, Row):
            rows.append(read)
        else:
            faults += read
    return rows, faults


@signals.get("")
async def list_signals(
    tx: Tx,
    now: Now,
    asked: Asked,
    subject: str | None = None,
    stream: str | None = None,
    from_: Annotated[date | None, Query(alias="from")] = None,
    to: date | None = None,
) -> Page[SignalView]:
    """List signals by their period; `subject` also finds what its aliases were sent as."""
    span = (_midnight(from_), _midnight(to))
    ids = await entities.same(tx, subject_id(subject)) if subject else ()
    query = reading.listed(subjects=ids, stream=stream, span=span)
    rows, next_ = await page(tx, query, by=reading.LIST_ORDER, asked=asked)
    streams = sources.streams_on(shanghai_day(now))
    return Page(items=[_view(row, streams) for row in rows], next=next_)


@signals.get("/{signal_id}")
async def get_signal(signal_id: SignalId, tx: Tx, now: Now) -> SignalView:
    """Give one signal with the values that stood before it was corrected."""
    before = [Revision(**one) for one in await reading.past(tx, signal_id)]
    view = _view(await reading.get(tx, signal_id), sources.streams_on(shanghai_day(now)))
    return view.model_copy(update={"revisions": before})


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time.min, SHANGHAI)


def _view(found: SqlRow[Any], streams: Mapping[str, Stream]) -> SignalView:
    row = found._asdict()
    stream = streams.get(row["stream"])
    ends = None if row["to"] == row["from"] else row["to"]
    shown = {
        "to": ends,
        "unit": stream.unit if stream else "",
        "product": row["product"] or None,
        "sent": None
        if row["sent_unit"] is None
        else Sent(value=row["sent_value"], unit=row["sent_unit"]),
    }
    return SignalView.model_validate(row | shown)
