"""Random processes killed with -9 while the demo's province is loaded: every row counts once.

`HELI_KILLS` (8; the nightly run: 40), `HELI_KILL_EVERY_S` (2, half more or less), `HELI_STATIONS`
(20; 2000 is the demo's province) and `HELI_SEED` are its parameters; the seed is printed. Killed
are the six services, nats-server and PostgreSQL's first process.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random  # noqa: TID251 - reproducible on purpose
from typing import Any

import pytest

from contracts.services import SERVICES
from heli.background import started
from heli.demo import load
from heli.demo.cast import Cast
from heli.demo.province import sheets
from heli.demo.province.sheets import Province
from heli.demo.story import Story
from heli.testing import Stack
from kit.clock import Clock, elapsed_s
from kit.deadlines import shanghai_day
from kit.testing import covers

_ENV = os.environ  # noqa: TID251 - parameters of the nightly run
KILLS = int(_ENV.get("HELI_KILLS", "8"))
EVERY_S = float(_ENV.get("HELI_KILL_EVERY_S", "2"))
STATIONS = int(_ENV.get("HELI_STATIONS", "20"))
SEED = int(_ENV["HELI_SEED"])  # chosen in tests/conftest.py where nobody did
VICTIMS = (*(service.name for service in SERVICES), "nats", "postgres")
DRAIN_S = 60.0
COUNTED = {
    "regions": ("item-registry", "SELECT count(*) FROM region"),
    "departments": ("item-registry", "SELECT count(*) FROM department"),
    "inspectors": ("joint-inspection", "SELECT count(*) FROM inspector"),
    "targets": ("joint-inspection", "SELECT count(*) FROM target"),
    "visits": ("joint-inspection", "SELECT count(*) FROM visit"),
    "signals": ("risk-monitor", "SELECT count(*) FROM signal"),
}


@dataclass
class Killer:
    """Kills one process after another, the next when the last victim has been replaced."""

    stack: Stack
    kills: list[str] = field(default_factory=list)
    why: str = ""
    over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        try:
            self._kill_all()
        finally:
            self.over.set()

    def _kill_all(self) -> None:
        dice = Random(SEED)
        for number in range(KILLS):
            self.over.wait(EVERY_S * dice.uniform(0.5, 1.5))
            victim = VICTIMS[number] if number < len(VICTIMS) else dice.choice(VICTIMS)
            pid = self.stack.pids().get(victim, 0)
            if not pid:
                self.why = f"{victim} is not there"
                return
            os.kill(pid, signal.SIGKILL)
            self.kills.append(victim)
            if not self.stack.came_back(victim, pid, seconds=90):
                self.why = f"{victim} did not come back"
                return


@contextmanager
def killing(stack: Stack) -> Iterator[Killer]:
    killer = Killer(stack)
    thread = threading.Thread(target=killer.run)
    thread.start()
    try:
        yield killer
    finally:
        thread.join()


def send_all(cast: Cast, story: Story, province: Province) -> dict[str, dict[str, int]]:
    """Send the province as the demo does; gives what became of the rows of each collection."""
    load.directory(story, cast, province)
    load.rules(story, cast)
    return {
        name: load.follow(story, name, load.send(cast, load.of(province, name)))
        for name in ("visits", "signals", "clues")
    }


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("kills")
    with started(folder, sandbox=True) as up:
        yield Stack(up.gateway, folder, up.admin().client(patience_s=180))


@covers("R15.4")
def test_random_kills_during_the_demos_load_lose_and_double_nothing(
    own: Stack, measured: Callable[[str], None]
) -> None:
    province = sheets.make(7, shanghai_day(Clock().now()), STATIONS)
    cast, story = Cast(own.admin), Story(as_json=True)
    began = elapsed_s()
    with killing(own) as killer:
        became = send_all(cast, story, province)
        during = len(killer.kills)
        while not killer.over.is_set():  # the same rows again: they are known, and count no more
            load.follow(story, "entities", load.send(cast, load.of(province, "entities")))
    loaded_s = elapsed_s() - began
    assert (killer.why, len(killer.kills)) == ("", KILLS)
    drained_s = own.drained_s(seconds=DRAIN_S)
    took = f"{KILLS} kills in {loaded_s:.0f} s, {during} of them while new rows were sent"
    measured(f"{STATIONS} stations: {took}, drained in {drained_s:.1f} s; {became}")
    assert_counted_once(own, province, became)
    cast.close()


def assert_counted_once(stack: Stack, province: Province, became: dict[str, Any]) -> None:
    """Compare what is stored with what was sent."""
    sent = {name: sum(one.rows for one in load.of(province, name)) for name in COUNTED}
    stored = {name: stack.sql(*query)[0][0] for name, query in COUNTED.items()}
    known = {id_ for (id_,) in stack.sql("credit-service", "SELECT id FROM entity")}
    assert {f"uscc-{one.code}" for one in province.world.stations} <= known
    signals = became["signals"]
    sent["signals"] -= signals["duplicate"] + signals["revised"]
    assert stored == sent
    assert stack.sql("risk-monitor", "SELECT count(*) FROM signal_past")[0][0] == signals["revised"]
