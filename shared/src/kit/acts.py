"""How an act ends, from a request or from an event: audit row and events, in one transaction."""

from datetime import datetime
from typing import Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.acts import Act
from contracts.errors import Invalid
from contracts.says import Decided
from kit import audit, outbox
from kit.auth import Actor
from kit.db import dealing


class Named(Protocol):
    """Anything with an id."""

    @property
    def id(self) -> str:
        """Its id."""
        ...


T = TypeVar("T", bound=Named)


class ActedInFuture(Invalid):
    """An act cannot have been done later than now."""

    code = "acted-in-future"


def moment(act: Act, now: datetime) -> datetime:
    """Give when the act was done: what the caller says, or now; refuses ActedInFuture."""
    if act.acted_on is None:
        return now
    if act.acted_on > now:
        raise ActedInFuture(
            field="acted_on", got=act.acted_on.isoformat(), expected=now.isoformat()
        )
    return act.acted_on


def by_event(now: datetime, reason: str | None = None) -> Act:
    """Make the act of a handler: done now, while an event is handled, for a stated reason."""
    return Act(acted_on=now, reason=reason)


async def conclude(
    tx: AsyncConnection,
    caller: Actor,
    act: Act,
    *,
    before: T | None,
    decided: Decided[T],
    of: str | None = None,
) -> None:
    """Write the audit row and the events of a decision.

    `of` names the aggregate acted on (`thing/id`) when what the decision announces is about
    another one: its last event is then the cause.
    """
    about = dealing(tx)
    moment(act, about.now)
    if about.actor != caller:
        msg = "the caller is not the transaction's actor"
        raise ValueError(msg)
    await outbox.add(tx, decided.says, of=of)
    thing = type(decided.value).__name__.lower()
    change = audit.Change(
        object=f"{thing}/{decided.value.id}",
        before=before,
        after=decided.value,
        version=getattr(decided.value, "version", None),
    )
    await audit.record(tx, act, change)
