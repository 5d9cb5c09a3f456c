"""Reading a workbook that was uploaded: fed to a process of its own, rows as they come.

The reader (`kit.workbook_reader`) holds the whole file and its cells; here one piece at a time.
"""

import asyncio
import contextlib
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Final

from contracts.errors import Invalid
from kit.cells import SINCE_1900, SINCE_1904
from kit.sheets import Raw, Sheet, unguarded

_READER: Final = ("-m", "kit.workbook_reader")
_PIECE: Final = 256 * 1024


class WorkbookUnreadable(Invalid):
    """The file is called a workbook, and begins like one, but is none that can be read."""

    code = "workbook-unreadable"


class WorkbookLocked(Invalid):
    """A password keeps the workbook shut."""

    code = "workbook-locked"


class WorkbookTooLarge(Invalid):
    """Unpacked, the workbook would be over the bounds."""

    code = "workbook-too-large"


_FAULTS: Final = {one.code: one for one in (WorkbookUnreadable, WorkbookLocked, WorkbookTooLarge)}


async def rows_of(chunks: AsyncIterator[bytes], sheet: Sheet) -> AsyncGenerator[list[Raw], None]:
    """Give the rows of a workbook's first sheet whose header is recognised.

    Refuses HeaderMissing, WorkbookUnreadable, WorkbookLocked, WorkbookTooLarge.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, *_READER, stdin=PIPE, stdout=PIPE, stderr=DEVNULL
    )
    try:
        await _feed(process, chunks, sheet)
        ended = False
        async for lines in _lines(process):
            rows = [row for line in lines if (row := _row(line, sheet)) is not None]
            ended = ended or lines[-1] == {"end": True}
            yield rows
        if not ended:
            raise _ended(await process.wait())
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _ended(code: int) -> Invalid:
    """Say why a reader ended before its time: killed at a bound, or it failed."""
    if code < 0:
        return WorkbookTooLarge(field="body", got="memory, time", expected="CSV")
    return WorkbookUnreadable(field="body", got=f"exit {code}")


async def _feed(process: Process, chunks: AsyncIterator[bytes], sheet: Sheet) -> None:
    into = process.stdin
    assert into is not None  # noqa: S101 - a pipe was asked for
    asked = {"known": sheet.columns.known, "needed": sorted(sheet.columns.needed)}
    # A reader that ended early has said why; its answer is read next.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        into.write(json.dumps(asked, ensure_ascii=False).encode() + b"\n")
        async for chunk in chunks:
            into.write(chunk)
            await into.drain()
        into.close()
        await into.wait_closed()


async def _lines(process: Process) -> AsyncIterator[list[Any]]:
    out = process.stdout
    assert out is not None  # noqa: S101 - a pipe was asked for
    rest = b""
    while piece := await out.read(_PIECE):
        *whole, rest = (rest + piece).split(b"\n")
        if whole:
            yield [json.loads(line) for line in whole]


def _row(line: Any, sheet: Sheet) -> Raw | None:  # noqa: ANN401 - a line of the reader
    if isinstance(line, dict):
        if "fault" in line:
            raise _FAULTS[line["fault"]](field="body", **line["facts"])
        if "head" in line:
            _open(line, sheet)
        return None
    number, cells = line
    doubtful = any(isinstance(cell, str) and ("计" in cell or "otal" in cell) for cell in cells)
    return sheet.row(number, unguarded(cells), doubtful=doubtful)


def _open(found: dict[str, Any], sheet: Sheet) -> None:
    sheet.name = found["sheet"]
    head = found["head"]
    if "header" not in found:
        sheet.missing(head)
    sheet.epoch = SINCE_1904 if found["since_1904"] else SINCE_1900
    sheet.titles = head[: found["header"]]
    sheet.open(head[found["header"]])
