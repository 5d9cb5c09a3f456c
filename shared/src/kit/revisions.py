"""Schema heads: which one a code stands on, and on which ones it runs.

A revision is four digits, one higher with each step, and begins the name of the step's file. Known
without Alembic, which a process that serves never needs.
"""

from pathlib import Path
from typing import Final

_STEP: Final = "[0-9][0-9][0-9][0-9]_*.py"


def head(folder: Path) -> str:
    """Give the schema head that this code stands on. Raises LookupError where there is none."""
    steps = sorted(path.name for path in folder.glob(_STEP))
    if not steps:
        msg = f"no migration in {folder}"
        raise LookupError(msg)
    return steps[-1][:4]


def stands(found: str, needed: str) -> bool:
    """Say whether a database on the head `found` serves code of the head `needed`: newer does."""
    return len(found) == len(needed) and found.isdigit() and found >= needed
