"""A service as a fork of this process: what all six import is imported once.

Importing takes most of a start: 4 s of CPU a service on a slow machine, of which 3 s are the same
for all. A fork begins where `import kit.app` has ended, and shares that memory. From then on it is
what `python -P -m MODULE` would be: own session, environment, log and signals, same entry point.
"""

import contextlib
import ctypes
import gc
import logging
import math
import os
import runpy
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, NoReturn

from heli.child import Running, Start, wait_until

_PARENT_DEATH_SIGNAL: Final = 1  # PR_SET_PDEATHSIG
_NAME: Final = 15  # PR_SET_NAME: what `ps` and `top` show, 15 bytes at most

_libc = ctypes.CDLL(None, use_errno=True)


def warm() -> None:
    """Import what every service imports; a fork that comes later has it already."""
    from kit import app  # noqa: F401, PLC0415 - only a stack that starts needs it

    gc.collect()  # what is waste here must not be found, and closed, over there
    gc.freeze()


@dataclass(slots=True)
class _Forked:
    """A fork of ours, as `heli.child.Running`."""

    pid: int
    code: int | None = None

    def poll(self) -> int | None:
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code

    def wait(self, timeout: float | None = None) -> int:
        if not wait_until(lambda: self.poll() is not None, seconds=timeout or math.inf):
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
        return self.code or 0

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)


def forked(name: str, module: Sequence[str], *, env: Mapping[str, str]) -> Start:
    """Start a module with its arguments.

    Raises RuntimeError beside other threads: the fork could wait for a lock that nobody frees.
    """

    def start(log: int) -> Running:
        if threading.active_count() > 1:
            msg = f"fork beside {threading.enumerate()}"
            raise RuntimeError(msg)
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        # None may meet our handlers over there.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            pid = os.fork()
            if not pid:
                _be(name, module, parent, partial(_leave, log, env))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return _Forked(pid)

    return start


def _be(name: str, module: Sequence[str], parent: int, leave: Callable[[], None]) -> NoReturn:
    """Leave everything of the parent behind and run; never returns into its frames."""
    code = 1
    try:
        os.setsid()
        _libc.prctl(_PARENT_DEATH_SIGNAL, signal.SIGINT)
        _libc.prctl(_NAME, name.encode())
        if os.getppid() == parent:  # else it died before we asked
            leave()
            sys.argv = list(module)
            runpy.run_module(module[0], run_name="__main__", alter_sys=True)
            code = 0
    except SystemExit as end:
        code = _code(end)
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except BaseException:  # noqa: BLE001 - its last words go into its log
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):  # a full disk must not let it back out of here
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _leave(log: int, env: Mapping[str, str]) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    for ours, standard in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(ours, standard)
    for number in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208 - names alone
        if number > 2:  # noqa: PLR2004 - the standard three
            with contextlib.suppress(OSError):
                os.close(number)
    sys.stdout = open(1, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115
    os.chdir("/")
    os.umask(0o077)
    os.environ.clear()  # noqa: TID251 - it gets one of its own
    os.environ.update(env)  # noqa: TID251
    sys.excepthook = sys.__excepthook__
    if not sys.flags.safe_path:
        del sys.path[0]  # where we happen to have been started
    logging.getLogger("nats").setLevel(logging.NOTSET)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _code(end: SystemExit) -> int:
    """Say what Python would make of an exit's argument."""
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    sys.stderr.write(f"{end.code}\n")
    return 1
