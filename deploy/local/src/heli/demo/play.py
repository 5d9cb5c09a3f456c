"""`heli demo`: start a stack of its own, load the world, play the journey, print the page."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from heli import keep, talk
from heli.demo import load, signals, world
from heli.demo.cast import Cast
from heli.demo.drawing import draw
from heli.demo.figures import page
from heli.demo.journey import Journey, choose
from heli.demo.sidelines import Sidelines
from heli.demo.story import DoesNotHold, Story
from heli.folder import lock
from heli.problems import Problem
from heli.reach import DEMO, STATE, reach
from heli.settings import Settings
from kit.clock import Clock, elapsed_s
from kit.deadlines import shanghai_day

_STOP_S: Final = 40.0


Up = subprocess.Popen[str]


class StackFailed(Problem):
    """The demo's own stack did not start."""

    code = "demo-stack-failed"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asked for."""

    data: Path | None
    stay: bool
    seed: int
    stations: int
    port: int
    today: date | None
    as_json: bool


def run(**asked: Any) -> int:  # noqa: ANN401 - the fields of Asked
    """Play the demo; gives 0 when everything that it shows holds."""
    wish = Asked(**asked)
    folder = wish.data or Settings().data / DEMO
    story = Story(wish.as_json)
    began = elapsed_s()
    with _stack(folder, wish, story) as (state, process):
        story.step("heli up", "已启动", "everything runs", seconds=round(elapsed_s() - began, 1))
        ok = _play(story, folder, wish=wish, gateway=state["gateway"], began=began)
        if ok and wish.stay:
            _stay(folder, state, process)
    return 0 if ok else 1


def _play(story: Story, folder: Path, *, wish: Asked, gateway: str, began: float) -> bool:
    today = wish.today or shanghai_day(Clock().now())
    place = world.make(wish.seed, today, wish.stations)
    data = signals.make(place)
    cast = Cast(reach(gateway, folder).client())
    try:
        story.chapter("一、名录与规则", f"directory and rules (today {today}, seed {wish.seed})")
        load.directory(story, cast, place)
        load.rules(story, cast)
        story.chapter("二、各部门数据", "the departments' data")
        rows = load.data(story, cast, data)
        story.chapter("三、双随机抽取", "the draw")
        draw(story, cast, place, folder)
        story.chapter("四、一个加油站的全过程", "the journey of one station")
        station = choose(place, data.truth)
        ids = Journey(story, cast, place, station, lambda name: _pid(folder, name)).play()
        story.chapter("五、途中的差错", "what goes wrong on the way")
        other = next(one for one in place.stations if one is not station)
        Sidelines(story, cast, place, other).play()
        figures = page(cast, data, rows, ids=ids, log=folder / "events.ndjson")
        figures["figures"]["用时 seconds in all"] = round(elapsed_s() - began, 1)
        story.finish(figures)
        return bool(figures["ok"])
    except DoesNotHold as no:
        talk.warn("demo-does-not-hold", what=str(no))
        return False
    finally:
        cast.close()


def _pid(folder: Path, service: str) -> int:
    """Find a service's process; 0 while it does not answer."""
    about = keep.read_json(folder / STATE).get("services", {}).get(service, {})
    pid = about.get("pid") or 0
    return int(pid)


@contextmanager
def _stack(folder: Path, wish: Asked, story: Story) -> Iterator[tuple[dict[str, Any], Up]]:
    """Start `heli up` on a fresh folder, as anybody would, and stop it at the end."""
    if wish.data is None and folder.exists():
        os.close(lock(folder))  # refuses while another one runs on it
        shutil.rmtree(folder)
    command = [sys.executable, "-m", "heli", "up", "--data", str(folder), "--sandbox", "--json"]
    command += ["--port", str(wish.port)]
    if wish.today is not None:
        command += ["--today", wish.today.isoformat()]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line.strip():
            raise StackFailed(folder=str(folder), code=process.wait())
        state: dict[str, Any] = json.loads(line)
        if "gateway" not in state:
            raise StackFailed(folder=str(folder), code=str(state)[:500])
        yield state, process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
        story.console.file.flush()


def _stay(folder: Path, state: dict[str, Any], process: Up) -> None:
    """Say where everything is and with which credentials to begin; stay until it ends."""
    first = reach(state["gateway"], folder)
    talk.say(
        "demo-stays",
        gateway=state["gateway"],
        client_id=first.client_id,
        client_secret=first.client_secret,
        folder=str(folder),
    )
    try:
        code = process.wait()
    except KeyboardInterrupt:
        return
    raise StackFailed(folder=str(folder), code=code)
