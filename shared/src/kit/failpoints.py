"""Named places at which a process can be made to die, for tests of what a kill may break.

`HELI_FAILPOINTS` names a folder (embedded mode only; production refuses it). A process that passes
a place takes away the file of that name there and dies as by `kill -9`; the file is gone, so that
the process that follows lives. Without a folder a pass costs one comparison.
"""

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

Place = Literal[
    "before-commit",
    "after-commit",
    "after-publish-before-mark",
    "reader-before-commit",
    "reader-after-commit-before-ack",
]


@dataclass(slots=True)
class _Armed:
    folder: Path | None = None


_armed: Final = _Armed()


def arm(folder: Path | None) -> None:
    """Look for files in this folder from now on; None looks for none."""
    _armed.folder = folder


def reach(place: Place) -> None:
    """Pass a place; the process ends here when its file is there."""
    if _armed.folder is None:
        return
    try:
        (_armed.folder / place).unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
