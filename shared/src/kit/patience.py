"""How long a connection waits for a server that says nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import psycopg
from psycopg.abc import PQGen
from sqlalchemy.ext.asyncio import AsyncConnection
from typing_extensions import override

RV = TypeVar("RV")

ANSWER_S: Final = 4  # to connect, to answer a ping, to begin
_LOOK_S: Final = 0.1  # psycopg looks so often whether it was interrupted


class Patient(psycopg.AsyncConnection[Any]):
    """A connection that counts as lost when the server is silent for too long.

    A server that is stopped but not gone keeps its sockets: neither TCP nor `statement_timeout`,
    which the server itself watches, ends the wait.
    """

    patience_s: float = ANSWER_S

    @override
    async def wait(
        self, gen: PQGen[RV], interval: float = _LOOK_S, timeout: float | None = None
    ) -> RV:
        """Wait for an answer, at most the patience."""
        try:
            return await super().wait(gen, interval, timeout or self.patience_s)
        except psycopg.OperationalError as no:
            if no.sqlstate is None:
                self.pgconn.finish()
            raise


@asynccontextmanager
async def patience(tx: AsyncConnection) -> AsyncIterator[Patient]:
    """Give the driver's connection; what its patience becomes ends with the block."""
    driver: Any = (await tx.get_raw_connection()).driver_connection
    try:
        yield driver
    finally:
        driver.patience_s = ANSWER_S
