"""Every snippet of the README and the guides is typed as it stands, on the world of `make run`."""

import json
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from heli.child import wait_until

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "README.zh-CN.md",
    *sorted((ROOT / "docs" / "guides").glob("*.md")),
]
BOX = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The demo's world, played with few stations, left running as `make run` does."""
    data = tmp_path_factory.mktemp("guides") / "demo"
    command = [sys.executable, "-m", "heli", "demo", "--stay", "--stations", "60", "--json"]
    said = tmp_path_factory.mktemp("said") / "page.json"
    with said.open("w") as out:
        play = subprocess.Popen([*command, "--data", str(data)], stdout=out, start_new_session=True)
    try:
        wait_until(lambda: bool(said.read_text("utf-8")) or play.poll() is not None, seconds=240)
        assert json.loads(said.read_text("utf-8"))["ok"]
        yield data
    finally:
        play.send_signal(signal.SIGINT)
        play.wait(60)


def script(page: Path) -> str:
    """Turn a page into one shell script: shell boxes as they stand, Python boxes through python."""
    parts = ["set -euo pipefail"]
    for language, text in BOX.findall(page.read_text("utf-8")):
        parts.append(text if language == "sh" else f"python - <<'PYTHON'\n{text}PYTHON\n")
    return "\n".join(parts)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_snippet_of_a_page_works_as_it_stands(
    page: Path, world: Path, tmp_path: Path
) -> None:
    (tmp_path / ".venv").symlink_to(sys.prefix)
    typed = f"export HELI_DATA={shlex.quote(str(world))}\n{script(page)}"
    done = subprocess.run(
        ["bash", "-c", typed],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    # Some snippets show a refusal on purpose; none may ask for what is not there.
    said = done.stdout.replace(" ", "")
    assert '"code":"no-such' not in said
    assert '"code":"not-found' not in said
    assert '"code":"access-token' not in said
