"""Kinds of values that a rule may ask about: read exactly, never coerced."""

import math
from decimal import Decimal
from typing import Final, Literal, TypeAlias, assert_never

Kind: TypeAlias = Literal["number", "integer", "text", "flag", "numbers", "texts"]

_LARGEST_INTEGER: Final = 2**63 - 1


class Unusable(Exception):
    """A value that is missing or is not of its kind: a stable word says which."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def usable(kind: Kind, value: object | None) -> object:
    """Give a value exactly as its kind holds it.

    Raises Unusable: `value-missing`, `value-type`, `value-not-finite`, `value-range`.
    """
    if value is None:
        raise Unusable("value-missing")
    match kind:
        case "number":
            return _number(value)
        case "integer":
            return _integer(value)
        case "text":
            return _text(value)
        case "flag":
            return _flag(value)
        case "numbers":
            return [usable("number", each) for each in _several(value)]
        case "texts":
            return [usable("text", each) for each in _several(value)]
        case _:
            assert_never(kind)


def _number(value: object) -> float:
    """Give a finite number; a flag is none, though Python counts it as one."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise Unusable("value-type")
    try:
        number = float(value)
    except (OverflowError, ValueError):  # an int or a signalling NaN that no float can hold
        raise Unusable("value-not-finite") from None
    if not math.isfinite(number):
        raise Unusable("value-not-finite")
    return number


def _integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unusable("value-type")
    if not -_LARGEST_INTEGER <= value <= _LARGEST_INTEGER:
        raise Unusable("value-range")
    return int(value)


def _text(value: object) -> str:
    """Refuse also NUL and lone surrogates: the engine of rules ends a text there, or fails."""
    if not isinstance(value, str) or "\0" in value:
        raise Unusable("value-type")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Unusable("value-type") from None
    return str(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise Unusable("value-type")
    return value


def _several(value: object) -> list[object]:
    if not isinstance(value, list | tuple):
        raise Unusable("value-type")
    return list(value)
