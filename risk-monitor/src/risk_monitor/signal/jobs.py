"""Bulk rows, for a signal."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.risk_monitor import SignalRow
from kit.jobs import Import, Row, Taken, Upload
from risk_monitor.signal.store import writing
from risk_monitor.signal.store.writing import Parcel


async def _take(tx: AsyncConnection, rows: Sequence[Row[SignalRow]], upload: Upload) -> Taken:
    return await writing.receive(tx, rows, Parcel(upload.department, upload.line, upload.job))


# Signals are small and come by the hundred thousand: fewer, larger batches.
SIGNALS = Import("signals", SignalRow, _take, batch=2000)
