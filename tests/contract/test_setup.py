"""`make setup` on a machine whose Python does not fit: it says what it found and what to do."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SETUP = Path(__file__).parents[2] / "deploy" / "setup.sh"
OLD = 'sys.version_info = (3, 9, 2, "final", 0)'
NEW = 'sys.version_info = (3, 15, 0, "final", 0)'
BARE = 'sys.modules["ensurepip"] = None'


@pytest.fixture
def bin_(tmp_path: Path) -> Path:
    """A folder of programs with everything that the script uses but Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("bash", "sed", "head", "rm", "env"):
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    return folder


def plant(folder: Path, name: str, change: str) -> None:
    """Plant a Python that differs from this one as told."""
    script = f"import sys; {change}; exec(sys.argv.pop(1))"
    (folder / name).write_text(f"#!/bin/sh\nexec '{sys.executable}' -c '{script}' \"$2\"\n")
    (folder / name).chmod(0o755)


def setup(bin_: Path, **env: str) -> subprocess.CompletedProcess[str]:
    place = bin_.parent / "clone"
    place.mkdir(exist_ok=True)
    return subprocess.run(
        [str(bin_ / "bash"), str(SETUP)],
        capture_output=True,
        text=True,
        check=False,
        cwd=place,
        env={"PATH": str(bin_), **env},
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (OLD, "python3 (3.9.2)"),
        (NEW, "python3 (3.15.0)"),
        (BARE, "without the module ensurepip"),
        ('raise SystemExit("broken")', "python3 (does not run)"),
    ],
)
def test_a_python_that_does_not_fit_is_named_with_the_way_out(
    bin_: Path, change: str, words: str
) -> None:
    plant(bin_, "python3", change)
    done = setup(bin_)
    assert done.returncode == 1
    assert words in done.stderr
    assert "HELI_PYTHON=" in done.stderr
    assert "试试" in done.stderr
    assert not (bin_.parent / "clone" / ".venv").exists()


def test_no_python_at_all_is_said(bin_: Path) -> None:
    done = setup(bin_)
    assert done.returncode == 1
    assert "Found: none" in done.stderr


def test_one_that_was_named_is_not_replaced_by_another(bin_: Path) -> None:
    plant(bin_, "python3.9", OLD)
    (bin_ / "python3").symlink_to(sys.executable)
    done = setup(bin_, HELI_PYTHON="python3.9")
    assert done.returncode == 1
    assert "python3.9 (3.9.2)" in done.stderr
    assert "/no/python (not found)" in setup(bin_, HELI_PYTHON="/no/python").stderr
