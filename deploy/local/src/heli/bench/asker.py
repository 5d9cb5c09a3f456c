"""The asking side of `heli bench gateway`, a process of its own: it reads one path again and again.

`python -m heli.bench.asker URL TOKEN CONNECTIONS SECONDS` prints one line of JSON. It writes and
reads HTTP/1.1 itself: a whole client library would take more of two cores than what is measured.
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from heli.bench.report import percentile
from kit.clock import elapsed_s

_WARM_SHARE = 0.2  # of the seconds, before anything counts


@dataclass(slots=True)
class Asking:
    """One path of one server, asked over several connections at once."""

    url: str
    token: str
    late: list[float] = field(default_factory=list)
    failed: int = 0
    last: float = 0.0

    async def connection(self, begin: float, end: float) -> None:
        """Ask over one connection, the next question when the last is answered."""
        parts = urlsplit(self.url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        head = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: application/json\r\n"
        question = f"{head}Authorization: Bearer {self.token}\r\n\r\n".encode()
        counted = False  # on a busy machine one answer may take longer than the whole run
        try:
            while (asked := elapsed_s()) < end or not counted:
                writer.write(question)
                good = await _answered(reader)
                self.failed += not good
                if asked >= begin:
                    counted = True
                    self.last = elapsed_s()
                    self.late.append(self.last - asked)
        finally:
            writer.close()


async def _answered(reader: asyncio.StreamReader) -> bool:
    """Read one answer whole; says whether it was a 200."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    body = await reader.readexactly(length)
    return head.startswith(b"HTTP/1.1 200") and bool(body)


async def ask(url: str, token: str, connections: int, seconds: float) -> dict[str, float]:
    """Ask for so long; times in seconds, the CPU seconds are those of this process."""
    asking = Asking(url, token)
    begin = elapsed_s() + seconds * _WARM_SHARE
    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(asking.connection(begin, begin + seconds))
    late = asking.late
    return {
        "answers": len(late),
        "failed": asking.failed,
        "per_s": len(late) / (asking.last - begin),
        "p50_s": percentile(late, 0.5),
        "p99_s": percentile(late, 0.99),
        "cpu_s": time.process_time(),
    }


if __name__ == "__main__":
    _, where, bearer, many, long = sys.argv
    found = asyncio.run(ask(where, bearer, int(many), float(long)))
    sys.stdout.write(json.dumps(found) + "\n")
