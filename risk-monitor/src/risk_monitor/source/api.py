"""HTTP in, for sources."""

from contracts.risk_monitor import FreshSource
from kit.context import Now, Tx, router
from kit.deadlines import shanghai_day
from kit.lists import Page
from risk_monitor.source import domain, store

sources = router("/sources")


@sources.get("")
async def list_sources(tx: Tx, now: Now) -> Page[FreshSource]:
    """Say of each source and stream how fresh it is and whether it is late."""
    today = shanghai_day(now)
    streams = store.streams_on(today)
    items = [
        FreshSource(
            source=source,
            stream=stream,
            last_to=last_to,
            last_received=received,
            rows=rows,
            expected_next=domain.next_due(streams[stream], last_to),
            late=domain.late(streams[stream], last_to, today),
        )
        for source, stream, last_to, received, rows in await store.sources(tx)
        if stream in streams
    ]
    return Page(items=items, next=None)
