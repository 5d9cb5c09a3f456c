"""Files by their content in a bucket of an S3 API (see `kit.files`)."""

import tempfile
from collections.abc import AsyncGenerator, AsyncIterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

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

_SPOOL: Final = 1024 * 1024  # bytes kept in memory; a larger file waits on the disk
_PATIENCE: Final = timedelta(seconds=20)


class Bucket:
    """Files in a bucket, each under the place that its digest gives, behind a prefix."""

    def __init__(
        self,
        bucket: str,
        *,
        prefix: str,
        key: str,
        secret: str,
        endpoint: str = "",
        region: str = "",
    ) -> None:
        self._prefix = prefix
        self._store = S3Store(
            bucket,
            access_key_id=key or None,
            secret_access_key=secret or None,
            endpoint=endpoint or None,
            region=region or "us-east-1",
            client_options={"allow_http": endpoint.startswith("http://"), "timeout": _PATIENCE},
            retry_config={"max_retries": 3, "retry_timeout": _PATIENCE},
        )

    def _at(self, digest: str) -> str:
        return f"{self._prefix}/{place(digest)}".lstrip("/")

    async def put(self, stream: AsyncIterable[bytes], *, limit: int) -> Stored:
        """Keep a stream: an object shows when it is whole, also one sent in parts."""
        # Its name is known only at the end, so it is held until then.
        with tempfile.SpooledTemporaryFile(_SPOOL) as spool:
            stored = await take(stream, spool, limit)
            spool.seek(0)
            with _answers():
                await obstore.put_async(self._store, self._at(stored.digest), spool)
        return stored

    async def open(self, digest: str) -> AsyncGenerator[bytes]:
        """Read a file in chunks (see `kit.files.Files`)."""
        async for chunk in checked(digest, self._read(digest)):
            yield chunk

    async def _read(self, digest: str) -> AsyncGenerator[bytes]:
        path = self._at(digest)
        with _answers(digest):
            found = await obstore.get_async(self._store, path)
            async for chunk in found.stream(min_chunk_size=CHUNK):
                yield bytes(chunk)

    async def has(self, digest: str) -> bool:
        """Say whether a file is stored."""
        try:
            with _answers(digest):
                await obstore.head_async(self._store, self._at(digest))
        except FileUnknown:
            return False
        return True

    async def sweep(self, named: Named, before: datetime) -> int:
        """Delete what no row names (see `kit.files.Files`)."""

        async def found() -> AsyncGenerator[str]:
            with _answers():
                async for batch in self._store.list(self._prefix or None):
                    for one in batch:
                        digest = digest_at(one["path"])
                        if digest is not None and one["last_modified"] < before:
                            yield digest

        async def delete(digest: str) -> bool:
            with _answers(digest):
                now = await obstore.head_async(self._store, self._at(digest))
                if now["last_modified"] >= before:
                    return False  # stored anew meanwhile
                await obstore.delete_async(self._store, self._at(digest))
            return True

        return await swept(found(), named, delete)


@contextmanager
def _answers(digest: str = "") -> Iterator[None]:
    """Turn what the store says into our refusals."""
    try:
        yield
    except FileNotFoundError as no:
        raise FileUnknown(digest=digest) from no
    except (BaseError, OSError) as no:
        raise FilesAway(reason=str(no)[:300]) from no
