"""Ports picked once and kept."""

from pathlib import Path

import pytest

from heli import keep, ports


def test_a_port_is_picked_once_and_kept(tmp_path: Path) -> None:
    file = tmp_path / ports.FILE
    assert ports.kept(file, "gateway") == ports.kept(file, "gateway")


def test_no_two_names_have_one_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / ports.FILE
    picked = iter([40001, 40001, 40002])
    monkeypatch.setattr(ports, "pick", lambda _count: [next(picked)])
    assert [ports.kept(file, name) for name in ("gateway", "nats")] == [40001, 40002]


def test_a_movable_name_leaves_a_port_that_another_has(tmp_path: Path) -> None:
    file = tmp_path / ports.FILE
    (port,) = ports.pick(1)
    keep.write_json(file, {"gateway": port, "risk-monitor": port, "home": "/x"})
    assert ports.kept(file, "risk-monitor", movable=True) != port
    assert ports.kept(file, "gateway", movable=True) == port
