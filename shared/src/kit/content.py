"""What a stored file is: its digest, its place, and the bytes checked while they pass.

The rules that both kinds of store follow (see `kit.files`).
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable
from dataclasses import dataclass
from typing import IO, Final

from contracts.errors import NotFound, TooLarge, Unavailable

CHUNK: Final = 256 * 1024
_ALGORITHM: Final = "sha256:"
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_AT_ONCE: Final = 1000  # files asked about in one question of a sweep

# Says which of these digests are still named by some row.
Named = Callable[[list[str]], Awaitable[set[str]]]


class FileTooLarge(TooLarge):
    """The stream has more bytes than were allowed; nothing of it is kept."""

    code = "file-too-large"


class FileUnknown(NotFound):
    """No file with this digest is stored."""

    code = "file-unknown"


class FileDamaged(Unavailable):
    """What is stored is no longer what was stored; nobody may take it for the file."""

    code = "file-damaged"


class FilesAway(Unavailable):
    """The store does not answer or refuses us."""

    code = "files-away"


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that is kept: `digest` is `sha256:` and 64 hex digits, `size` in bytes."""

    digest: str
    size: int


def place(digest: str) -> str:
    """Give the relative place of a file, `ab/cd/…`; refuses FileUnknown for what is no digest."""
    if not _DIGEST.fullmatch(digest):
        raise FileUnknown(digest=digest[:80])
    name = digest.removeprefix(_ALGORITHM)
    return f"{name[:2]}/{name[2:4]}/{name}"


def digest_at(path: str) -> str | None:
    """Give the digest of the file at a place; None for what is not one of ours."""
    digest = _ALGORITHM + path.rpartition("/")[2]
    return digest if _DIGEST.fullmatch(digest) and path.endswith(place(digest)) else None


async def take(stream: AsyncIterable[bytes], into: IO[bytes], limit: int) -> Stored:
    """Write a stream, counting and digesting what passes; refuses FileTooLarge."""
    found, size = hashlib.sha256(), 0
    async for chunk in stream:
        size += len(chunk)
        if size > limit:
            raise FileTooLarge(limit=limit, got=size)
        await asyncio.to_thread(_take_chunk, chunk, found, into)
    return Stored(_ALGORITHM + found.hexdigest(), size)


def _take_chunk(chunk: bytes, found: "hashlib._Hash", into: IO[bytes]) -> None:
    found.update(chunk)
    into.write(chunk)


async def checked(digest: str, stream: AsyncIterable[bytes]) -> AsyncGenerator[bytes]:
    """Pass a stream on, and refuse FileDamaged at its end unless it was the file's."""
    found = hashlib.sha256()
    async for chunk in stream:
        found.update(chunk)
        yield chunk
    if _ALGORITHM + found.hexdigest() != digest:
        raise FileDamaged(digest=digest)


async def swept(
    found: AsyncIterable[str], named: Named, delete: Callable[[str], Awaitable[bool]]
) -> int:
    """Ask about the digests found, many at once, and delete those that no row names."""
    gone, batch = 0, list[str]()

    async def settle() -> int:
        kept = await named(batch)
        return sum([await delete(digest) for digest in batch if digest not in kept])

    async for digest in found:
        batch.append(digest)
        if len(batch) == _AT_ONCE:
            gone += await settle()
            batch.clear()
    return gone + (await settle() if batch else 0)
