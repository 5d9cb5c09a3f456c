"""Backup, archive and restore of the embedded PostgreSQL: what comes back, and what is refused."""

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from contracts.services import SERVICES
from heli import backup, backups, credentials, restore
from heli.backups import BackupDamaged, BackupOfAnother, NoBackup, OutsideRange
from heli.binaries import Binaries
from heli.child import wait_until
from heli.databases import provision
from heli.engines import Engines, NotOurs, RestoreUnfinished
from heli.folder import DiskFull, InUse
from heli.postgres import OtherMajor, Postgres
from heli.problems import Problem
from heli.restore import NotEmpty

NOBODY = 65534
WALDUMP = Binaries.find(None).bin / "pg_waldump"
# Of a service's tables a restore touches the outbox alone.
TABLES = """
CREATE TABLE outbox (at timestamptz NOT NULL, published_at timestamptz);
CREATE TABLE kept (n int);
INSERT INTO outbox
    SELECT now() + days * interval '1 day', now() FROM unnest(ARRAY[9, -20, -22]) AS days;
"""


def started(engines: Engines) -> None:
    provision(engines)
    credentials.prepare(engines.folder)
    for service in SERVICES:
        with psycopg.connect(engines.admin_dsn, dbname=service.package) as inside:
            inside.execute(TABLES)


def write(engines: Engines, n: int) -> datetime:
    """Write a row into every database; give a time after it by the server's clock."""
    for service in SERVICES:
        with psycopg.connect(engines.admin_dsn, dbname=service.package) as inside:
            inside.execute("INSERT INTO kept VALUES (%s)", [n])
    with psycopg.connect(engines.admin_dsn) as admin:
        row = admin.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    at: datetime = row[0]
    return at


def rows(data: Path) -> list[list[int]]:
    """Start a restored folder and read what every database has."""
    found = []
    with Engines(data) as engines:
        for service in SERVICES:
            with psycopg.connect(engines.admin_dsn, dbname=service.package) as inside:
                found.append([n for (n,) in inside.execute("SELECT n FROM kept ORDER BY n")])
                again = inside.execute("SELECT count(*) FROM outbox WHERE published_at IS NULL")
                assert again.fetchone() == (2,)  # of 30 days to its last one, and no older one
    return found


def last(folder: Path) -> datetime:
    base = backups.bases(folder)[-1]
    return backups.last_commit(base.followed_by(folder), WALDUMP, default=base.ended_at)


def archived(folder: Path, at: datetime) -> Callable[[], bool]:
    """Say whether the archive has a write after a time."""
    return lambda: last(folder) > at


@dataclass(frozen=True)
class Made:
    """A stopped stack's backup folder, and times by its server's clock."""

    data: Path
    folder: Path
    first: datetime
    second: datetime


def make(home: Path) -> Made:
    """Back up, and write two rows into an archive whose receiver is killed between them."""
    data, folder = home / "data", home / "backup"
    with Engines(data, archive=folder) as engines:
        started(engines)
        assert ("archive-lacks-base", {"folder": str(folder)}) in engines.notes
        backup.run(data, folder, None)
        first = write(engines, 1)
        receiver = engines.pids()["archive"]
        os.kill(receiver, 9)
        second = write(engines, 2)

        def follows() -> bool:
            engines.tend()
            return engines.pids()["archive"] != receiver and archived(folder, first)()

        assert wait_until(follows, seconds=30)
    return Made(data, folder, first, second)


@pytest.fixture(scope="module")
def made() -> Iterator[Made]:
    # Passable for everybody: root's servers get a uid of their own.
    home = Path(tempfile.mkdtemp(prefix="heli-backup-", dir="/tmp"))
    home.chmod(0o755)
    yield make(home)
    shutil.rmtree(home)


@pytest.fixture
def data() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="heli-restore-", dir="/tmp"))
    home.chmod(0o755)
    yield home / "data"
    shutil.rmtree(home)


def test_all_six_databases_come_back_at_one_time_even_after_an_interrupted_try(
    made: Made, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_chosen: object, server: Postgres) -> None:
        server.data.mkdir()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(restore, "lay", interrupted)
        with pytest.raises(KeyboardInterrupt):
            restore.run(made.folder, made.first, data, None)
    with pytest.raises(RestoreUnfinished):
        Engines(data).start()
    done = restore.run(made.folder, made.first, data, None)
    assert done["republished"] == 2 * len(SERVICES)
    assert datetime.fromisoformat(done["last_commit"]) < made.first
    assert rows(data) == [[1]] * len(SERVICES)


def test_without_a_time_all_that_was_archived_comes_back_also_into_a_closed_folder(
    made: Made, tmp_path: Path
) -> None:
    restore.run(made.folder, None, tmp_path / "data", None)
    assert rows(tmp_path / "data") == [[1, 2]] * len(SERVICES)


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become somebody else")
def test_an_ordinary_user_backs_up_and_restores_as_well(data: Path) -> None:
    os.chown(data.parent, NOBODY, -1)
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    places = (shutil.which(name, path=path) for path in ("/usr/local/bin", "/usr/bin"))
    python = next((one for one in (sys.executable, *places) if one and _passable(one)), None)
    if python is None or not _passable(psycopg.__file__):
        pytest.skip("no Python or no packages that an ordinary user may read")
    play = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path\n"
        "import test_backups as t; home = Path(sys.argv[2]); made = t.make(home)\n"
        "t.restore.run(made.folder, made.first, home / 'again', None)\n"
        "assert t.rows(home / 'again') == [[1]] * 6\n"
    )
    done = subprocess.run(
        [python, "-c", play, str(Path(__file__).parent), str(data.parent)],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)},
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def _passable(path: str) -> bool:
    found = Path(path).resolve()
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in found.parents)


def test_only_its_owner_can_read_a_backup(made: Made) -> None:
    assert {path.stat().st_mode & 0o077 for path in made.folder.rglob("*")} == {0}


@pytest.mark.parametrize("days", [-1, 1], ids=["before the backup", "after the last write"])
def test_a_time_that_cannot_come_back_is_refused_with_the_range_that_can(
    made: Made, data: Path, days: int
) -> None:
    with pytest.raises(OutsideRange) as no:
        restore.run(made.folder, made.first + timedelta(days=days), data, None)
    since, until = (datetime.fromisoformat(str(no.value.facts[k])) for k in ("since", "until"))
    assert since < made.first < until <= made.second
    assert not data.exists()


def test_a_folder_with_anything_in_it_is_left_as_it_is(made: Made, data: Path) -> None:
    data.mkdir()
    (data / "letter").write_text("mine", encoding="utf-8")
    with pytest.raises(NotEmpty) as no:
        restore.run(made.folder, None, data, None)
    assert no.value.facts["found"] == "letter"
    assert [path.name for path in data.iterdir()] == ["letter"]


def test_a_folder_that_something_runs_on_is_refused(made: Made, engines: Engines) -> None:
    with pytest.raises(InUse):
        restore.run(made.folder, None, engines.folder, None)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("base.tar.gz", lambda text: text[:-40] + b"x" + text[-39:]),
        ("kept/secrets.json", lambda _: None),
        ("backup.json", lambda _: b"{"),
    ],
    ids=["a changed byte", "a missing file", "no JSON"],
)
def test_a_damaged_backup_is_named_before_anything_is_restored(
    made: Made,
    data: Path,
    tmp_path: Path,
    *,
    name: str,
    change: Callable[[bytes], bytes | None],
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(made.folder, copy)
    path = next(copy.glob("base/*")) / name
    changed = change(path.read_bytes())
    path.unlink()
    if changed is not None:
        path.write_bytes(changed)
    with pytest.raises(Problem) as no:
        restore.run(copy, None, data, None)
    assert isinstance(no.value, BackupDamaged) or no.value.code == "file-damaged"
    assert no.value.facts["file"] == str(path)
    assert not data.exists()


def test_a_backup_by_another_major_version_is_refused(
    made: Made, data: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(made.folder, copy)
    about = next(copy.glob("base/*")) / "backup.json"
    about.write_text(json.dumps(json.loads(about.read_text("utf-8")) | {"postgres": 17}))
    with pytest.raises(OtherMajor):
        restore.run(copy, None, data, None)


def test_a_folder_without_a_whole_backup_is_refused(made: Made, data: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(made.folder, copy)
    next(copy.glob("base/*/backup.json")).unlink()
    with pytest.raises(NoBackup):
        restore.run(copy, None, data, None)


def test_a_disk_without_room_is_said_before_the_data_are_laid(
    made: Made, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("heli.folder.free_mb", lambda _folder: 10)
    with pytest.raises(DiskFull) as no:
        restore.run(made.folder, None, data, None)
    assert no.value.facts["free_mb"] == 10


def test_the_backup_folder_of_another_stack_is_refused(made: Made, engines: Engines) -> None:
    credentials.prepare(engines.folder)
    with pytest.raises(BackupOfAnother):
        backup.run(engines.folder, made.folder, None)


def test_a_server_that_heli_did_not_start_is_not_archived(tmp_path: Path) -> None:
    with pytest.raises(NotOurs):
        Engines(tmp_path / "data", database_url="postgresql://x", archive=tmp_path / "backup")


def test_where_the_archive_was_off_the_log_breaks_until_the_next_backup(tmp_path: Path) -> None:
    data, folder = tmp_path / "data", tmp_path / "backup"
    with Engines(data, archive=folder) as engines:
        started(engines)
        backup.run(data, folder, None)
        write(engines, 1)
    with Engines(data) as engines:
        gone = write(engines, 2)
        with psycopg.connect(engines.admin_dsn, autocommit=True) as admin:
            admin.execute("SELECT pg_switch_wal()")
            slots = admin.execute("SELECT count(*) FROM pg_replication_slots").fetchone()
        assert slots == (0,)  # nobody receives, so nothing is kept for a receiver
    with Engines(data, archive=folder) as engines:
        assert ("archive-lacks-base", {"folder": str(folder)}) in engines.notes
        back = write(engines, 3)
        with pytest.raises(OutsideRange) as no:
            restore.run(folder, back, tmp_path / "again", None)
        assert datetime.fromisoformat(str(no.value.facts["until"])) < gone
        backup.run(data, folder, None)
        assert not backups.lacks_base(folder)
        assert backups.choose(folder, None, WALDUMP).base.ended_at > back
