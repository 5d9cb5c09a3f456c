"""`heli up`: start everything, say so, stay until told to stop."""

import logging
import signal
from types import FrameType
from typing import Final

from heli import talk
from heli.folder import check_room
from heli.problems import sentences
from heli.settings import Settings
from heli.stack import LAST_STEP, Plan, Stack

_ENDS: Final = (signal.SIGINT, signal.SIGTERM)
_ROOM_MB: Final = 4  # less than this, and nothing that failed needs another reason


class Told(BaseException):
    """Somebody asked us to stop."""


def run(settings: Settings, plan: Plan, *, as_json: bool) -> None:
    """Start, print one line of JSON or the addresses, and keep watch in the foreground."""
    logging.getLogger("nats").setLevel(logging.CRITICAL)  # what it cannot do, we say
    stack = Stack(settings, plan)
    _listen()
    try:
        _start(stack, as_json=as_json)
        stack.watch()
    except Told:
        if not as_json:
            talk.say("stopping")
    except Exception:  # any: it is raised on, unless the disk is full, which has many names
        if stack.ours:
            check_room(stack.folder, _ROOM_MB)
        raise
    finally:
        _deafen()
        stack.stop()


def _start(stack: Stack, *, as_json: bool) -> None:
    if as_json:
        stack.start(lambda _step: None)
    else:
        with talk.err.status("") as status:

            def tell(step: str) -> None:
                status.update(" · ".join(sentences(step)))
                if step == LAST_STEP:  # services are forks, and a spinner is a thread
                    status.stop()
                    talk.err.print(" · ".join(sentences(step)))

            stack.start(tell)
    for code, facts in stack.engines.notes:
        talk.warn(code, **facts)
    state = stack.state()
    if as_json:
        talk.print_json(state)
    else:
        talk.say("ready", **state)
        if stack.plan.sandbox:
            talk.say("sandbox-ready", **state)


def _listen() -> None:
    """Turn Ctrl-C and a termination into Told, once: a second one must not stop the stopping."""

    def told(_number: int, _frame: FrameType | None) -> None:
        _deafen()
        raise Told

    for number in _ENDS:
        signal.signal(number, told)


def _deafen() -> None:
    for number in _ENDS:
        signal.signal(number, signal.SIG_IGN)
