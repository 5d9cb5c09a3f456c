"""What `heli load` sends, and under which key."""

from pathlib import Path

import pytest

from heli.load import FormUnknown, Loading, NoSuchFile


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text("code\n91330106MA0000023E\n", encoding="utf-8")
    return path


def test_the_same_content_for_the_same_collection_has_the_same_key(file: Path) -> None:
    keys = {Loading.of(file, name, key=None, again=False).key for name in ("entities", "entities/")}
    assert len(keys) == 1
    assert Loading.of(file, "targets", key=None, again=False).key not in keys


def test_sending_anew_or_under_a_given_key_is_possible(file: Path) -> None:
    first, second = (Loading.of(file, "entities", key=None, again=True).key for _ in range(2))
    assert first != second
    assert Loading.of(file, "entities", key="mine", again=False).key == "mine"


def test_what_is_no_file_or_neither_csv_nor_ndjson_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(NoSuchFile):
        Loading.of(tmp_path / "none.csv", "entities", key=None, again=False)
    workbook = tmp_path / "rows.xls"
    workbook.touch()
    with pytest.raises(FormUnknown):
        Loading.of(workbook, "entities", key=None, again=False)
