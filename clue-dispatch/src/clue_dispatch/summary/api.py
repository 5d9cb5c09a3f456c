"""HTTP in, for the summary: read, add up, show."""

from datetime import date
from typing import Annotated

from fastapi import Query

from clue_dispatch.clue.store import counting
from clue_dispatch.summary import domain
from contracts.clue_dispatch import CountView, LeadCountView, SummaryView
from kit.context import Now, Tx
from kit.context import router as made

router = made("/clues", "clue")


@router.get(":summary")
async def summarise(
    tx: Tx,
    now: Now,
    closed_since: Annotated[date | None, Query(description="另计此日起办结的")] = None,
) -> SummaryView:
    """线索概况: how many are open, by source, state and lead, and how many of them are late."""
    counts = await counting.counts(tx, now, closed_since)
    of_source = domain.summed(counts, lambda one: one.source)
    of_state = domain.summed(counts, lambda one: one.state)
    of_lead = domain.summed(counts, lambda one: one.lead)
    return SummaryView(
        clues=sum(one.clues for one in counts),
        overdue=sum(one.overdue for one in counts),
        closed_since=closed_since,
        by_source={key: CountView.model_validate(one) for key, one in of_source.items()},
        by_state={key: CountView.model_validate(one) for key, one in of_state.items()},
        by_lead=tuple(
            LeadCountView(lead=key, clues=one.clues, overdue=one.overdue)
            for key, one in of_lead.items()
        ),
    )
