"""`heli restore`: an empty data folder becomes what a stack was at a time.

The order is such that an interrupted one is seen: `restoring.json` stands in the folder from the
first to the last step, `heli up` refuses it, and the next `heli restore` begins anew.
"""

import shutil
import tarfile
import time
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import psycopg
import typer

from contracts.services import SERVICES
from heli import backups, keep, reach, talk
from heli import folder as place
from heli.backup import KEPT
from heli.backups import PARTIAL, BackupDamaged, Chosen
from heli.binaries import Binaries
from heli.engines import RESTORING, Engines
from heli.examples import examples
from heli.ports import FILE as PORTS
from heli.postgres import OtherMajor, Postgres
from heli.problems import Problem
from heli.settings import Settings
from kit.deadlines import SHANGHAI

EXAMPLES: Final = examples(
    "heli restore /backups/heli --data ~/heli-restored",
    'heli restore /backups/heli --to "2026-11-30T21:15:00+08:00" --data ~/heli-restored',
)
_REPLAYED: Final = timedelta(days=30)  # as long as streams keep events
_MB: Final = 1024 * 1024
_LITTLE_MB: Final = 4
_UNPACKED: Final = 8  # times its packed size, at most as measured
_OWN: Final = {"lock", "logs"}  # what is in a data folder in which nothing was started


class NotEmpty(Problem):
    """There is something in the folder that the restore would have to overwrite."""

    code = "restore-not-empty"


class RestoreFailed(Problem):
    """A step after the recovery, or the system, refused."""

    code = "restore-failed"


class TimeUnreadable(Problem):
    """The time asked for is none."""

    code = "restore-time-unreadable"


def restore(
    folder: Annotated[Path, typer.Argument(help="备份文件夹 the backup folder")],
    *,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            help="恢复到此刻，如 2026-11-30T21:15:00+08:00；无时区为北京时间；不写则到最后一笔 "
            "the time to bring back; without an offset Beijing's; left out: the last there is",
            show_default=False,
        ),
    ] = None,
    data: reach.DataOption = None,
    as_json: reach.JsonOption = False,
) -> None:
    """恢复 make an empty data folder what a stack was at a time."""
    settings = Settings().changed(data=data)
    at = None if to is None else _time(to)
    with talk.working("restoring", visible=not as_json, data=settings.data):
        done = run(folder.absolute(), at, settings.data, settings.pg_bin)
    if as_json:
        talk.print_json(done)
    else:
        talk.say("restored", **done)


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as no:
        raise TimeUnreadable(got=text) from no
    return found if found.tzinfo else found.replace(tzinfo=SHANGHAI)


def run(folder: Path, to: datetime | None, data: Path, pg_bin: Path | None) -> dict[str, Any]:
    """Bring a stack back into an empty data folder, and say to when, and what it took.

    Refuses: NoBackup, OutsideRange, BackupDamaged, OtherMajor, NotEmpty, InUse, DiskFull.
    """
    began = time.monotonic()
    binaries = Binaries.find(pg_bin)
    chosen = backups.choose(folder, to, binaries.bin / "pg_waldump")
    if chosen.base.major != binaries.major():
        raise OtherMajor(
            folder=str(chosen.base.folder), found=chosen.base.major, have=binaries.major()
        )
    _check_empty(data)
    chosen.base.check()
    engines = Engines(data, pg_bin=pg_bin)
    engines.claim()
    try:
        _begin(engines.folder, chosen)
        engines.recover(partial(lay, chosen), _aim(chosen))
        reached = _reached(engines)
        sent = republish(engines)
    except (psycopg.Error, OSError) as no:
        place.check_room(engines.folder, _LITTLE_MB)  # a full disk has many names
        raise RestoreFailed(words=str(no).strip()) from no
    finally:
        engines.stop()
    (engines.folder / RESTORING).unlink()
    return {
        "data": str(engines.folder),
        "base": str(chosen.base.folder),
        "to": to.isoformat() if to else None,
        "last_commit": reached,
        "republished": sent,
        "seconds": round(time.monotonic() - began, 1),
    }


def _check_empty(data: Path) -> None:
    """Refuse a folder with anything in it, but for what an interrupted restore left."""
    if not data.exists() or (data / RESTORING).exists():
        return
    if place.in_use(data):
        place.lock(data)  # says who has it
    found = sorted({path.name for path in data.iterdir()} - _OWN)
    if found:
        raise NotEmpty(folder=str(data.absolute()), found=", ".join(found[:3]))


def _begin(data: Path, chosen: Chosen) -> None:
    """Mark the folder, clear what an interrupted restore left, and lay keys and files."""
    home = Path(keep.read_json(data / PORTS).get("home") or data)
    for left in (home / "pg", home / "pg.new", data / place.FILES):
        shutil.rmtree(left, ignore_errors=True)
    keep.write_json(data / RESTORING, {"base": str(chosen.base.folder)})
    kept = chosen.base.folder / "kept"
    for name in KEPT:
        keep.write(data / name, (kept / name).read_text(encoding="utf-8"))
    # The servers' ports may be in use where the first stack still runs, its place is another.
    left_out = {"postgres", "nats", "home"}
    ports = keep.read_json(data / PORTS)
    keep.write_json(data / PORTS, {n: port for n, port in ports.items() if n not in left_out})
    if (kept / place.FILES).is_dir():
        shutil.copytree(kept / place.FILES, data / place.FILES)
    # From here on its log is another line: a new name, so it cannot be mixed with the old one.
    (data / backups.STACK).unlink(missing_ok=True)


def lay(chosen: Chosen, server: Postgres) -> None:
    """Unpack the base backup as the server's data, with all the log that it is to read."""
    base = chosen.base.folder
    packed = sum(path.stat().st_size for path in base.glob("*.tar.gz"))
    log = sum(path.stat().st_size for path in chosen.log)
    place.check_room(server.home, (packed * _UNPACKED + log) // _MB + place.LATER_MB)
    draft = server.draft
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    _unpack(base / "base.tar.gz", draft)
    wal = draft / "pg_wal"
    _unpack(base / "pg_wal.tar.gz", wal)
    for path in chosen.log:
        shutil.copyfile(path, wal / path.name.removesuffix(PARTIAL))
    (draft / "recovery.signal").touch(mode=0o600)
    server.adopt(draft)


def _unpack(archive: Path, target: Path) -> None:
    """Write the folders and files of an archive for us alone; there are no links in one of ours.

    By hand: `extractall` has a filter only from Python 3.11.4 on; without, root gives files away.
    """
    target = target.resolve()
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                path = (target / member.name).resolve()
                data = tar.extractfile(member) if member.isreg() else None
                if not path.is_relative_to(target) or not (data or member.isdir()):
                    raise BackupDamaged(file=str(archive), reason=member.name)
                (path.parent if data else path).mkdir(mode=0o700, parents=True, exist_ok=True)
                if data is not None:
                    path.touch(mode=0o600, exist_ok=False)
                    with data, path.open("wb") as file:
                        shutil.copyfileobj(data, file)
    except (tarfile.TarError, EOFError) as no:
        raise BackupDamaged(file=str(archive), reason=str(no)) from no


def _aim(chosen: Chosen) -> dict[str, str]:
    """Say how far to recover; all the log is in place, so nothing is to be fetched."""
    aim = {
        "restore_command": "'false'",
        "recovery_target_action": "'promote'",
        "recovery_init_sync_method": "syncfs",  # once, not file by file
        "hot_standby": "off",  # else it says that it is ready while it only takes reads
    }
    if chosen.to is not None:
        aim["recovery_target_time"] = f"'{chosen.to.isoformat()}'"
    return aim


def _reached(engines: Engines) -> str | None:
    with psycopg.connect(engines.admin_dsn, autocommit=True) as admin:
        row = admin.execute("SELECT pg_last_xact_replay_timestamp()").fetchone()
    return row[0].astimezone(SHANGHAI).isoformat() if row and row[0] else None


def republish(engines: Engines) -> int:
    """Have every service say all events of the last 30 days again, and give their number.

    The streams begin anew with the first start: what they held may be of a time that is no more.
    The outbox is the record; readers' inboxes drop what was done (design of events).
    """
    count = 0
    for service in SERVICES:
        with psycopg.connect(engines.admin_dsn, dbname=service.package) as inside:
            # Counted from its own last event: `--today` may have played another day.
            change = """
                UPDATE outbox SET published_at = NULL
                WHERE at >= (SELECT max(at) FROM outbox) - %s
            """
            count += inside.execute(change, [_REPLAYED]).rowcount
    return count
