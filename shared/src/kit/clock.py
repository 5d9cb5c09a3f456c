"""The one place that reads the clock, and makes ids from it.

`offset_days` moves the day for demonstrations and tests (`heli up --today`); tokens keep the real
clock, and production refuses an offset (`kit.settings`).
"""

import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True)
class Clock:
    """Tells the time, `offset_days` away from the machine's."""

    offset_days: int = 0

    def now(self) -> datetime:
        """Give the present moment, aware, UTC."""
        return datetime.now(UTC) + timedelta(days=self.offset_days)


def real_seconds() -> float:
    """Give seconds since 1970 by the machine's clock, for tokens and other servers' times."""
    return time.time()


def elapsed_s() -> float:
    """Give seconds of a clock that only runs forward, for measuring."""
    return time.monotonic()


def id_floor(seconds: float) -> str:
    """Give a text that no id made since then is below: ids are ordered by their milliseconds."""
    digits = f"{int(seconds * 1000):012x}"
    return f"{digits[:8]}-{digits[8:]}"


def new_id() -> str:
    """Make a UUIDv7 (RFC 9562 §5.7): 48 bits of milliseconds, then random bits."""
    value = (time.time_ns() // 1_000_000 & (1 << 48) - 1) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    digits = f"{value:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
