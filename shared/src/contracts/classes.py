"""Classes of fields 字段分级: who may read what a field holds, and how it is masked for others.

`Personal[str]` marks a field of a body, `Masked[str]` one of a view; a field without a mark is
internal. What is masked leaves whole only where the request may see it so (`unmask`): that needs
one of the roles of `UNMASK` and a stated purpose, and is noted in the audit (PIPL
art. 6, 51).
"""

import re
from contextvars import ContextVar
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Final, TypeVar

from pydantic import GetCoreSchemaHandler
from pydantic_core.core_schema import (
    CoreSchema,
    SerializerFunctionWrapHandler,
    wrap_serializer_function_ser_schema,
)

T = TypeVar("T")

# A digit or letter beside it makes it a part of something else, such as an id.
_ALONE: Final = r"(?<![0-9A-Za-z])%s(?![0-9A-Za-z])"
_PHONE: Final = re.compile(_ALONE % "(1[3-9][0-9])[ -]?([0-9]{4})[ -]?([0-9]{4})")
_NUMBER: Final = re.compile(_ALONE % "[0-9](?:[ -]?[0-9]){16}[ -]?[0-9Xx]")


# ISO 7064 MOD 11-2: the check digit for each remainder.
_CHECKS: Final = "10X98765432"


class FieldClass(StrEnum):
    """Who may read a field 分级: everybody, any caller in scope, for a purpose, in need alone."""

    PUBLIC = "public"
    INTERNAL = "internal"
    PERSONAL = "personal"
    SENSITIVE = "sensitive"


_whole: ContextVar[bool] = ContextVar("whole", default=False)


def unmask(*, whole: bool) -> None:
    """Say whether the request at hand may see personal fields whole; asked for each request."""
    _whole.set(whole)


def masked(text: str) -> str:
    """Mask every citizen's number and mobile number that stands in a text.

    Example: `致电13812341234，证号11010519491231002X` → `致电138****1234，证号110***********002X`.
    """
    return _PHONE.sub(r"\1****\3", _NUMBER.sub(_number, text))


def _number(found: re.Match[str]) -> str:
    digits = re.sub("[ -]", "", found[0]).upper()
    if not is_person(digits):
        return found[0]
    return f"{digits[:3]}{'*' * 11}{digits[-4:]}"


def is_person(text: str) -> bool:
    """Say whether 18 characters are a citizen's number (GB 11643-1999): a birth date, a check."""
    try:
        date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return False
    total = sum(int(digit) * 2 ** (17 - at) for at, digit in enumerate(text[:17]))
    return text[-1] == _CHECKS[total % 11]


def names_person(text: str) -> bool:
    """Say whether a citizen's or a mobile number stands in a text, with signs between or not."""
    return masked(text) != text


class _Mask:
    """Masks a field on its way out; the schema that callers read stays that of the field."""

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        inner = handler(source)
        shown = wrap_serializer_function_ser_schema(_shown, schema=inner, return_schema=inner)
        return {**inner, "serialization": shown}


def _shown(value: object, inner: SerializerFunctionWrapHandler) -> object:
    written = inner(value)
    return masked(written) if isinstance(written, str) and not _whole.get() else written


Public = Annotated[T, FieldClass.PUBLIC]
Internal = Annotated[T, FieldClass.INTERNAL]
Personal = Annotated[T, FieldClass.PERSONAL]
# The same in what is answered: the numbers that stand in it leave masked.
Masked = Annotated[T, FieldClass.PERSONAL, _Mask()]
