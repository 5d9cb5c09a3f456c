"""`heli backup`: a base backup of all six databases, with the keys and files beside them."""

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Annotated, Any, Final

import psycopg
import typer

from heli import archive, backups, reach, talk
from heli import folder as place
from heli.binaries import Binaries
from heli.credentials import NotStarted
from heli.engines import Engines, NotOurs
from heli.examples import examples
from heli.problems import Problem
from heli.settings import Settings
from kit.clock import Clock
from kit.deadlines import SHANGHAI

# Whatever a folder has once only: `credentials.prepare` would make another one without a word.
KEPT: Final = (
    "secrets.json",
    "signing.json",
    "keys.json",
    "column-keys.json",
    "bootstrap.json",
    "ports.json",
)
_MB: Final = 1024 * 1024
_LOG_MB: Final = 64
EXAMPLES: Final = examples("heli backup /backups/heli", "heli backup /backups/heli --json")


class BackupFailed(Problem):
    """PostgreSQL's program did not finish."""

    code = "backup-failed"


def backup(
    folder: Annotated[Path, typer.Argument(help="备份文件夹 the backup folder")],
    *,
    data: reach.DataOption = None,
    as_json: reach.JsonOption = False,
) -> None:
    """备份 make a base backup of what runs: databases, keys, files. Nothing stops meanwhile."""
    settings = Settings().changed(data=data)
    home = reach.found(settings.data)
    state = reach.running(home)
    if not state:
        raise NotStarted(folder=str(home.absolute()))
    if "postgres" not in state["engines"]:
        raise NotOurs
    with talk.working("backing-up", visible=not as_json, folder=folder):
        done = run(home, folder.absolute(), settings.pg_bin)
    archived = state["engines"].get("archive") is not None
    if as_json:
        talk.print_json(done | {"archived": archived})
    else:
        talk.say("backed-up", **done)
        if not archived:
            talk.say("not-archived", folder=folder, data=home)


def run(home: Path, folder: Path, pg_bin: Path | None) -> dict[str, Any]:
    """Make a base backup of the stack on a data folder, and say where, when and how large.

    Refuses: BackupOfAnother, DiskFull, BackupFailed.
    """
    clock, began = Clock(), time.monotonic()
    engines = Engines(home)
    backups.prepare(folder, backups.identity(home))
    began_at = clock.now()
    draft = folder / "base" / f".{backups.stamp(began_at)}"
    for left in (folder / "base").glob(".*"):
        shutil.rmtree(left)  # an interrupted one
    try:
        ended_at, major = _base(engines, draft, Binaries.find(pg_bin))
        _keep(home, draft)
        timeline, first, last = backups.segments_of(draft / "backup_manifest")
        about = {
            "began_at": began_at.isoformat(),
            "ended_at": ended_at,
            "postgres": major,
            "timeline": timeline,
            "first_segment": first,
            "last_segment": last,
        }
        backups.write_about(draft, about)
        os.sync()  # before its name says that it is whole
        made = draft.rename(draft.with_name(backups.stamp(clock.now())))
    except psycopg.Error as no:
        raise BackupFailed(words=str(no).strip()) from no
    finally:
        shutil.rmtree(draft, ignore_errors=True)  # nothing, once it has its name
    size = sum(path.stat().st_size for path in made.rglob("*"))
    return {
        "base": str(made),
        "ended_at": ended_at,
        "mb": round(size / _MB, 1),
        "seconds": round(time.monotonic() - began, 1),
    }


def _base(engines: Engines, draft: Path, binaries: Binaries) -> tuple[str, int]:
    """Copy the cluster as it runs, with the log that makes the copy whole."""
    with psycopg.connect(engines.admin_dsn, autocommit=True) as admin:
        row = admin.execute("SELECT sum(pg_database_size(oid)) FROM pg_database").fetchone()
        size = int(row[0]) if row else 0
        # Compressed it is about a seventh; a half leaves room for what compresses badly.
        place.check_room(draft.parent, size // 2 // _MB + _LOG_MB)
        done = subprocess.run(  # noqa: S603  our own program, no shell
            [
                *(binaries.bin / "pg_basebackup", "--pgdata", draft, "--no-password"),
                *("--format=tar", "--gzip", "--compress=1"),
                *("--wal-method=stream", "--checkpoint=fast"),
            ],
            env=archive.coming(engines.admin_dsn),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise BackupFailed(words=done.stderr.strip())
        # The server's clock, as the log's times are; now every position of the backup is past.
        row = admin.execute("SELECT clock_timestamp()").fetchone()
        if row is None:
            raise LookupError
        return row[0].astimezone(SHANGHAI).isoformat(), admin.info.server_version // 10_000


def _keep(home: Path, draft: Path) -> None:
    kept = draft / "kept"
    kept.mkdir(mode=0o700)
    for name in KEPT:
        shutil.copyfile(home / name, kept / name)
        (kept / name).chmod(0o600)
    # A stored file never changes, so copying beside its users is safe.
    if (home / place.FILES).is_dir():
        shutil.copytree(home / place.FILES, kept / place.FILES)
