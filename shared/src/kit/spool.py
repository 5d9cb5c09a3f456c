"""An upload on disk until it is whole: memory stays flat and no connection waits for its sender."""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from contracts.errors import TooLarge
from kit.uploads import TELLING, EmptyFile, refuse_renamed

CHUNK_BYTES: Final = 1024**2


@dataclass(frozen=True, slots=True)
class Spooled:
    """A whole upload: how long it is, the SHA-256 of its bytes in hex, and the file."""

    size: int
    digest: str
    file: IO[bytes]

    async def chunks(self) -> AsyncIterator[tuple[int, bytes]]:
        """Give its bytes again, numbered from 0, a MiB each."""
        self.file.seek(0)
        number = 0
        while data := await asyncio.to_thread(self.file.read, CHUNK_BYTES):
            yield number, data
            number += 1


@asynccontextmanager
async def spooled(
    stream: AsyncGenerator[bytes, None], media: str, *, folder: Path | None, limit: int
) -> AsyncIterator[Spooled]:
    """Write an upload to a file without a name in `folder`, which is gone afterwards.

    Refuses: TooLarge, EmptyFile, FileIsWorkbook, FileIsNoWorkbook; each as soon as it is known.
    """
    digest = hashlib.sha256()
    size = 0
    start = b""
    buffer = bytearray()
    with tempfile.TemporaryFile(dir=folder) as file:
        async for part in stream:
            size += len(part)
            if size > limit:
                raise TooLarge(limit=limit, got=size)
            digest.update(part)
            buffer += part
            if len(start) < TELLING:
                start = bytes(buffer[:TELLING])
                if len(start) == TELLING:
                    refuse_renamed(media, start)
            if len(buffer) >= CHUNK_BYTES:
                await asyncio.to_thread(file.write, bytes(buffer))
                buffer.clear()
        if not size:
            raise EmptyFile(field="body", got="0", expected="≥ 1 row")
        if size < TELLING:
            refuse_renamed(media, start)
        await asyncio.to_thread(file.write, bytes(buffer))
        yield Spooled(size, digest.hexdigest(), file)
