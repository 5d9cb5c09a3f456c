"""How the demo talks: steps with who, what, when due and why; Chinese first, English below."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text
from typing_extensions import override

from kit.clock import elapsed_s

_WAIT_S: Final = 45.0
_LOOK_S: Final = 0.1


class _Rate(ProgressColumn):
    """How many rows a second."""

    @override
    def render(self, task: Task) -> Text:
        """Give the rate so far, and the mean when it is done."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "", style="dim")


class DoesNotHold(Exception):
    """Something that the demo shows is not so; it ends with a non-zero exit."""


@dataclass(slots=True)
class Story:
    """What happened so far; printed as it happens, or as one JSON document at the end."""

    as_json: bool
    steps: list[dict[str, Any]] = field(default_factory=list)
    console: Console = field(default_factory=lambda: Console(stderr=False, highlight=False))

    def chapter(self, zh: str, en: str) -> None:
        """Begin a part."""
        self.steps.append({"chapter": en})
        self._print(f"\n[bold]{zh}[/bold]  [dim]{en}[/dim]")

    def step(self, who: str, zh: str, en: str, **facts: object) -> None:
        """Tell one step: who did what, and the facts of it (ids, due times, reasons)."""
        self.steps.append({"who": who, "zh": zh, "what": en, "facts": facts})
        self._print(f"  [cyan]{who}[/cyan] {zh}  [dim]{en}[/dim]")
        for name, value in facts.items():
            self._print(f"      {name}: {value}")

    def steps_since(self, chapter: str) -> list[dict[str, Any]]:
        """Give the steps of one chapter, named in English."""
        names = [step.get("chapter") for step in self.steps]
        begin = names.index(chapter) + 1
        own = names[begin:]
        ends = next((n for n, name in enumerate(own) if name), len(own))
        return self.steps[begin : begin + ends]

    def line(self, text: str) -> None:
        """Print one line of the page."""
        self._print(text)

    def _print(self, text: str) -> None:
        if not self.as_json:
            self.console.print(text, soft_wrap=True)
            self.console.file.flush()

    @contextmanager
    def bar(self, name: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show a progress bar; what it yields sets how far it is."""
        columns = (
            TextColumn("  {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.console, disable=self.as_json) as progress:
            task = progress.add_task(name, total=total)
            yield lambda done: progress.update(task, completed=done)


def must(holds: object, what: str) -> None:
    """End the demo when something does not hold."""
    if not holds:
        raise DoesNotHold(what)


def wait_for(what: str, look: Callable[[], Any]) -> Any:  # noqa: ANN401 - what `look` finds
    """Look until there is something; events take moments to arrive."""
    end = elapsed_s() + _WAIT_S
    while True:
        found = look()
        if found:
            return found
        if elapsed_s() > end:
            raise DoesNotHold(what)
        time.sleep(_LOOK_S)
