"""What the embedded servers are told."""

import json
from pathlib import Path

from contracts.services import GATEWAY
from heli import nats, postgres
from heli.databases import Database
from heli.engines import Engines


def test_postgres_listens_on_this_machine_alone_and_loses_nothing() -> None:
    text = postgres.settings(5433, 18)
    assert "listen_addresses = '127.0.0.1'\n" in text
    assert "port = 5433\n" in text
    assert "unix_socket_directories = ''\n" in text
    assert "fsync = on\n" in text
    assert "synchronous_commit = on\n" in text
    assert text.endswith("include_if_exists = 'own.conf'\n")


def test_postgres_16_gets_no_setting_that_it_does_not_know() -> None:
    assert "io_method" in postgres.settings(5433, 18)
    assert "io_method" not in postgres.settings(5433, 16)
    assert "--locale-provider=builtin" in postgres.initdb_options(18)
    assert "--data-checksums" in postgres.initdb_options(16)
    assert "--locale-provider=builtin" not in postgres.initdb_options(16)


def test_every_password_of_postgres_is_checked_by_scram() -> None:
    assert "--auth=scram-sha-256" in postgres.initdb_options(18)


def test_a_service_reaches_an_existing_server_as_safely_as_we_do(tmp_path: Path) -> None:
    engines = Engines(tmp_path, database_url="postgresql://a:b@db:5432/postgres?sslmode=require")
    url = Database(GATEWAY, engines).url("gateway_app")
    assert url.startswith("postgresql+psycopg://gateway_app:")
    assert url.endswith("@db:5432/gateway?sslmode=require")


def test_a_service_may_speak_under_its_own_name_only() -> None:
    rights = nats.permissions("clue-dispatch")
    speaks = [subject for subject in rights["publish"]["allow"] if subject.startswith("heli.")]
    assert speaks == ["heli.clue-dispatch.>"]
    assert rights["subscribe"]["allow"] == ["_INBOX.clue-dispatch.>"]


def test_a_service_may_neither_change_streams_nor_use_anothers_durable() -> None:
    for subject in nats.permissions("clue-dispatch")["publish"]["allow"]:
        assert not subject.startswith(("$JS.API.STREAM.CREATE", "$JS.API.STREAM.DELETE"))
        if subject.startswith("$JS.API.CONSUMER"):
            assert "clue-dispatch" in subject.split(".")


def test_the_admin_alone_has_no_limits() -> None:
    text = nats.render(
        name="n", port=4222, store=Path("/x/js"), passwords={"admin": "a", "gateway": "g"}
    )
    users = json.loads(text[text.index("users: ") + len("users: ") : text.rindex("]") + 1])
    assert [("permissions" in user) for user in users] == [False, True]
    assert 'listen: "127.0.0.1:4222"' in text
    assert "sync_interval: always" in text
    assert "max_file_store: 8GB" in text
