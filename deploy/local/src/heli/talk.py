"""Speaking to the person at the keyboard: Chinese first, then English; JSON where asked."""

import json
import sys

import httpx
from rich.console import Console

from contracts.errors import Refusal
from heli.client import ApiProblem
from heli.problems import said, sentences

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def say(code: str, **facts: object) -> None:
    """Say a sentence of problems.toml in both languages."""
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


def explain(problem: Exception, *, as_json: bool) -> None:
    """Say what went wrong, on the side."""
    match problem:
        case ApiProblem():
            code, lines = problem.code, [str(problem)]
        case Refusal():
            code, lines = problem.code, list(said(problem))
        case httpx.TransportError():
            code, lines = "gateway-away", list(sentences("gateway-away", reason=str(problem)))
        case _:
            code, lines = "system-refused", list(sentences("system-refused", reason=str(problem)))
    if as_json:
        sys.stderr.write(json.dumps({"code": code, "title": lines}, ensure_ascii=False) + "\n")
        return
    for line in lines:
        err.print(line, style="red", markup=False)
