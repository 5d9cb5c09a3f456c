"""What time does to a case: its due times move with a changed calendar; overdue is computed."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from clue_dispatch.case import store
from clue_dispatch.case.domain import steps
from contracts.clue_dispatch import CaseId
from kit.acts import Done, by_event, conclude_each
from kit.db import dealing
from kit.deadlines import Due
from kit.timers import Kind, Moved


async def recount(tx: AsyncConnection, moved: Sequence[Moved]) -> None:
    """Give cases the due times that a changed calendar makes of their terms."""
    dues = {CaseId(one.object.removeprefix("case/")): _step(one) for one in moved}
    about = dealing(tx)
    act = by_event(about.now, about.operation)
    held = (await store.lock_each(tx, dues)).items()
    decided = [(case, steps.recount(case, dues[id_])) for id_, case in held]
    for case, one in decided:
        await store.save(tx, case, one.value)
    await conclude_each(tx, about.actor, [Done(act, case, one) for case, one in decided])


def _step(moved: Moved) -> dict[str, Due]:
    """Give the one term of a case that runs."""
    return {moved.kind.removeprefix("case."): moved.due}


TIMERS = (Kind("case.decide", follows=recount), Kind("case.serve", follows=recount))
