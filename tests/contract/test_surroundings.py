"""`heli up` where something around it is wrong: it says what, and what to do."""

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from heli.engines import Engines
from heli.folder import OfAnother, in_use, prepare
from heli.postgres import Incomplete

NOBODY = 65534
ROOT = Path(__file__).parents[2]
IS_ROOT = os.getuid() == 0
only_root = pytest.mark.skipif(not IS_ROOT, reason="only root may become somebody else")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder whose parents everybody may traverse."""
    folder = Path(tempfile.mkdtemp(prefix="heli-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def heli(*words: str, python: str = sys.executable, uid: int | None = None) -> dict[str, Any]:
    """Run a command that must refuse, perhaps as somebody else, and give what it said."""
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path), "LANG": "C.UTF-8"}
    done = subprocess.run(
        [python, "-m", "heli", *words, "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=env,
        cwd="/",
        user=uid,
        group=uid,
        extra_groups=None if uid is None else [],
    )
    assert done.returncode == 1, done.stderr
    told: dict[str, Any] = json.loads(done.stderr.splitlines()[-1])
    assert len(told["title"]) == len(told["remedy"]) == 2
    assert all(told["remedy"])
    return told


def test_a_port_in_use_is_named_with_its_holder_and_the_way_out(place: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        told = heli("up", "--data", str(place / "data"), "--port", str(port))
    assert told["code"] == "gateway-port-taken"
    assert str(port) in told["title"][1]
    assert f"pid {os.getpid()}" in told["title"][1]
    assert "--port 0" in told["remedy"][1]


def test_a_second_start_names_the_first_and_its_address(place: Path) -> None:
    with Engines(place / "data") as engines:
        (engines.folder / "state.json").write_text('{"gateway": "http://127.0.0.1:8080"}')
        told = heli("up", "--data", str(place / "data"))
    assert told["code"] == "folder-in-use"
    assert told["facts"]["pid"] == str(os.getpid())
    assert "http://127.0.0.1:8080" in told["title"][1]


def test_what_a_killed_one_left_behind_does_not_run(place: Path) -> None:
    data = prepare(place / "data")
    (data / "lock").write_text("1\n")
    (data / "state.json").write_text('{"gateway": "http://127.0.0.1:9", "pid": 1}')
    assert not in_use(data)
    assert heli("status", "--data", str(data))["code"] == "not-started"
    with Engines(data):
        assert in_use(data)


@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_file_where_the_folder_should_be_is_named(place: Path, below: str) -> None:
    (place / "data").touch()
    told = heli("up", "--data", str(place / "data" / below))
    assert told["code"] == "folder-not-writable"
    assert "--data" in told["remedy"][1]


def _passable(path: Path) -> bool:
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.resolve().parents)


def _python() -> str:
    """Find a Python of this version that anybody may run, with all that it imports."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    known = (sys.executable, *(shutil.which(name, path=p) for p in ("/usr/local/bin", "/usr/bin")))
    python = next((one for one in known if one and _passable(Path(one))), None)
    if python is None or not _passable(ROOT):
        pytest.skip("nobody may run no Python here, or cannot read this repository")
    return python


@only_root
def test_a_folder_without_the_permission_to_write_is_named(place: Path) -> None:
    python = _python()
    told = heli("up", "--data", str(place / "data"), python=python, uid=NOBODY)
    assert told["code"] == "folder-not-writable"
    assert "Permission denied" in told["title"][1]


@only_root
@pytest.mark.parametrize("mode", [0o700, 0o755])
def test_the_folder_of_another_user_is_named_with_its_owner(place: Path, mode: int) -> None:
    python = _python()
    data = prepare(place / "data")
    data.chmod(mode)
    told = heli("up", "--data", str(data), python=python, uid=NOBODY)
    assert told["code"] == "folder-of-another"
    assert "root" in told["title"][1]


@only_root
def test_root_does_not_begin_on_a_folder_that_another_user_began(place: Path) -> None:
    os.chown(place, NOBODY, NOBODY)
    assert prepare(place) == place  # nobody began it yet: a mounted volume, say
    (place / "lock").touch()
    os.chown(place / "lock", NOBODY, NOBODY)
    with pytest.raises(OfAnother):
        prepare(place)


def _in_small_memory(place: Path, size: str, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script where `place` is a small disk of its own; skip where that is not allowed."""
    can = ["unshare", "--mount", *([] if IS_ROOT else ["--user", "--map-root-user"])]
    mount = f"mount -t tmpfs -o size={size},mode=755 none '{place}'"
    if subprocess.run([*can, "sh", "-c", mount], capture_output=True, check=False).returncode:
        pytest.skip("no small disk can be mounted here (unshare, mount)")
    env = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "PYTHONPATH": ":".join(sys.path)}
    return subprocess.run(
        [*can, "sh", "-c", f"{mount} && cd / && {script}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=env,
    )


def test_a_disk_that_is_too_small_is_named_before_anything_is_made(place: Path) -> None:
    command = f"'{sys.executable}' -m heli up --data '{place}/data' --json"
    done = _in_small_memory(place, "100m", f"{command}; ls '{place}/data'")
    told = json.loads(done.stderr.splitlines()[-1])
    assert told["code"] == "disk-full"
    assert told["facts"]["free_mb"] < 100 < told["facts"]["needed_mb"]
    assert "pg" not in done.stdout.split()


def test_a_disk_that_fills_up_while_it_runs_is_named(place: Path) -> None:
    # The databases are provisioned on a disk that somebody else fills at the same time.
    play = f"""
import shutil, sys
from pathlib import Path
from heli import stack, up
from heli.settings import Settings
def fill(self):
    free = shutil.disk_usage("{place}").free
    with open("{place}/fill", "wb") as file:
        file.write(bytes(free - 512 * 1024))
    real(self)
real, stack.Stack._provision = stack.Stack._provision, fill
from heli import talk
try:
    up.run(Settings(data=Path("{place}/data")), stack.Plan(), as_json=True)
except Exception as problem:
    talk.explain(problem, as_json=True)
"""
    (place.parent / f"{place.name}.py").write_text(play)
    try:
        done = _in_small_memory(place, "460m", f"'{sys.executable}' '{place}.py'")
    finally:
        Path(f"{place}.py").unlink()
    told = json.loads(done.stderr.splitlines()[-1])
    assert told["code"] == "disk-full", done.stderr
    assert told["facts"]["free_mb"] < 4


@only_root
def test_a_read_only_disk_is_named(place: Path) -> None:
    command = f"'{sys.executable}' -m heli up --data '{place}/data' --json"
    mount = f"mkdir '{place}/data' && mount -o remount,ro '{place}'"
    done = _in_small_memory(place, "10m", f"{mount} && {command}")
    told = json.loads(done.stderr.splitlines()[-1])
    assert told["code"] == "folder-not-writable"
    assert "Read-only" in told["title"][1]


def test_what_a_broken_start_left_is_made_anew(place: Path) -> None:
    data = place / "data"
    (data / "pg.new" / "base").mkdir(parents=True)
    (data / "pg.new" / "PG_VERSION").write_text("18\n")
    (data / "su.pw").write_text("old")
    with Engines(data) as engines, psycopg.connect(engines.admin_dsn) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert not (data / "pg.new").exists()
        assert not (data / "su.pw").exists()


def test_a_database_folder_that_lost_its_files_is_named(place: Path) -> None:
    (place / "data" / "pg").mkdir(parents=True)
    with pytest.raises(Incomplete) as no:
        Engines(place / "data").start()
    assert no.value.facts["missing"] == "PG_VERSION"


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_a_damaged_file_of_the_folder_is_named(place: Path, text: str) -> None:
    data = prepare(place / "data")
    (data / "secrets.json").write_text(text)
    told = heli("up", "--data", str(data))
    assert told["code"] == "file-damaged"
    assert "secrets.json" in told["title"][1]


def test_blanks_quotes_chinese_letters_and_length_in_a_path_are_no_matter(place: Path) -> None:
    data = place / '数据 与 "消息"' / ("long-" * 40)
    assert len(str(data).encode()) > 107  # what a path of a Unix socket may have
    with Engines(data) as engines:
        assert set(engines.pids()) == {"postgres", "nats"}
        with psycopg.connect(engines.admin_dsn) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_new_folder_is_its_owners_alone(place: Path) -> None:
    assert prepare(place / "a" / "b").stat().st_mode & 0o777 == 0o700
