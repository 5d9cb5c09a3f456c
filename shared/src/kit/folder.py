"""Files by their content in a folder (see `kit.files`)."""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from kit.clock import new_id
from kit.content import (
    CHUNK,
    FilesAway,
    FileUnknown,
    Named,
    Stored,
    checked,
    digest_at,
    place,
    swept,
    take,
)


class Folder:
    """Files in a folder: written beside their place, forced to the disk, then renamed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._drafts = root / ".new"

    async def put(self, stream: AsyncIterable[bytes], *, limit: int) -> Stored:
        """Keep a stream (see `Files`)."""
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._drafts.mkdir(mode=0o700, exist_ok=True)
            draft = self._drafts / new_id()
            try:
                draft.touch(mode=0o600, exist_ok=False)
                with draft.open("wb") as into:
                    stored = await take(stream, into, limit)
                    await asyncio.to_thread(self._settle, into, draft, stored.digest)
            finally:
                draft.unlink(missing_ok=True)  # it is not there once it has its name
        except OSError as no:
            raise FilesAway(reason=no.strerror) from no
        return stored

    def _settle(self, into: IO[bytes], draft: Path, digest: str) -> None:
        into.flush()
        os.fsync(into.fileno())
        target = self._root / place(digest)
        for folder in (target.parent.parent, target.parent):
            if not folder.exists():
                folder.mkdir(mode=0o700, exist_ok=True)
                _sync(folder.parent)
        # The same content again replaces itself: a damaged one is mended, an old one is young.
        draft.replace(target)
        _sync(target.parent)

    async def open(self, digest: str) -> AsyncGenerator[bytes]:
        """Read a file in chunks (see `Files`)."""
        async for chunk in checked(digest, self._read(digest)):
            yield chunk

    async def _read(self, digest: str) -> AsyncGenerator[bytes]:
        try:
            with (self._root / place(digest)).open("rb") as file:
                while chunk := await asyncio.to_thread(file.read, CHUNK):
                    yield chunk
        except FileNotFoundError as no:
            raise FileUnknown(digest=digest) from no
        except OSError as no:
            raise FilesAway(reason=no.strerror) from no

    async def has(self, digest: str) -> bool:
        """Say whether a file is stored."""
        try:
            return (self._root / place(digest)).is_file()
        except FileUnknown:
            return False  # no digest at all

    async def sweep(self, named: Named, before: datetime) -> int:
        """Delete what no row names (see `Files`), and what a kill left half written."""
        for draft in self._drafts.glob("*"):
            _unlink_older(draft, before)

        async def found() -> AsyncGenerator[str]:
            for path in self._root.glob("??/??/*"):
                digest = digest_at(path.relative_to(self._root).as_posix())
                if digest is not None and _stored_at(path) < before:
                    yield digest

        async def delete(digest: str) -> bool:
            return _unlink_older(self._root / place(digest), before)

        return await swept(found(), named, delete)


def _stored_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _unlink_older(path: Path, before: datetime) -> bool:
    """Delete a file unless it was stored anew meanwhile."""
    if _stored_at(path) >= before:
        return False
    path.unlink(missing_ok=True)
    return True


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
