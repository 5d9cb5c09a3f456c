"""`heli up`: start everything, say so, stay until told to stop."""

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from heli import talk
from heli.problems import sentences
from heli.settings import Settings
from heli.stack import Plan, Stack


class Told(BaseException):
    """Somebody asked us to stop."""


def run(settings: Settings, plan: Plan, *, as_json: bool) -> None:
    """Start, print one line of JSON or the addresses, and keep watch in the foreground."""
    logging.getLogger("nats").setLevel(logging.CRITICAL)  # what it cannot do, we say
    stack = Stack(settings, plan)
    try:
        with _until_told():
            _start(stack, as_json=as_json)
            stack.watch()
    except Told:
        if not as_json:
            talk.say("stopping")
    finally:
        # A second Ctrl-C must not leave half of it running.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        stack.stop()


def _start(stack: Stack, *, as_json: bool) -> None:
    if as_json:
        stack.start(lambda _step: None)
    else:
        with talk.err.status("") as status:
            stack.start(lambda step: status.update(" · ".join(sentences(step))))
    for code, facts in stack.engines.notes:
        talk.warn(code, **facts)
    state = stack.state()
    if as_json:
        talk.print_json(state)
    else:
        talk.say("ready", **state)
        if stack.plan.sandbox:
            talk.say("sandbox-ready", **state)


@contextmanager
def _until_told() -> Iterator[None]:
    def told(_number: int, _frame: FrameType | None) -> None:
        raise Told

    before = {number: signal.signal(number, told) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
