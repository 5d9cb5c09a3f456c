"""The part of the lock that one package needs, hashes and all: what an image installs.

`python -m heli.subset heli-gateway` reads requirements.lock and writes the part. The image's build
runs it before anything is installed, so it needs nothing but Python.
"""

import re
import sys
from pathlib import Path
from typing import Final

from heli.licences import locked, normal

LOCK: Final = Path("requirements.lock")
# Every distribution of ours needs kit and contracts.
_EVERYBODY: Final = "heli-shared"


class NotLocked(LookupError):
    """The lock does not name the package, and it is none of ours."""


def subset(lock: str, package: str) -> str:
    """Give the blocks of a lock that a package needs, directly or through others.

    `package` is a distribution of ours (`heli-gateway`) or a locked one (`uv`), which is then part
    of the answer. Raises NotLocked.
    """
    packages = locked(lock)
    ours = normal(package).partition("-")[0] == "heli"
    if not ours and normal(package) not in packages:
        raise NotLocked(package)
    wanted = {normal(package), _EVERYBODY} if ours else {normal(package)}
    size = 0
    while size < len(wanted):
        size = len(wanted)
        wanted |= {one.name for one in packages.values() if one.needed_by & wanted}
    blocks = re.split(r"(?m)^(?=[a-z0-9])", lock)
    return "".join(block for block in blocks if normal(block.partition("==")[0]) in wanted)


def main() -> None:
    """Write the part of the lock to standard output."""
    sys.stdout.write(subset(LOCK.read_text("utf-8"), sys.argv[1]))


if __name__ == "__main__":
    main()
