"""Files by their content: stored once under the SHA-256 of their bytes, and never changed.

One port, two kinds, chosen by `HELI_FILES`:

- a folder: `/var/lib/heli/files`
- a bucket of an S3 API: `s3://bucket?endpoint=http://127.0.0.1:8333&region=us-east-1`, with
  `HELI_FILES_KEY` and `HELI_FILES_SECRET`

Whatever a sender calls a file, its place is made of the digest alone: no name from outside reaches
a disk or a bucket. The database keeps the name, the media type and who may read it.
"""

from collections.abc import AsyncIterable, AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

from kit.content import Named, Stored
from kit.folder import Folder


class Files(Protocol):
    """A store of files by content."""

    async def put(self, stream: AsyncIterable[bytes], *, limit: int) -> Stored:
        """Keep a stream of at most `limit` bytes; refuses FileTooLarge, FilesAway.

        It is there wholly or not at all, and the same content stored twice is one file. Returning
        says that it will survive a power cut.
        """
        ...

    def open(self, digest: str) -> AsyncIterator[bytes]:
        """Read a file in chunks; refuses FileUnknown, FileDamaged, FilesAway.

        The bytes are checked while they pass: only after the last chunk are they the file's.
        """
        ...

    async def has(self, digest: str) -> bool:
        """Say whether a file is stored."""
        ...

    async def sweep(self, named: Named, before: datetime) -> int:
        """Delete what no row names and was last stored before a time; give how many went.

        `before` lies further back than any transaction that stores first and names afterwards.
        """
        ...


def store(setting: str, key: str = "", secret: str = "") -> Files:
    """Give the store that a setting names; ValueError for one that it cannot be."""
    parts = urlsplit(setting)
    if parts.scheme == "s3" and parts.netloc:
        from kit.bucket import Bucket  # noqa: PLC0415  16 MB, for those who have a bucket

        asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        unknown = asked.keys() - {"endpoint", "region"}
        if not unknown:
            return Bucket(
                parts.netloc, prefix=parts.path.strip("/"), key=key, secret=secret, **asked
            )
    if not parts.scheme and parts.path.startswith("/"):
        return Folder(Path(setting))
    msg = f"HELI_FILES: got {setting!r}, expected /folder or s3://bucket?endpoint=…&region=…"
    raise ValueError(msg)
