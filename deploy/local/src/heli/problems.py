"""What the command says, in two languages: refusals in problems.toml, the rest in sayings.toml."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from contracts.errors import Refusal


class Problem(Refusal):
    """Something that the person at the keyboard can mend."""

    code = "problem"


@cache
def _texts() -> Mapping[str, Mapping[str, str]]:
    table: dict[str, Mapping[str, str]] = {}
    for name in ("sayings.toml", "problems.toml"):
        table |= tomllib.loads(files("heli").joinpath(name).read_text(encoding="utf-8"))
    return table


def sentences(code: str, **facts: object) -> tuple[str, str]:
    """Give the Chinese and the English sentence of a code."""
    both = _texts()[code]
    return both["zh"].format_map(facts), both["en"].format_map(facts)


def said(refusal: Refusal) -> tuple[str, str]:
    """Give the Chinese and the English sentence of a refusal."""
    return sentences(refusal.code, **refusal.facts)


def remedy(code: str, **facts: object) -> tuple[str, str]:
    """Say what to do about a code, in Chinese and in English."""
    both = _texts()[code]
    return both["remedy_zh"].format_map(facts), both["remedy_en"].format_map(facts)
