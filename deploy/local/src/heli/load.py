"""`heli load`: send a file of rows, follow its job, and show what was wrong with which row."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from heli import talk
from heli.client import MEDIA, Client
from heli.problems import Problem
from kit.clock import new_id

_SHOWN: Final = 50
_COUNTS: Final = ("accepted", "provisional", "duplicate", "revised", "rejected")
_LIVE: Final = ("accepted", "rejected")


class NoSuchFile(Problem):
    """The file to load is not there."""

    code = "no-such-file"


class FormUnknown(Problem):
    """The file is neither CSV nor NDJSON by its name."""

    code = "form-unknown"


@dataclass(frozen=True, slots=True)
class Loading:
    """What to load, where to, and under which key."""

    file: Path
    collection: str
    key: str

    @classmethod
    def of(cls, file: Path, collection: str, *, key: str | None, again: bool) -> "Loading":
        """Take the file's content as the key, so that a file sent twice has one effect."""
        if not file.is_file():
            raise NoSuchFile(file=str(file))
        if file.suffix.lower() not in MEDIA:
            raise FormUnknown(file=str(file), known=", ".join(sorted(MEDIA)))
        collection = collection.strip("/")
        if key is None:
            with file.open("rb") as content:
                digest = hashlib.file_digest(content, "sha256").hexdigest()
            key = new_id() if again else f"load-{collection}-{digest}"
        return cls(file, collection, key)


def run(client: Client, loading: Loading, *, as_json: bool) -> bool:
    """Send and follow to the end; says whether every row was taken."""
    with _progress(visible=not as_json) as progress:
        total = loading.file.stat().st_size
        task = progress.add_task(loading.file.name, total=total, counts="")
        job = client.upload(
            loading.collection,
            loading.file,
            key=loading.key,
            sent=lambda done: progress.update(task, completed=done),
        )

        def seen(state: dict[str, Any]) -> None:
            progress.update(task, counts=_counts(state, _LIVE))

        state = client.wait_job(job["id"], seen=seen)
    errors = list(islice(client.list(f"/jobs/{job['id']}/errors"), None if as_json else _SHOWN))
    if as_json:
        talk.print_json(state | {"errors": errors})
    else:
        _show(state, errors)
    return state["status"] == "done" and not state["rejected"]


def _progress(*, visible: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[counts]}"),
        console=talk.err,
        disable=not visible,
    )


def _counts(state: dict[str, Any], names: Sequence[str] = _COUNTS) -> str:
    return " · ".join(f"{name} {state.get(name, 0)}" for name in names)


def _show(state: dict[str, Any], errors: list[dict[str, Any]]) -> None:
    talk.say("loaded", job=state["id"], status=state["status"], counts=_counts(state))
    if state.get("fault"):
        talk.out.print_json(data=state["fault"])
    if state.get("ignored"):
        talk.say("columns-ignored", columns=", ".join(state["ignored"]))
    if not errors:
        return
    table = Table("行 row", "列 column", "原因 why", "建议 suggestion")
    for column in table.columns:
        column.overflow = "fold"
    for error in errors:
        fields = (error["row"], error["column"], error["message"], error.get("suggestion") or "")
        table.add_row(*map(str, fields))
    talk.out.print(table)
    if state["rejected"] > len({error["row"] for error in errors}):
        talk.say("more-errors", path=f"/api/v1/jobs/{state['id']}/errors")
