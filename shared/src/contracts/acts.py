"""The body of every act with legal effect: `POST /things/{id}:act`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, TypeAlias

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
)
from pydantic_core import PydanticCustomError, PydanticKnownError

from contracts.classes import Personal

_FIRST_YEAR: Final = 1900
_LAST_YEAR: Final = 9998


@dataclass(frozen=True, slots=True)
class Headers:
    """What a column of an import may be called besides its field's name, as departments do.

    Example: `code: Annotated[str, Headers("统一社会信用代码", "信用代码", "纳税人识别号")]`.
    """

    names: tuple[str, ...]

    def __init__(self, *names: str) -> None:
        """Take the names, in any script."""
        object.__setattr__(self, "names", names)


class Body(BaseModel):
    """What a caller sends: unknown fields are refused, so that a typing error is never ignored."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True
    )

    @field_validator("*", mode="after")
    @classmethod
    def _no_nul(cls, value: Any) -> Any:  # noqa: ANN401 - any field
        """Refuse the NUL character, which no text column and no event can hold."""
        if isinstance(value, str) and "\0" in value:
            raise PydanticCustomError("nul", "text without the character NUL")
        return value


class View(BaseModel):
    """What a service answers, made from a domain value by its attributes."""

    model_config = ConfigDict(
        frozen=True, from_attributes=True, populate_by_name=True, serialize_by_alias=True
    )


class FaultView(View):
    """What is wrong with one row: of a file (a CSV's header is row 1) or of a list (from 1)."""

    row: int
    column: str
    code: str
    message: str
    got: str | None = None
    expected: str | None = None
    suggestion: str | None = None


def _written(value: object) -> object:
    """Refuse bare digits: 20260301 would silently be seconds since 1970, and clocks run from it."""
    if isinstance(value, (int, float)) or (isinstance(value, str) and value.strip().isdigit()):
        raise PydanticKnownError("datetime_parsing", {"error": "bare digits"})
    return value


def in_calendar(value: datetime) -> datetime:
    """Refuse years that a calendar of any zone cannot hold; no act of a department lies there."""
    if not _FIRST_YEAR <= value.year <= _LAST_YEAR:
        raise PydanticCustomError(
            "year_out_of_range",
            "a year from {first} to {last}",
            {"first": _FIRST_YEAR, "last": _LAST_YEAR},
        )
    return value


Moment: TypeAlias = Annotated[AwareDatetime, BeforeValidator(_written), AfterValidator(in_calendar)]


class Act(Body):
    """When, why and on which basis somebody acts; legal clocks run from `acted_on`."""

    acted_on: Moment | None = Field(
        default=None, description="办理时间 when it was done, not later than now; left out: now"
    )
    reason: Personal[str | None] = Field(default=None, max_length=2000, description="理由 why")
    basis: str | None = Field(default=None, max_length=2000, description="依据 law and article")
