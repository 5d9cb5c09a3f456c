"""Speaking to the person at the keyboard: Chinese first, then English; JSON where asked."""

import errno
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from contracts.errors import Refusal
from heli.client import ApiProblem, remedy_of
from heli.problems import remedy, sentences

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

# What the system's refusals mean to somebody who asked for a file.
_CODES: Final = {
    errno.EACCES: "path-refused",
    errno.EPERM: "path-refused",
    errno.EROFS: "path-refused",
    errno.EISDIR: "path-refused",
    errno.ENOTDIR: "path-refused",
    errno.ENOENT: "path-missing",
    errno.ENOSPC: "no-space-for-file",
    errno.EDQUOT: "no-space-for-file",
}


def say(code: str, **facts: object) -> None:
    """Say a sentence in both languages."""
    for sentence in sentences(code, **facts):
        out.print(sentence, markup=False)


def warn(code: str, **facts: object) -> None:
    """Say a sentence on the side, where it disturbs no JSON."""
    for sentence in sentences(code, **facts):
        err.print(sentence, style="yellow", markup=False)


def print_json(value: object) -> None:
    """Print one line of JSON at once."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


@contextmanager
def working(code: str, *, visible: bool, **facts: object) -> Iterator[None]:
    """Show on the side that something goes on, and for how long."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not visible) as progress:
        progress.add_task(" · ".join(sentences(code, **facts)), total=None)
        yield


def explain(problem: Exception, *, as_json: bool) -> None:
    """Say what went wrong and what to try, on the side."""
    told = _told(problem)
    if as_json:
        sys.stderr.write(json.dumps(told, ensure_ascii=False, default=str) + "\n")
        return
    for line in told["title"]:
        err.print(line, style="red", markup=False)
    for word, line in zip(("试试：", "Try: "), told["remedy"], strict=False):
        err.print(f"{word}{line}", style="cyan", markup=False)


def _told(problem: Exception) -> dict[str, Any]:
    match problem:
        case ApiProblem():
            return {
                "code": problem.code,
                "status": problem.status,
                "title": [str(problem)],
                "remedy": _advice(problem.page) if problem.page else [],
                "errors": problem.errors,
            }
        case Refusal():
            return _worded(problem.code, problem.facts)
        case httpx.TransportError():
            return _worded("gateway-away", {"address": _address(problem), "reason": _why(problem)})
        case OSError(errno=number, filename=str() | bytes() as name) if number in _CODES:
            return _worded(_CODES[number], {"file": str(name), "reason": problem.strerror})
        case _:
            return _worded("system-refused", {"reason": _why(problem)})


def _advice(page: str) -> list[str]:
    """Give the remedy of a code of the gateway and its page; the page alone if it says none."""
    found = remedy_of(page)
    if found is None:
        return list(sentences("see-page", page=page))
    return list(sentences("remedy-and-page", page=page, **found))


def _worded(code: str, facts: dict[str, Any]) -> dict[str, Any]:
    return {
        "code": code,
        "title": list(sentences(code, **facts)),
        "remedy": list(remedy(code, **facts)),
        "facts": facts,
    }


def _why(problem: Exception) -> str:
    return str(problem) or type(problem).__name__


def _address(problem: httpx.TransportError) -> str:
    try:
        url = problem.request.url
    except RuntimeError:  # raised before there was a request
        return ""
    return f"{url.scheme}://{url.netloc.decode()}"
