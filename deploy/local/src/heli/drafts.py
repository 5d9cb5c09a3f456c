"""Drafts the next migration of every service whose tables differ from its steps: `make migration`.

Each service compares its own tables with a real database on its own head, so that nothing here
imports one.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from contracts.services import SERVICES
from heli.databases import Database, migrations, provision
from heli.engines import Engines
from kit.migrations import migrate


def main() -> None:
    """Write the drafts beside the steps that stand."""
    with tempfile.TemporaryDirectory() as folder, Engines(Path(folder)) as engines:
        provision(engines)
        for service in SERVICES:
            database = Database(service, engines)
            steps = migrations(service)
            if any(steps.glob("*.py")):  # a new service has none yet
                migrate(steps, database.url(database.owner), database.app)
            command = [sys.executable, "-m", f"{service.package}.app", "draft"]
            command += ["--owner-url", database.url(database.owner)]
            subprocess.run(command, check=True)  # noqa: S603


if __name__ == "__main__":
    main()
