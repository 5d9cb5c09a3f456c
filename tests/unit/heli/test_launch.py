"""As whom the embedded servers run."""

from pathlib import Path

import pytest

from heli.launch import (
    DIRECT,
    MAP,
    NOBODY,
    UNMAPPED,
    Mode,
    Option,
    Way,
    for_initdb,
    options,
    private_uid,
)
from heli.settle import elsewhere

DROP = Way(Mode.DROP, 60600, 60600)


def test_an_ordinary_user_starts_the_servers_directly() -> None:
    assert options(uid=1000, owner=None, reachable=False, private=60600) == (Option(DIRECT),)


def test_root_drops_to_a_private_uid_where_that_uid_reaches_the_folder() -> None:
    first, *others = options(uid=0, owner=None, reachable=True, private=60600)
    assert first == Option(DROP)
    assert others == [Option(MAP), Option(UNMAPPED)]


def test_root_in_a_closed_folder_takes_a_namespace_and_leaves_the_folder_last() -> None:
    found = options(uid=0, owner=None, reachable=False, private=60600)
    assert found == (Option(MAP), Option(UNMAPPED), Option(DROP, elsewhere=True))


@pytest.mark.parametrize("reachable", [True, False])
def test_the_owner_of_existing_data_decides(*, reachable: bool) -> None:
    mine = options(uid=0, owner=0, reachable=reachable, private=60600)
    theirs = options(uid=0, owner=60700, reachable=reachable, private=60600)
    assert mine == (Option(MAP), Option(UNMAPPED))
    assert theirs == (Option(Way(Mode.DROP, 60700, 60700)),)


def test_initdb_runs_as_somebody_whom_passwd_knows() -> None:
    assert for_initdb(DROP, has_entry=True) == Way(Mode.DROP, NOBODY, 60600)
    assert for_initdb(DIRECT, has_entry=False) == MAP
    assert for_initdb(DIRECT, has_entry=True) == DIRECT
    assert for_initdb(MAP, has_entry=False) == MAP


def test_a_folder_has_the_same_private_uid_each_time() -> None:
    one, other = private_uid(Path("/srv/a/.heli")), private_uid(Path("/srv/b/.heli"))
    assert one == private_uid(Path("/srv/a/.heli"))
    assert one != other
    assert all(60578 <= uid < 61184 for uid in (one, other))


def test_no_two_folders_share_a_place_elsewhere() -> None:
    folders = ("/srv/a/b", "/srv/a-b", "/srv/a%2Db", "/srv/a%b")
    assert len({elsewhere(Path(folder)) for folder in folders}) == len(folders)


def test_the_launcher_is_told_who_its_parent_is() -> None:
    argv = DROP.argv(["/bin/postgres", "-D", "/x"])
    assert argv[1:3] == ["-I", "-S"]
    assert argv[5:] == ["drop", "60600", "60600", "/bin/postgres", "-D", "/x"]
