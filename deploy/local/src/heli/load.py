"""`heli load`: send a file of rows, follow its job, and show what was wrong with which row."""

import errno
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from contracts.roles import OPERATIONS
from heli import talk
from heli.client import MEDIA, Client
from heli.problems import Problem
from kit.clock import elapsed_s, new_id

_SHOWN: Final = 20
_COUNTS: Final = ("accepted", "provisional", "duplicate", "revised", "rejected", "skipped")
_LIVE: Final = ("accepted", "rejected")
_SHEETS: Final = (".csv", ".xlsx")
_BOTH: Final = ("zh", "en")
COLLECTIONS: Final = sorted(
    operation.removeprefix("POST /").removesuffix(":import")
    for operations in OPERATIONS.values()
    for operation in operations
    if operation.endswith(":import")
)


class NoSuchFile(Problem):
    """The file to load is not there."""

    code = "no-such-file"


class FormUnknown(Problem):
    """The file has none of the endings that tell its form."""

    code = "form-unknown"


class NoSuchCollection(Problem):
    """Nothing of that name is loaded in bulk."""

    code = "no-such-collection"


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
        if collection not in COLLECTIONS:
            raise NoSuchCollection(collection=collection, known=", ".join(COLLECTIONS))
        if key is None:
            with file.open("rb") as content:
                digest = hashlib.file_digest(content, "sha256").hexdigest()
            key = new_id() if again else f"load-{collection}-{digest}"
        return cls(file, collection, key)


def run(client: Client, loading: Loading, *, errors: Path | None, as_json: bool) -> bool:
    """Send and follow to the end; says whether every row was taken."""
    with _kept(errors) as part:
        with _progress(visible=not as_json) as progress:
            state = _send(client, loading, progress)
        path = f"/jobs/{state['id']}/errors"
        faults = list(islice(client.list(path), None if as_json else _SHOWN))
        if errors and part and state["rejected"]:
            answer = client.send("GET", f"{path}{errors.suffix.lower()}")
            part.write_bytes(answer.content)
            part.replace(errors)
            state["errors_file"] = str(errors)
            state["errors_next"] = answer.links.get("next", {}).get("url")
    if as_json:
        talk.print_json(state | {"errors": faults})
    else:
        _show(client, state, faults)
    return state["status"] == "done" and not state["rejected"]


@contextmanager
def _kept(errors: Path | None) -> Iterator[Path | None]:
    """Hold the place of the error file before anything is sent; raises OSError if none can be."""
    if errors is None:
        yield None
        return
    if errors.suffix.lower() not in _SHEETS:
        raise FormUnknown(file=str(errors), known=", ".join(_SHEETS))
    part = errors.with_name(f"{errors.name}.{new_id()}.part")
    try:
        if errors.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        part.touch(exist_ok=False)
    except OSError as no:
        raise type(no)(no.errno, no.strerror, str(errors)) from no
    try:
        yield part
    finally:
        with suppress(FileNotFoundError):
            part.unlink()


def _send(client: Client, loading: Loading, progress: Progress) -> dict[str, Any]:
    """Send the file and follow its job, with a bar for each."""
    size = loading.file.stat().st_size
    rows = _rows(loading.file) if progress.live.is_started else None
    sending = progress.add_task(loading.file.name, total=size, said="")
    begun = elapsed_s()

    def sent(done: int) -> None:
        rate = done / 1e6 / max(elapsed_s() - begun, 1e-3)
        progress.update(sending, completed=done, said=f"{done / 1e6:.1f} MB · {rate:.1f} MB/s")

    job = client.upload(loading.collection, loading.file, key=loading.key, sent=sent)
    taking = progress.add_task(loading.collection, total=rows, said="")
    begun = elapsed_s()

    def seen(state: dict[str, Any]) -> None:
        done = sum(state.get(name, 0) for name in _LIVE)
        rate = done / max(elapsed_s() - begun, 1e-3)
        said = f"{_counts(state, _LIVE)} · {rate:,.0f} 行 rows/s"
        progress.update(taking, completed=done, said=said)
        if state["status"] in {"done", "failed"}:
            progress.update(taking, total=max(done, 1), completed=max(done, 1))

    return client.wait_job(job["id"], seen=seen)


def _rows(file: Path) -> int | None:
    """Count the lines of a text file, for the bar; a workbook does not tell before it is read."""
    if MEDIA[file.suffix.lower()].startswith("application/vnd"):
        return None
    with file.open("rb") as content:
        return sum(piece.count(b"\n") for piece in iter(lambda: content.read(1 << 20), b"")) or None


def _progress(*, visible: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[said]}"),
        TimeElapsedColumn(),
        console=talk.err,
        disable=not visible,
    )


def _counts(state: dict[str, Any], names: Sequence[str] = _COUNTS) -> str:
    return " · ".join(f"{name} {state.get(name, 0)}" for name in names)


def _show(client: Client, state: dict[str, Any], faults: list[dict[str, Any]]) -> None:
    talk.say("loaded", job=state["id"], status=state["status"], counts=_counts(state))
    path = f"/jobs/{state['id']}"
    if state.get("fault"):
        for language in _BOTH:
            talk.out.print(_in(client, path, language)["fault"]["message"], markup=False)
    if state.get("sheet"):
        talk.say("sheet-read", sheet=state["sheet"])
    if state.get("ignored"):
        talk.say("columns-ignored", columns=", ".join(state["ignored"]))
    if faults:
        _say_faults(faults, _in(client, f"{path}/errors", "en", limit=_SHOWN)["items"])
        more = state["rejected"] - len({fault["row"] for fault in faults})
        if more > 0:
            talk.say("more-errors", count=more, path=f"/api/v1{path}/errors")
    if state.get("errors_file"):
        talk.say("errors-written", file=state["errors_file"])
        if state["errors_next"]:
            talk.say("errors-go-on", path=state["errors_next"])
    elif faults:
        talk.say("errors-option")


def _in(client: Client, path: str, language: str, **params: object) -> Any:  # noqa: ANN401  whatever JSON stands there
    return client.send("GET", path, params=params, headers={"Accept-Language": language}).json()


def _say_faults(zh: list[dict[str, Any]], en: list[dict[str, Any]]) -> None:
    """Say each fault in both languages, with what was got and what would be right."""
    for fault, other in zip(zh, en, strict=False):
        facts = {
            f"{name}_{language}": one[name] or "—"
            for name in ("message", "expected")
            for language, one in zip(_BOTH, (fault, other), strict=True)
        }
        facts |= {name: fault[name] or "—" for name in ("row", "column", "got", "suggestion")}
        talk.say("row-fault", **facts)
