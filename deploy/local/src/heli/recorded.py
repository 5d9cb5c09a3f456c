"""Records examples of every event from a running Heli, for the tests of later versions.

`python -m heli.recorded v0.1.0` writes `tests/recorded/v0.1.0/<service>.ndjson` from the stack on
the data folder: of each type the first few envelopes, in the order in which they were announced;
`heard.json`, who hears which type; and `migrations.json`, the digest of every step. Run it on a
demo, whose data are made up. What a demo never says is added by hand, once.
"""

import hashlib
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

from contracts.services import SERVICES
from heli import catalogue
from heli.client import Client
from heli.reach import caller

EACH: Final = 2
FOLDER: Final = Path("tests") / "recorded"
_BATCH: Final = 5  # rows of a recorded batch: the shape counts, not the size


def pick(client: Client, each: int = EACH) -> dict[str, list[dict[str, Any]]]:
    """Give the first envelopes of each type, by service."""
    found: dict[str, list[dict[str, Any]]] = {}
    counts = Counter[str]()
    for row in client.list("/operations/events"):
        envelope = row["envelope"]
        counts[envelope["type"]] += 1
        if counts[envelope["type"]] <= each:
            rows = envelope["data"].get("rows")
            if rows is not None:
                envelope["data"]["rows"] = rows[:_BATCH]
            found.setdefault(envelope["source"], []).append(envelope)
    return found


def write(version: str, found: dict[str, list[dict[str, Any]]]) -> list[Path]:
    """Write one file a service, and who hears what."""
    folder = FOLDER / version
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for service, envelopes in found.items():
        path = folder / f"{service}.ndjson"
        lines = (json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in envelopes)
        path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        paths.append(path)
    heard = catalogue.circle_of(catalogue.describe(one.package) for one in SERVICES)
    for name, what in (("heard", heard), ("migrations", steps())):
        path = folder / f"{name}.json"
        path.write_text(json.dumps(what, indent=1) + "\n", "utf-8")
        paths.append(path)
    return paths


def steps() -> dict[str, str]:
    """Give the digest of every service's migrations, by path."""
    return {
        path.as_posix(): f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
        for path in sorted(Path().glob("*/src/*/migrations/*.py"))
    }


def main() -> None:
    """Record into the folder of a version."""
    (version,) = sys.argv[1:]
    with caller(None, None) as client:
        for path in write(version, pick(client)):
            sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
