"""Become another identity, tie the life to the parent's, and turn into one program.

Run by path with `python -I -S` (no package, no site): `launcher.py PARENT MODE UID GID COMMAND …`.
The process keeps its pid, so that the parent's child *is* the server. Modes: `direct` (stay who you
are), `map` (a user namespace where we look like UID), `unmapped` (a namespace without a map, where
everybody looks like nobody), `drop` (give up root for UID and GID for good).
"""

import ctypes
import os
import signal
import sys

_NEW_USER = 0x10000000  # CLONE_NEWUSER
_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG
CANNOT = 125  # exit code: this way is closed on this machine, the reason is on stderr

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _write(path: str, text: str) -> None:
    """Write in one unbuffered call: the kernel judges a map by it, and its refusal must be seen."""
    handle = os.open(path, os.O_WRONLY)
    try:
        os.write(handle, text.encode())
    finally:
        os.close(handle)


def _unshare() -> None:
    _check(_libc.unshare(_NEW_USER))


def _map(uid: int, gid: int) -> None:
    outer_uid, outer_gid = os.getuid(), os.getgid()
    _unshare()
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{uid} {outer_uid} 1")
    _write("/proc/self/gid_map", f"{gid} {outer_gid} 1")
    if os.getuid() != uid:
        raise PermissionError(1, "the map was not taken")


def _drop(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def main(arguments: list[str]) -> None:
    """Change identity, ask to be interrupted when the parent dies, and execute the command."""
    parent, mode, uid, gid, *command = arguments
    step = {"map": "unshare", "unmapped": "unshare", "drop": "setgroups"}.get(mode, "exec")
    try:
        if mode == "map":
            _map(int(uid), int(gid))
        elif mode == "unmapped":
            _unshare()
        elif mode == "drop":
            _drop(int(uid), int(gid))
        os.umask(0o077)
        # After the change of identity, which clears it. SIGINT is "fast shutdown" to PostgreSQL and
        # an orderly exit to nats-server.
        _check(_libc.prctl(_PARENT_DEATH_SIGNAL, signal.SIGINT))
        if os.getppid() != int(parent):
            sys.exit(CANNOT)  # the parent died before we asked
        step = "exec"
        os.execv(command[0], command)  # noqa: S606  no shell is wanted
    except OSError as problem:
        sys.stderr.write(f"{step}: {problem.strerror}\n")
        sys.exit(CANNOT)


if __name__ == "__main__":
    main(sys.argv[1:])
