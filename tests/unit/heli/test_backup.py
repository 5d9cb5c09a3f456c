"""What a backup keeps beside the databases."""

from pathlib import Path

from heli.backup import KEPT
from heli.credentials import prepare


def test_every_key_that_a_start_would_make_anew_is_in_a_backup(tmp_path: Path) -> None:
    prepare(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} <= set(KEPT)
