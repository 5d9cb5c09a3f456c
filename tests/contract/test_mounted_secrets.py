"""In a cluster a service is told by mounted files: nothing secret stands in arguments."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from psycopg import errors, sql

from contracts.services import CLUE_DISPATCH, CREDIT_SERVICE
from heli.databases import Database
from heli.engines import Engines

NAME = "made_by_another"


def migrate(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "clue_dispatch.app", "migrate", *more]
    env = {"PATH": os.defpath, "HELI_SECRETS": str(folder), "HELI_APP_ROLE": "clue_dispatch_app"}
    return subprocess.run(
        command, env=env, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture
def urls(engines: Engines) -> tuple[str, str, str]:
    """A database as an operator makes it: an owner, and all of PostgreSQL's own grants."""
    ours, other = Database(CLUE_DISPATCH, engines), Database(CREDIT_SERVICE, engines)
    with psycopg.connect(engines.admin_dsn, autocommit=True) as admin:
        parts = (sql.Identifier(NAME), sql.Identifier(ours.owner))
        admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*parts))
    found = (
        database.url(role).rpartition("/")[0] + f"/{NAME}"
        for database, role in ((ours, ours.owner), (ours, ours.app), (other, other.app))
    )
    owner, app, foreign = found
    return owner, app, foreign


def test_migrate_reads_mounted_files_and_closes_a_database_that_an_operator_made(
    urls: tuple[str, str, str], tmp_path: Path
) -> None:
    owner, app, foreign = urls
    assert psycopg.connect(foreign.replace("+psycopg", "")).closed == 0
    (tmp_path / "heli_owner_url").write_text(owner, "utf-8")
    done = migrate(tmp_path)
    assert done.returncode == 0, done.stderr
    with psycopg.connect(app.replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT count(*) FROM clue").fetchone() == (0,)
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE mine (n int)")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(foreign.replace("+psycopg", ""))


def test_migrate_without_its_settings_names_them_and_shows_no_value(tmp_path: Path) -> None:
    done = migrate(tmp_path, "--replicas", "9")
    assert done.returncode == 2
    assert "HELI_OWNER_URL" in done.stderr
    assert "HELI_REPLICAS" in done.stderr
    assert "Traceback" not in done.stderr
