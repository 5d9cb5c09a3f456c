"""A process dies at a named place once, where a test asked for it, and nowhere else."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from psycopg.errors import ConnectionTimeout
from pydantic import ValidationError
from sqlalchemy.exc import OperationalError

from kit.failures import is_outage
from kit.settings import ServiceSettings

PASS = """
import sys
from pathlib import Path
from kit import failpoints
failpoints.arm(Path(sys.argv[1]) if sys.argv[1:] else None)
failpoints.reach("before-commit")
failpoints.reach("after-commit")
"""


def passing(*folder: Path) -> int:
    return subprocess.run([sys.executable, "-c", PASS, *folder], check=False).returncode


def test_a_process_dies_at_the_place_whose_file_is_there_and_the_next_one_lives(
    tmp_path: Path,
) -> None:
    (tmp_path / "after-commit").touch()
    assert passing(tmp_path) == -signal.SIGKILL
    assert list(tmp_path.iterdir()) == []
    assert passing(tmp_path) == 0


def test_nobody_dies_without_a_folder() -> None:
    assert passing() == 0


def test_production_has_no_failpoints(tmp_path: Path) -> None:
    needed = {"database_url": "x", "nats_url": "x", "keys": tmp_path, "failpoints": tmp_path}
    assert ServiceSettings.model_validate(needed | {"mode": "embedded"}).failpoints == tmp_path
    with pytest.raises(ValidationError, match="HELI_FAILPOINTS"):
        ServiceSettings.model_validate(needed | {"mode": "production"})


def test_a_connection_that_took_too_long_is_an_outage() -> None:
    assert is_outage(OperationalError("SELECT 1", {}, ConnectionTimeout()))
