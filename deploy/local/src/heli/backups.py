"""A backup folder: whose it is, its base backups, and the write-ahead log that follows them.

FOLDER/stack.json              which stack it belongs to: one folder, one stack, one line of log
FOLDER/base/20261130T131500Z/  a base backup; `backup.json`, written last, names every file
FOLDER/wal/20261130T132000Z/   the log received since then; where it broke, a new one begins
"""

import contextlib
import hashlib
import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

from heli import keep
from heli.problems import Problem
from kit.deadlines import SHANGHAI

STACK: Final = "stack.json"
ABOUT: Final = "backup.json"
PARTIAL: Final = ".partial"
_SEGMENT: Final = 16 * 1024 * 1024  # bytes, as initdb sets it
_SEGMENT_NAME: Final = re.compile(r"[0-9A-F]{24}(\.partial)?")
_COMMITTED: Final = re.compile(r"(?:COMMIT|ABORT) (\d{4}-\d\d-\d\d [\d:.]+) UTC")
_CHUNK: Final = 1024 * 1024


class BackupOfAnother(Problem):
    """The folder holds another stack's backups, or those from before a restore."""

    code = "backup-of-another"


class NoBackup(Problem):
    """There is no whole base backup in the folder."""

    code = "no-backup"


class BackupDamaged(Problem):
    """A file of the backup is missing or is not what was written."""

    code = "backup-damaged"


class OutsideRange(Problem):
    """The time asked for is not one that the backups can bring back."""

    code = "restore-outside-range"


def identity(folder: Path) -> str:
    """Give the name of the stack of a data folder, made when first asked for."""
    return keep.secret(folder / STACK, "stack")


def prepare(folder: Path, stack: str) -> None:
    """Make a backup folder for its owner alone; refuses one that belongs to another stack."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = keep.read_json(folder / STACK).get("stack")
    if owner is None:
        keep.write_json(folder / STACK, {"stack": stack})
    elif owner != stack:
        raise BackupOfAnother(folder=str(folder))
    for part in ("base", "wal"):
        (folder / part).mkdir(mode=0o700, exist_ok=True)


def stamp(now: datetime) -> str:
    """Name a base backup or a run of the log by its time: the names sort by it."""
    return now.astimezone(UTC).strftime("%Y%m%dT%H%M%S%fZ")


def digest(path: Path) -> str:
    """Give a file's SHA-256."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


@dataclass(frozen=True, slots=True)
class Base:
    """A base backup: all six databases at one position of the log, which is after `ended_at`."""

    folder: Path
    ended_at: datetime
    major: int
    timeline: int
    first: int
    last: int
    files: dict[str, str]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what a base backup says about itself; refuses BackupDamaged."""
        about = keep.read_json(folder / ABOUT)
        try:
            return cls(
                folder,
                datetime.fromisoformat(about["ended_at"]),
                int(about["postgres"]),
                int(about["timeline"]),
                int(about["first_segment"]),
                int(about["last_segment"]),
                dict(about["files"]),
            )
        except (KeyError, TypeError, ValueError) as no:
            raise BackupDamaged(file=str(folder / ABOUT), reason=str(no)) from no

    def check(self) -> None:
        """Read every file once; refuses BackupDamaged where one is not what was written."""
        for name, expected in self.files.items():
            path = self.folder / name
            if not path.is_file():
                raise BackupDamaged(file=str(path), reason="missing")
            if digest(path) != expected:
                raise BackupDamaged(file=str(path), reason="SHA-256")

    def followed_by(self, folder: Path) -> list[Path]:
        """Give the received log that goes on where this ends, without a gap, in order.

        It begins with the backup's own last segment, which the received one replaces: the backup's
        copy ends in the middle.
        """
        have: dict[str, Path] = {}
        for path in sorted((folder / "wal").glob("*/*")):
            if _SEGMENT_NAME.fullmatch(path.name):
                name = path.name.removesuffix(PARTIAL)
                if name not in have or have[name].name.endswith(PARTIAL):
                    have[name] = path
        run: list[Path] = []
        number = self.last
        whole = True
        while whole and (then := have.get(segment(self.timeline, number))) is not None:
            whole = not then.name.endswith(PARTIAL)  # the log goes on only after a whole one
            if whole or number > self.last:
                run.append(then)
            number += 1
        return run


def segments_of(manifest: Path) -> tuple[int, int, int]:
    """Give timeline, first and last segment of the log that a base backup needs."""
    (need,) = json.loads(manifest.read_text(encoding="utf-8"))["WAL-Ranges"]
    first, last = _position(need["Start-LSN"]), _position(need["End-LSN"]) - 1
    return int(need["Timeline"]), first // _SEGMENT, last // _SEGMENT


def segment(timeline: int, number: int) -> str:
    """Name a segment of the log as PostgreSQL does."""
    return f"{timeline:08X}{number >> 8:08X}{number & 0xFF:08X}"


def _position(lsn: str) -> int:
    high, low = lsn.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def bases(folder: Path) -> list[Base]:
    """Give the whole base backups of a folder, oldest first; refuses NoBackup."""
    found = [Base.read(about.parent) for about in sorted(folder.glob(f"base/*/{ABOUT}"))]
    if not found:
        raise NoBackup(folder=str(folder))
    return found


@dataclass(frozen=True, slots=True)
class Chosen:
    """What brings a time back: a base backup, the log after it, the time (None: all there is)."""

    base: Base
    log: list[Path]
    to: datetime | None


def choose(folder: Path, to: datetime | None, waldump: Path) -> Chosen:
    """Take the newest base backup that ended before the time, and the log after it.

    Refuses: NoBackup, OutsideRange (with the range that can be brought back).
    """
    have = bases(folder)
    if to is None:
        return Chosen(have[-1], have[-1].followed_by(folder), None)
    before = [one for one in have if one.ended_at <= to]
    base = before[-1] if before else have[-1]
    log = base.followed_by(folder)
    until = last_commit(log, waldump, default=base.ended_at)
    if not before or to > until:
        since = base if before else have[0]
        raise OutsideRange(to=_shown(to), since=_shown(since.ended_at), until=_shown(until))
    return Chosen(base, log, None if to == until else to)


def _shown(at: datetime) -> str:
    return at.astimezone(SHANGHAI).isoformat()


def last_commit(log: list[Path], waldump: Path, *, default: datetime) -> datetime:
    """Give the time of the last transaction that ended in the log."""
    for path in reversed(log):
        found = list(_commits(path, waldump))
        if found:
            return max(default, *found)
    return default


def _commits(path: Path, waldump: Path) -> Iterator[datetime]:
    with tempfile.TemporaryDirectory() as place:
        # It goes by the name, and a segment that still grows has another one.
        named = Path(place, path.name.removesuffix(PARTIAL))
        named.symlink_to(path.resolve())
        said = subprocess.run(  # noqa: S603  our own program, no shell
            [waldump, "--rmgr=Transaction", named],
            capture_output=True,
            text=True,
            check=False,  # the end of what was written is an error to it
            env={"LC_ALL": "C", "TZ": "UTC"},
        )
    for at in _COMMITTED.findall(said.stdout):
        yield datetime.fromisoformat(at).replace(tzinfo=UTC)


def new_run(folder: Path, now: datetime) -> Path:
    """Begin a run of the log."""
    made = folder / "wal" / stamp(now)
    made.mkdir(mode=0o700)
    return made


def last_run(folder: Path) -> Path | None:
    """Give the newest run of the log."""
    return max((folder / "wal").iterdir(), default=None)


def lacks_base(folder: Path) -> bool:
    """Say whether the newest run of the log has no base backup that it could follow."""
    run = last_run(folder)
    if run is None:
        return False
    with contextlib.suppress(NoBackup):
        return bases(folder)[-1].folder.name < run.name
    return True


def write_about(folder: Path, about: dict[str, Any]) -> None:
    """Write what a base backup says about itself, with every file in it: it is whole from now."""
    names = (path for path in sorted(folder.rglob("*")) if path.is_file())
    files = {str(path.relative_to(folder)): digest(path) for path in names}
    keep.write_json(folder / ABOUT, about | {"files": files})
