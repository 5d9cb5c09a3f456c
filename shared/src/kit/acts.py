"""How an act ends, from a request or from an event: audit row and events, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

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
    _require_actor(tx, caller)
    moment(act, dealing(tx).now)
    await outbox.add(tx, decided.says, of=of)
    await audit.record(tx, act, _change(before, decided.value))


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """One of many decisions: the act, the value before it, and what was decided."""

    act: Act
    before: T | None
    decided: Decided[T]


async def conclude_each(tx: AsyncConnection, caller: Actor, done: Sequence[Done[T]]) -> None:
    """Write the audit rows and the events of many decisions, in a few round trips."""
    _require_actor(tx, caller)
    for one in done:
        moment(one.act, dealing(tx).now)
    await outbox.add(tx, [fact for one in done for fact in one.decided.says])
    await audit.record_each(tx, ((one.act, _change(one.before, one.decided.value)) for one in done))


def _require_actor(tx: AsyncConnection, caller: Actor) -> None:
    if dealing(tx).actor != caller:
        msg = "the caller is not the transaction's actor"
        raise ValueError(msg)


def _change(before: Named | None, after: Named) -> audit.Change:
    return audit.Change(
        object=f"{type(after).__name__.lower()}/{after.id}",
        before=before,
        after=after,
        version=getattr(after, "version", None),
    )
