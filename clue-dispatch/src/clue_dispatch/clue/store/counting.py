"""Counting clues, set by set."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from clue_dispatch.clue.domain.counting import Count
from clue_dispatch.clue.tables import clue


async def counts(
    tx: AsyncConnection, now: datetime, closed_since: date | None
) -> tuple[Count, ...]:
    """Count the open clues that may be seen, and those closed since a day, by what they are."""
    return tuple(Count(*row) for row in await tx.execute(counting(now, closed_since)))


def counting(now: datetime, closed_since: date | None) -> Select[*tuple[Any, ...]]:
    """Make the query of the counts.

    An open clue is always due and a closed one never: the index of what is due finds the open ones
    among all that were ever closed.
    """
    asked: list[ColumnElement[bool]] = [clue.c.due_at.is_not(None)]
    if closed_since is not None:
        asked.append(clue.c.closed_on >= closed_since)
    by = (clue.c.origin_type, clue.c.state, clue.c.leading)
    late = func.count().filter(clue.c.due_at <= now)
    return select(*by, func.count(), late).where(or_(*asked)).group_by(*by)
