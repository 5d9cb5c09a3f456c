"""Reads one workbook in a process of its own, with bounds: a bomb or a broken file ends only it.

`python -m kit.workbook_reader` takes a first line of JSON (`known`, `needed`: the header's names)
and the file on its input. It writes lines of JSON: what it found, then `[row number, cells]` for
each row below the header, then `{"end": true}`.
"""

import io
import json
import re
import resource
import sys
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from operator import itemgetter
from typing import Any, BinaryIO, Final, TextIO

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from kit import headers

# As in kit.cells, which needs pydantic: this process starts without it.
_EXACT: Final = 10**15
MEMORY: Final = 1536 * 1024**2
_CPU_S: Final = 120
_ENTRIES: Final = 1000
_UNPACKED: Final = 400 * 1024**2
# Small sheets that repeat themselves pack better than any that matter.
_FREE: Final = 16 * 1024**2
_RATIO: Final = 100
_ZIP: Final = b"PK\x03\x04"
_SINCE_1904: Final = re.compile(rb"date1904\s*=\s*[\"'](?:1|true)[\"']")
_BOUNDS: Final = f"≤ {_UNPACKED >> 20} MiB unpacked, ratio ≤ {_RATIO}, ≤ {_ENTRIES} parts"


class _No(Exception):
    """Why the workbook cannot be read: a code of `problems.toml` and its facts."""

    def __init__(self, code: str, **facts: object) -> None:
        super().__init__(code)
        self.said = {"fault": code, "facts": facts}


def main() -> None:
    """Read one workbook."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The parent reads UTF-8, whatever the locale of the machine.
    out = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8")
    try:
        _read(sys.stdin.buffer, out)
    except _No as no:
        _say(no.said, out)
    except PasswordError:
        _say(_No("workbook-locked").said, out)
    except (CalamineError, zipfile.BadZipFile, KeyError, ValueError) as no:
        _say(_No("workbook-unreadable", got=str(no)[:200]).said, out)
    except MemoryError:
        _say(_No("workbook-too-large", got="memory", expected=_BOUNDS).said, out)
    out.flush()


def _say(line: object, out: TextIO) -> None:
    out.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")


def _read(source: BinaryIO, out: TextIO) -> None:
    asked = json.loads(source.readline())
    data = source.read()
    since_1904 = data.startswith(_ZIP) and _checked(data)
    book = CalamineWorkbook.from_filelike(io.BytesIO(data))
    del data
    nearest: tuple[int, dict[str, Any]] = (-1, {"sheet": None, "head": []})
    for name in _sheets(book):
        rows = _rows(book.get_sheet_by_name(name))
        head = [row for _, row in zip(range(headers.HEAD_ROWS), rows, strict=False)]
        cells = [row for _, row in head]
        at = headers.header_at(cells, asked["known"], asked["needed"])
        found = {"sheet": name, "head": cells, "since_1904": since_1904}
        if at is None:
            nearest = max(nearest, (_recognised(cells, asked["known"]), found), key=itemgetter(0))
            continue
        _say(found | {"header": at}, out)
        for row in head[at + 1 :]:
            _say(row, out)
        for row in rows:
            _say(row, out)
        _say({"end": True}, out)
        return
    _say(nearest[1], out)


def _recognised(rows: list[list[Any]], known: headers.Known) -> int:
    """Count how many fields the row names that comes nearest to a header."""
    return len(headers.places(rows[headers.likeliest(rows, known)], known)) if rows else 0


def _checked(data: bytes) -> bool:
    """Refuse a bomb before anything is unpacked; says whether days count from 1904."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = archive.infolist()
        size = sum(part.file_size for part in parts)
        if (
            len(parts) > _ENTRIES
            or size > _UNPACKED
            or (size > _FREE and size > _RATIO * len(data))
        ):
            raise _No("workbook-too-large", got=f"{size >> 20} MiB", expected=_BOUNDS)
        about = [part for part in parts if part.filename == "xl/workbook.xml"]
        return bool(about and _SINCE_1904.search(archive.read(about[0])))


def _sheets(book: CalamineWorkbook) -> list[str]:
    """Give the sheets of cells, those that can be seen first."""
    known = [one for one in book.sheets_metadata if one.typ == SheetTypeEnum.WorkSheet]
    return [
        one.name for one in sorted(known, key=lambda one: one.visible != SheetVisibleEnum.Visible)
    ]


def _rows(sheet: CalamineSheet) -> Iterator[tuple[int, list[Any]]]:
    """Give the rows that hold anything, by Excel's numbers; merged cells stand for each row."""
    left = sheet.start[1] if sheet.start else 0
    merged = sorted(
        (top, bottom, column - left)
        for (top, column), (bottom, _) in sheet.merged_cell_ranges or ()
        if bottom > top and column >= left
    )
    merged.reverse()
    running: list[tuple[int, int, Any]] = []  # until which row, which column, which value
    for at, cells in enumerate(sheet.iter_rows()):
        row = [_cell(cell) for cell in cells]
        running = [one for one in running if one[0] >= at]
        for _, column, value in running:
            if column < len(row) and row[column] == "":
                row[column] = value
        while merged and merged[-1][0] <= at:
            _, bottom, column = merged.pop()
            if column < len(row):
                running.append((bottom, column, row[column]))
        if any(cell != "" for cell in row):
            yield at + 1, row


def _cell(cell: object) -> str | int | float | bool:
    match cell:
        case bool() | str() | int():
            return cell
        case float():
            return int(cell) if cell.is_integer() and abs(cell) < _EXACT else cell
        case datetime() if cell.time() == time():
            return cell.date().isoformat()
        case date() | time():
            return cell.isoformat()
        case timedelta():
            return cell.total_seconds() / 86400
        case _:
            return str(cell)


if __name__ == "__main__":
    main()
