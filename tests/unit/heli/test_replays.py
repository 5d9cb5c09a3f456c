"""`heli replay` waits for the end of a run, but not for ever."""

from typing import Any

import pytest

from heli import replays


class Never:
    """A system whose replay does not end."""

    def post(self, _path: str) -> dict[str, Any]:
        return {"run": "r1", "ended_at": None, "failed": None}

    def get(self, _path: str, **_: object) -> dict[str, Any]:
        return self.post("")


def test_a_replay_that_does_not_end_is_waited_for_so_long_and_told_as_it_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(replays, "_WAIT_S", 0.5)
    told, differ = replays.carry_out(Never(), "item-registry")  # type: ignore[arg-type]
    assert (told["ended_at"], differ) == (None, [])
