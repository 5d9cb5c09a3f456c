"""Many in one transaction, so that the failure of one undoes it alone.

A savepoint stands before every few: one before each would cost two round trips more each time.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from kit.failures import is_outage

T = TypeVar("T")

FEW = 20


async def each(
    tx: AsyncConnection,
    many: Sequence[T],
    handle: Callable[[T], Awaitable[None]],
    failed: Callable[[T, Exception], Awaitable[None]],
) -> None:
    """Handle all in order; what fails is undone and given to `failed`. Raises outages alone."""
    while many:
        few, at, why = many[:FEW], 0, None
        try:
            async with tx.begin_nested():
                for at, one in enumerate(few):  # noqa: B007 - which one it was is asked below
                    await handle(one)
        except Exception as no:
            if is_outage(no):
                raise
            why = no
        if why is None:
            many = many[len(few) :]
            continue
        await each(tx, few[:at], handle, failed)  # undone with the one that failed
        await failed(few[at], why)
        many = many[at + 1 :]
