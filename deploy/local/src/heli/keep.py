"""Small files of the data folder, readable by their owner alone and never half written."""

import json
import os
import secrets
from pathlib import Path
from typing import Any

from heli.problems import Problem


class Damaged(Problem):
    """A kept file is not what was written."""

    code = "file-damaged"


def write(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Put a whole file in place in one step."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def write_json(path: Path, value: object) -> None:
    """Put a JSON file in place in one step."""
    write(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; an absent file is an empty one. Refuses Damaged."""
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as no:
        raise Damaged(file=str(path), reason=str(no)) from no
    if not isinstance(found, dict):
        raise Damaged(file=str(path), reason="not an object")
    return found


def secret(path: Path, name: str) -> str:
    """Give the secret of this name, made at the first question and kept in a JSON file."""
    kept = read_json(path)
    if name not in kept:
        kept[name] = secrets.token_urlsafe(24)
        write_json(path, kept)
    return str(kept[name])
