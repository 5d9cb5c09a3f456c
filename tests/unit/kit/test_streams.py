"""Streams are made and updated as declared; how many copies they have only where it is said."""

from types import SimpleNamespace
from typing import Any

import nats
import pytest
from nats.js.api import StreamConfig

from kit import streams


class Server:
    """A server that has every stream, with three copies of each."""

    def __init__(self) -> None:
        self.updated: list[StreamConfig] = []

    def jetstream(self, **_: object) -> "Server":
        return self

    async def stream_info(self, name: str) -> Any:  # noqa: ANN401 - as much of a StreamInfo as is read
        return SimpleNamespace(config=StreamConfig(name=name, num_replicas=3))

    async def update_stream(self, config: StreamConfig) -> None:
        self.updated.append(config)

    async def close(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize(("given", "copies"), [(None, 3), (1, 1), (5, 5)])
async def test_a_standing_stream_keeps_its_copies_where_no_number_is_given(
    monkeypatch: pytest.MonkeyPatch, given: int | None, copies: int
) -> None:
    server = Server()

    async def connect(*_: object, **__: object) -> Server:
        return server

    monkeypatch.setattr(nats, "connect", connect)
    await streams.ensure_streams("nats://nowhere", given)
    assert {one.num_replicas for one in server.updated} == {copies}
