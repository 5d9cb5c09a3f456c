"""The database: one engine a service, one way to open a transaction.

`Database.begin(actor)` sets who acts for row-level security and carries what the work is about
(`Dealing`): the present moment, the operation, the event being handled. A commit that announced
something wakes the relay.
"""

import asyncio
import hashlib
import json
import math
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, is_dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeVar

from sqlalchemy import Enum as SqlEnum
from sqlalchemy import Executable, MetaData, Text, func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.types import TypeDecorator
from typing_extensions import override

from contracts.envelope import Envelope
from kit import failpoints
from kit.auth import Actor, system
from kit.clock import Clock
from kit.crypto import Ring
from kit.log import traced
from kit.patience import ANSWER_S, Patient, patience

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

# Tables that every service has: outbox, inbox, audit, jobs, replicas.
standing = MetaData()

# Who may see a table's rows. With a column `readers` it is scoped, each row by its readers; any
# other says as its `info` that it is open to every caller, or internal: no list shows its rows.
OPEN: Final = {"scope": "open"}
INTERNAL: Final = {"scope": "internal"}

_TIMEOUTS = "-c lock_timeout=5000 -c idle_in_transaction_session_timeout=60000"
_REQUEST_S = 10  # of one statement
_SYSTEM_S = 60
# The server ends a statement by itself; one that says nothing for so much longer is lost.
_LATE_S = 2
# A server that is silently gone counts as lost after seconds, not after the system's minutes.
_NETWORK = {
    "connect_timeout": ANSWER_S,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}


class Id(TypeDecorator[T]):
    """Text in the database, a type of its own in the code: `Column(Id[ClueId]())`."""

    impl: Any = Text
    cache_ok: bool | None = True

    @property
    @override
    def python_type(self) -> type[Any]:
        """Say that a value is text, so that a list's cursor can be read back."""
        return str


def Names(names: type[E]) -> SqlEnum:  # noqa: N802 - stands where a column type stands
    """Keep a StrEnum as text, with a check constraint that lists its words."""
    return SqlEnum(
        names,
        native_enum=False,
        create_constraint=True,
        length=40,
        name=names.__name__.lower(),
        values_callable=lambda words: [word.value for word in words],
    )


@dataclass(frozen=True, slots=True)
class Dealing:
    """What a transaction is about; `cause` is the event being handled, if one is.

    `run` is that of the replay which announces it as a state, if one does (`kit.replay`).
    """

    service: str
    actor: Actor
    operation: str
    now: datetime
    cause: Envelope | None = None
    traceparent: str | None = None
    run: str | None = None


def dealing(tx: AsyncConnection) -> Dealing:
    """Give what this transaction is about."""
    about: Dealing = tx.info["dealing"]
    return about


def announced(tx: AsyncConnection) -> None:
    """Note that the transaction wrote to the outbox, so that its commit wakes the relay."""
    tx.info["announced"] = True


@dataclass(frozen=True, slots=True)
class Database:
    """A service's database, its clock, and the bell that wakes its relay."""

    service: str
    engine: AsyncEngine
    clock: Clock
    bell: asyncio.Event = field(default_factory=asyncio.Event)
    jobs_bell: asyncio.Event = field(default_factory=asyncio.Event)
    ring: Ring | None = None

    @classmethod
    def connect(
        cls,
        service: str,
        url: str,
        *,
        clock: Clock,
        pool_size: int = 8,
        ring: Ring | None = None,
    ) -> "Database":
        """Make the engine; nothing is connected before the first transaction."""
        engine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=5,
            pool_pre_ping=True,
            hide_parameters=True,  # what is bound is personal data, and failures are logged
            connect_args={
                "options": _TIMEOUTS,
                "application_name": service,
                "async_creator_fn": Patient.connect,
                **_NETWORK,
            },
        )
        return cls(service=service, engine=engine, clock=clock, ring=ring)

    @asynccontextmanager
    async def begin(
        self,
        actor: Actor,
        operation: str,
        *,
        cause: Envelope | None = None,
        traceparent: str | None = None,
        within_ms: int | None = None,
    ) -> AsyncIterator[AsyncConnection]:
        """Open a transaction as an actor; it commits at the end, or rolls back on an exception.

        `within_ms` is how long an answer is waited for: no statement takes longer.
        """
        about = Dealing(
            service=self.service,
            actor=actor,
            operation=operation,
            now=self.clock.now(),
            cause=cause,
            traceparent=traceparent or (cause.traceparent if cause else None),
        )
        async with self.engine.connect() as tx, patience(tx) as driver, tx.begin():
            tx.info.update(dealing=about, announced=False, ring=self.ring)
            most = _SYSTEM_S if actor.is_system else _REQUEST_S
            limit_ms = max(1, min(most * 1000, within_ms or most * 1000))
            await _become(tx, actor, limit_ms)
            driver.patience_s = limit_ms / 1000 + _LATE_S
            with traced(about.traceparent, operation):
                yield tx
            rang = bool(tx.info.get("announced"))
            if rang:
                failpoints.reach("before-commit")
        if rang:
            failpoints.reach("after-commit")
            self.bell.set()


async def _become(tx: AsyncConnection, actor: Actor, limit_ms: int) -> None:
    values = {
        "heli.actor": actor.id,
        "heli.keys": _array(actor.keys),
        "statement_timeout": str(limit_ms),
    }
    settings = (func.set_config(name, value, true()) for name, value in values.items())
    await tx.execute(select(*settings))


async def write_as_service(tx: AsyncConnection, statement: Executable) -> None:
    """Execute one statement as the service: what it concludes may be for others than the caller.

    A grade counts records that who resolves a subject need not see. The row's `readers` still say
    who reads it; the next statement is the caller's again. A failure ends the transaction.
    """
    about = dealing(tx)
    service = func.set_config("heli.actor", system(about.service).id, true())
    await tx.execute(select(service))
    await tx.execute(statement)
    await tx.execute(select(func.set_config("heli.actor", about.actor.id, true())))


def _array(keys: Iterable[str]) -> str:
    """Write a PostgreSQL array literal in which no key can end its own quotes."""
    quoted = (key.replace("\\", "\\\\").replace('"', '\\"') for key in keys)
    return "{" + ",".join(f'"{key}"' for key in quoted) + "}"


def storable(value: Any) -> Any:  # noqa: ANN401 - any plain JSON value
    """Write out what PostgreSQL's text cannot hold, NUL and lone surrogates, inside plain JSON."""
    match value:
        case str():
            return value.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
        case dict():
            return {storable(name): storable(each) for name, each in value.items()}
        case list():
            return [storable(each) for each in value]
        case float() if not math.isfinite(value):
            return str(value)
        case _:
            return value


def digest_of(value: Any) -> str:  # noqa: ANN401 - anything that canonical JSON can hold
    """Give `sha256:…` over the canonical JSON of a value, for audit rows and folds."""
    return "sha256:" + hashlib.sha256(canonical(value)).hexdigest()


def canonical(value: Any) -> bytes:  # noqa: ANN401 - see digest_of
    """Give sorted compact JSON: for ASCII keys and integers the same as RFC 8785."""
    plain = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
    return json.dumps(
        plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str
    ).encode()
