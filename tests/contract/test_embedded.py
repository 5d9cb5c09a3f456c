"""The embedded servers: as root and as an ordinary user, killed and started again."""

import asyncio
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import nats
import psycopg
import pytest
from psycopg import errors

from contracts.services import CLUE_DISPATCH, CREDIT_SERVICE
from heli.child import wait_until
from heli.databases import Database, provision
from heli.engines import Engines
from heli.folder import InUse
from kit.bus import ensure_streams

NOBODY = 65534
# Starts the engines in a folder, says where they are, and stops when its input ends.
PLAY = """
import json, sys
from pathlib import Path
from heli.engines import Engines
with Engines(Path(sys.argv[1])) as engines:
    found = {"dsn": engines.admin_dsn, "nats": engines.nats_admin_url, "pids": engines.pids()}
    print(json.dumps(found), flush=True)
    sys.stdin.read()
"""


def _passable(path: Path) -> bool:
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.resolve().parents)


def _python(uid: int) -> str | None:
    """Find a Python of this version that this uid may run."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    known = [sys.executable, *(shutil.which(name, path=p) for p in ("/usr/local/bin", "/usr/bin"))]
    usable = (one for one in known if one and (uid == os.getuid() or _passable(Path(one))))
    return next(usable, None)


@contextmanager
def played(folder: Path, uid: int) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """Run engines in a process of their own, as somebody."""
    python = _python(uid)
    if python is None:
        pytest.skip(f"no Python {sys.version_info[:2]} that uid {uid} may run")
    other = None if uid == os.getuid() else uid
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)}
    process = subprocess.Popen(
        [python, "-c", PLAY, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        env=env,
        user=other,
        group=other,
        extra_groups=None if other is None else [],
    )
    try:
        yield process, json.loads(_pipe(process.stdout).readline())
    finally:
        _pipe(process.stdin).close()
        process.wait(30)
        _pipe(process.stdout).close()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder whose parents everybody may traverse."""
    folder = Path(tempfile.mkdtemp(prefix="heli-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


def _gone(pids: dict[str, int]) -> Callable[[], bool]:
    return lambda: not any(Path("/proc", str(pid), "exe").exists() for pid in pids.values())


@pytest.mark.parametrize("uid", [os.getuid(), NOBODY] if os.getuid() == 0 else [os.getuid()])
def test_data_survive_a_stop_and_a_kill(open_folder: Path, uid: int) -> None:
    os.chown(open_folder, uid, -1)
    with played(open_folder, uid) as (_, at), psycopg.connect(at["dsn"]) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (1)")
    assert wait_until(_gone(at["pids"]), seconds=10)
    with played(open_folder, uid) as (process, at):
        with psycopg.connect(at["dsn"]) as connection:
            connection.execute("INSERT INTO kept VALUES (2)")
        process.kill()
        assert wait_until(_gone(at["pids"]), seconds=10)
    with played(open_folder, uid) as (_, at), psycopg.connect(at["dsn"]) as connection:
        assert connection.execute("SELECT sum(n) FROM kept").fetchone() == (3,)


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become somebody else")
def test_root_in_an_open_folder_gives_the_servers_a_uid_of_their_own(open_folder: Path) -> None:
    with Engines(open_folder) as engines:
        owners = {Path("/proc", str(pid)).stat().st_uid for pid in engines.pids().values()}
        assert len(owners) == 1
        assert owners != {0}
        assert (open_folder / "secrets.json").stat().st_mode & 0o777 == 0o600
        with psycopg.connect(engines.admin_dsn) as connection, pytest.raises(psycopg.Error):
            connection.execute("SELECT pg_read_file('/etc/shadow')")


def test_the_database_cluster_is_utf8_in_byte_order_with_checksums(engines: Engines) -> None:
    with psycopg.connect(engines.admin_dsn) as connection:
        shown = [
            connection.execute(f"SHOW {name}").fetchone()
            for name in ("server_encoding", "data_checksums", "timezone", "listen_addresses")
        ]
    assert shown == [("UTF8",), ("on",), ("UTC",), ("127.0.0.1",)]


def test_the_role_that_serves_can_change_no_table_and_enter_no_other_database(
    engines: Engines,
) -> None:
    provision(engines)
    ours, theirs = Database(CLUE_DISPATCH, engines), Database(CREDIT_SERVICE, engines)
    url = ours.url(ours.app).replace("+psycopg", "")
    with psycopg.connect(url) as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute("CREATE TABLE mine (n int)")
    foreign = url.rpartition("/")[0] + f"/{theirs.service.package}"
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(foreign)


def test_a_second_start_on_the_same_folder_is_refused_and_names_the_first(engines: Engines) -> None:
    with pytest.raises(InUse) as no:
        Engines(engines.folder).start()
    assert no.value.facts["pid"] == str(os.getpid())


async def test_a_service_cannot_speak_in_anothers_name(engines: Engines) -> None:
    await ensure_streams(engines.nats_admin_url)
    refused = asyncio.Queue[str]()

    async def heard(error: Exception) -> None:
        await refused.put(str(error))

    client = await nats.connect(
        engines.nats_url("clue-dispatch"), inbox_prefix=b"_INBOX.clue-dispatch", error_cb=heard
    )
    try:
        own = await client.jetstream().publish("heli.clue-dispatch.clue.registered.v1.c1", b"{}")
        assert own.stream == "clue-dispatch"
        await client.publish("heli.credit-service.grade.changed.v1.e1", b"{}")
        await client.publish("$JS.API.STREAM.DELETE.credit-service", b"")
        await client.flush()
        async with asyncio.timeout(5):
            said = [await refused.get(), await refused.get()]
    finally:
        await client.close()
    assert all("permissions violation for publish" in one for one in said)


def test_a_killed_server_is_started_again(open_folder: Path) -> None:
    with Engines(open_folder) as engines:
        for pid in engines.pids().values():
            os.kill(pid, signal.SIGKILL)
        started: set[str] = set()

        def both() -> bool:
            started.update(engines.tend())
            return started == {"postgres", "nats"}

        assert wait_until(both, seconds=20)
        with psycopg.connect(engines.admin_dsn) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
