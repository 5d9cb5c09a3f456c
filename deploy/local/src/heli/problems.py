"""What the command refuses, in two languages; the sentences stand in problems.toml."""

import tomllib
from functools import cache
from importlib.resources import files

from contracts.errors import Refusal


class Problem(Refusal):
    """Something that the person at the keyboard can mend."""

    code = "problem"


@cache
def _sentences() -> dict[str, dict[str, str]]:
    return tomllib.loads(files("heli").joinpath("problems.toml").read_text(encoding="utf-8"))


def sentences(code: str, **facts: object) -> tuple[str, str]:
    """Give the Chinese and the English sentence of a code."""
    both = _sentences()[code]
    return both["zh"].format_map(facts), both["en"].format_map(facts)


def said(refusal: Refusal) -> tuple[str, str]:
    """Give the Chinese and the English sentence of a refusal."""
    return sentences(refusal.code, **refusal.facts)
