"""What a cell of a table says, by the kind of its field: days, moments, numbers, codes as text.

A form that is not known stays as it stands, and the row's model says what would be right. Nothing
is guessed: a code that a spreadsheet kept as a number lost its digits beyond the fifteenth.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from types import NoneType
from typing import Annotated, Any, Final, TypeAlias, get_args, get_origin

from pydantic import AwareDatetime

from contracts.errors import Invalid

Cell: TypeAlias = str | int | float | bool | None
Read: TypeAlias = Callable[[Any], Any]

# IEEE 754: of an integer from here on, the last digits may be gone.
EXACT: Final = 10**15
_CHINA: Final = "+08:00"
_DAY: Final = re.compile(
    r"(\d{4})\s*[-./年]\s*(\d{1,2})\s*[-./月]\s*(\d{1,2})\s*日?"
    r"(?:[T\s]+(\d{1,2})[:时](\d{1,2})(?:[:分](\d{1,2}))?[分秒]?)?"
)
_DIGITS: Final = re.compile(r"(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2}))?")
_SERIAL: Final = re.compile(r"\d{5}(?:\.\d+)?")
_PLAIN: Final = re.compile(r"[+-]?\d+(?:\.\d+)?")
_GROUPED: Final = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_LOST: Final = re.compile(r"\d(?:\.\d+)?E\+(?:1[5-9]|[2-9]\d)", re.IGNORECASE)
_ISO: Final = len("2026-03-31")


class Kind(StrEnum):
    """What a field takes."""

    TEXT = "text"
    DAY = "day"
    MOMENT = "moment"
    AWARE = "aware"
    NUMBER = "number"


class DigitsLost(Invalid):
    """A spreadsheet turned a code into a number, and its last digits are gone."""

    code = "code-excel"


class DateUnreadable(Invalid):
    """Bare digits that are no date; read as seconds since 1970 they would be a wrong one."""

    code = "date-unreadable"


@dataclass(frozen=True, slots=True)
class Epoch:
    """From which day a spreadsheet counts its days: 1900, or 1904 where the workbook says so."""

    zero: date = date(1899, 12, 30)
    last: int = 80_000  # the year 2119

    def day(self, serial: float) -> str | None:
        """Give the day, or the moment, of a serial number that can be one of our days."""
        if not 1 <= serial <= self.last:
            return None
        whole = datetime.combine(self.zero, datetime.min.time())
        found = whole + timedelta(seconds=round(serial * 86400))
        return found.isoformat() if serial % 1 else found.date().isoformat()


SINCE_1900: Final = Epoch()
SINCE_1904: Final = Epoch(date(1904, 1, 1))


def kind_of(annotation: Any) -> Kind:  # noqa: ANN401 - any annotation of a field
    """Tell the kind of a field by its annotation."""
    if annotation is AwareDatetime:
        return Kind.AWARE
    if get_origin(annotation) is Annotated:
        return kind_of(get_args(annotation)[0])
    if not isinstance(annotation, type):
        kinds = {kind_of(one) for one in get_args(annotation) if one is not NoneType}
        return kinds.pop() if len(kinds) == 1 else Kind.TEXT
    # A moment is a day too, and a yes or no a number: the narrower ones come first.
    known = {bool: Kind.TEXT, datetime: Kind.MOMENT, date: Kind.DAY} | dict.fromkeys(
        (int, float), Kind.NUMBER
    )
    return next((kind for of, kind in known.items() if issubclass(annotation, of)), Kind.TEXT)


def reading(kind: Kind, *, typed: bool, epoch: Epoch = SINCE_1900) -> Read | None:
    """Give what reads a cell of this kind; None where a cell of text stands as it is.

    `typed` cells come from a workbook, where a code may have become a number.
    """
    match kind:
        case Kind.TEXT:
            return _text if typed else None
        case Kind.NUMBER:
            return _number
        case Kind.DAY:
            return lambda cell: _dated(cell, epoch)
        case Kind.MOMENT:
            return lambda cell: _moment(cell, epoch)
        case Kind.AWARE:
            return lambda cell: _aware(cell, epoch)


def plain(cell: Cell) -> Cell:
    """Write a workbook's number as a person would: whole ones without a point, lost ones so."""
    if not isinstance(cell, float):
        return cell
    if abs(cell) >= EXACT:
        return f"{cell:.14E}"
    return int(cell) if cell.is_integer() else cell


def _text(cell: Cell) -> str:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    text = str(plain(cell))
    if _LOST.fullmatch(text):
        raise DigitsLost(got=text, kind="string_type")
    return text


def _number(cell: Cell) -> Cell:
    if not isinstance(cell, str):
        return cell if isinstance(cell, float) and abs(cell) >= EXACT else plain(cell)
    if cell.isascii() and "," not in cell:
        return cell
    text = unicodedata.normalize("NFKC", cell).replace(" ", "")
    if _GROUPED.fullmatch(text):
        return text.replace(",", "")
    return text if _PLAIN.fullmatch(text) else cell


def _dated(cell: Cell, epoch: Epoch) -> Cell:
    if isinstance(cell, str) and len(cell) == _ISO and cell[4] == cell[7] == "-":
        return cell
    return _spelled(cell, epoch)


def _moment(cell: Cell, epoch: Epoch) -> Cell:
    if isinstance(cell, str) and len(cell) >= _ISO and cell[4] == cell[7] == "-":  # noqa: SIM102
        if len(cell) == _ISO or cell[_ISO] == "T":
            return cell
    said = _spelled(cell, epoch)
    return f"{said}{_CHINA}" if isinstance(said, str) and said != cell and "T" in said else said


def _aware(cell: Cell, epoch: Epoch) -> Cell:
    said = _spelled(cell, epoch)
    if not isinstance(said, str) or (said == cell and not _DAY.fullmatch(said)):
        return said
    return f"{said}{_CHINA}" if "T" in said else f"{said}T00:00:00{_CHINA}"


def _spelled(cell: Cell, epoch: Epoch) -> Cell:
    """Write a day as 2026-03-31, a moment as 2026-03-31T09:00:00; leave what is neither."""
    text = unicodedata.normalize("NFKC", str(cell)).strip()
    found = _DAY.fullmatch(text) or _DIGITS.fullmatch(text)
    try:
        if found:
            year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
            said = date(year, month, day)
            if found[4] is None:
                return said.isoformat()
            return datetime.combine(said, time(hour, minute, second)).isoformat()
    except ValueError:
        return cell
    counted = epoch.day(float(text)) if _SERIAL.fullmatch(text) else None
    if counted is None and _PLAIN.fullmatch(text):
        raise DateUnreadable(got=text, kind="date_parsing")
    return counted or cell
