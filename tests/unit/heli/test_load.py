"""What `heli load` sends, and under which key."""

from pathlib import Path

import pytest

from heli.load import COLLECTIONS, FormUnknown, Loading, NoSuchCollection, NoSuchFile, _kept


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


def test_what_is_no_file_or_of_no_known_form_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(NoSuchFile):
        Loading.of(tmp_path / "none.csv", "entities", key=None, again=False)
    sheet = tmp_path / "rows.ods"
    sheet.touch()
    with pytest.raises(FormUnknown):
        Loading.of(sheet, "entities", key=None, again=False)


def test_a_collection_that_is_not_loaded_in_bulk_is_refused_with_those_that_are(file: Path) -> None:
    with pytest.raises(NoSuchCollection) as no:
        Loading.of(file, "entites", key=None, again=False)
    assert no.value.facts["known"] == ", ".join(COLLECTIONS)
    assert {"entities", "signals", "clues", "visits"} <= set(COLLECTIONS)


def test_the_place_of_the_error_file_is_tried_before_anything_is_sent(tmp_path: Path) -> None:
    wanted = tmp_path / "mend.xlsx"
    with _kept(wanted) as part:
        assert part is not None
        assert part.exists()
    assert list(tmp_path.iterdir()) == []
    own = tmp_path / "mend.xlsx.part"
    own.write_text("somebody's own", encoding="utf-8")
    with _kept(wanted):
        pass
    assert own.read_text(encoding="utf-8") == "somebody's own"
    (tmp_path / "file").touch()
    (tmp_path / "folder.csv").mkdir()
    for name in ("file/mend.xlsx", "none/mend.xlsx", "folder.csv"):
        with pytest.raises(OSError, match=name), _kept(tmp_path / name):
            pass
    with pytest.raises(FormUnknown), _kept(tmp_path / "mend.pdf"):
        pass
