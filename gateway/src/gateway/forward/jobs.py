"""The session to the other services, kept as long as the process works."""

import asyncio

from kit.context import Context


async def close_at_the_end(context: Context) -> None:
    """Wait until the process is to go, and close the session."""
    try:
        await asyncio.Event().wait()
    finally:
        await context.extras.reach.close()
