"""`heli demo`: start a stack of its own, load the world, play the journey, print the page."""

import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from heli import keep, talk
from heli.background import Background, started
from heli.demo import load, summary
from heli.demo.cast import Cast
from heli.demo.drawing import draw
from heli.demo.figures import Told, gather
from heli.demo.hotline import tickets
from heli.demo.journey import Journey, choose
from heli.demo.page.render import write
from heli.demo.province import sheets
from heli.demo.province.sheets import Province
from heli.demo.sidelines import Sidelines
from heli.demo.story import DoesNotHold, Story
from heli.demo.subjects import resolve
from heli.folder import lock
from heli.problems import Problem
from heli.reach import DEMO, STATE, reach
from heli.settings import Settings
from kit.clock import Clock, elapsed_s
from kit.deadlines import shanghai_day

PAGE: Final = "demo.html"
_TOLD: Final = {0, 130}  # a heli up that was asked to stop ends so
JOURNEY: Final = "the journey of one station"


class StackEnded(Problem):
    """The demo's own stack ended by itself."""

    code = "demo-stack-ended"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asked for."""

    data: Path | None
    stay: bool
    seed: int
    stations: int
    port: int
    today: date | None
    silent: tuple[str, ...]
    as_json: bool


def run(**asked: Any) -> int:  # noqa: ANN401 - the fields of Asked
    """Play the demo; gives 0 when everything that it shows holds."""
    wish = Asked(**asked)
    for number in (signal.SIGINT, signal.SIGTERM):
        # A shell starts what it puts in the background with SIGINT ignored.
        signal.signal(number, signal.default_int_handler)
    folder = wish.data or Settings().data / DEMO
    story = Story(wish.as_json)
    began = elapsed_s()
    today = wish.today or shanghai_day(Clock().now())
    province = sheets.make(wish.seed, today, wish.stations, wish.silent)
    _fresh(folder, wish)
    with started(folder, port=wish.port, today=wish.today, sandbox=True) as up:
        seconds = round(elapsed_s() - began, 1)
        story.step("heli up", "已启动", "everything runs", seconds=seconds)
        ok = Play(story, folder, province, up.gateway, began).run()
        if ok and wish.stay:
            _stay(up, as_json=wish.as_json)
    return 0 if ok else 1


def _fresh(folder: Path, wish: Asked) -> None:
    """Empty the demo's own folder; one that somebody named is left alone."""
    if wish.data is None and folder.exists():
        os.close(lock(folder))  # refuses while another one runs on it
        shutil.rmtree(folder)


@dataclass(frozen=True, slots=True)
class Play:
    """One play: how it is told, where, over which province, through which gateway, since when."""

    story: Story
    folder: Path
    province: Province
    gateway: str
    began: float

    def run(self) -> bool:
        """Play it; says why when something that it shows does not hold."""
        cast = Cast(reach(self.gateway, self.folder).client())
        try:
            return self._chapters(cast)
        except DoesNotHold as no:
            talk.warn("demo-does-not-hold", what=str(no))
            return False
        finally:
            cast.close()

    def _chapters(self, cast: Cast) -> bool:
        story, province = self.story, self.province
        world = province.world
        story.chapter(
            "一、名录与规则", f"directory and rules (today {world.today}, seed {world.seed})"
        )
        load.directory(story, cast, province)
        model = load.rules(story, cast)
        story.chapter("二、今年已做的检查", "the visits already made this year")
        load.follow(story, "visits", load.send(cast, load.of(province, "visits")))
        story.chapter("三、各部门数据、热线工单、抽取", "the departments' data, tickets, draws")
        sent = load.send(cast, load.of(province, "signals"))
        # While the data are worked through, the hotline and the draw go on.
        tickets(story, cast, province)
        drawn = draw(story, cast, world, self.folder)
        rows = load.follow(story, "signals", sent)
        resolve(story, cast, province)
        story.chapter("四、一个加油站的全过程", JOURNEY)
        station = choose(province)
        ids = Journey(story, cast, world, station, lambda name: _pid(self.folder, name)).play()
        story.chapter("五、途中的差错", "what goes wrong on the way")
        other = next(one for one in world.stations if one is not station)
        Sidelines(story, cast, world, other).play()
        told = Told(model, ids, rows, drawn, station.code)
        page = gather(cast.admin, province, told, self.folder / "events.ndjson")
        page["station"]["steps"] = story.steps_since(JOURNEY)
        return self._finish(page)

    def _finish(self, page: dict[str, Any]) -> bool:
        page["seconds"] = round(elapsed_s() - self.began, 1)
        path = self.folder / PAGE
        write(page, path)
        if self.story.as_json:
            talk.print_json({"page": str(path), "steps": self.story.steps, **page})
        else:
            summary.show(self.story, page, path)
        return bool(page["ok"])


def _pid(folder: Path, service: str) -> int:
    """Find a service's process; 0 while it does not answer."""
    about = keep.read_json(folder / STATE).get("services", {}).get(service, {})
    pid = about.get("pid") or 0
    return int(pid)


def _stay(up: Background, *, as_json: bool) -> None:
    """Say where everything is and what to try first; stay until it ends."""
    if not as_json:
        talk.say("demo-stays", gateway=up.gateway)
    stay_until(up.process.wait, up.data)


def stay_until(ended: Callable[[], int], folder: Path) -> None:
    """Wait for the end of the demo's stack: quiet where it was asked for; refuses StackEnded."""
    try:
        code = ended()
    except KeyboardInterrupt:
        return
    if code not in _TOLD:
        raise StackEnded(folder=str(folder.absolute()), exit_code=code)
