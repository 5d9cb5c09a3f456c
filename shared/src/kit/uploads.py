"""Reading an upload as numbered rows, in batches: NDJSON, CSV, or an Excel workbook.

Row numbers are those of the file: of a workbook as Excel shows them, of a text file its records
counted from 1. A row that cannot be read is a fault of its own and the others go on.
"""

import csv
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from contracts.errors import Invalid
from kit import workbooks
from kit.records import RECORD_CHARS, Decoding, Lines
from kit.sheets import Columns, Raw, Sheet, unguarded

NDJSON: Final = "application/x-ndjson"
CSV: Final = "text/csv"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
XLS: Final = "application/vnd.ms-excel"
MEDIA: Final = {
    NDJSON: NDJSON,
    "application/ndjson": NDJSON,
    "application/jsonl": NDJSON,
    CSV: CSV,
    XLSX: XLSX,
    XLS: XLSX,
}
_KNOWN: Final = f"{NDJSON}, {CSV}, {XLSX}"
_WORKBOOK: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # ZIP, OLE
# The first bytes that tell a kind of file.
TELLING: Final = 4
_CELL_CHARS: Final = csv.field_size_limit()


class MediaUnknown(Invalid):
    """An import takes NDJSON, CSV or a workbook."""

    code = "media-unknown"


class FileIsWorkbook(Invalid):
    """An Excel workbook that is called a CSV (its first bytes tell)."""

    code = "file-is-workbook"


class FileIsNoWorkbook(Invalid):
    """A file that is called a workbook and is text, or something else (its first bytes tell)."""

    code = "file-is-no-workbook"


class EmptyFile(Invalid):
    """There is nothing in the file."""

    code = "empty-file"


def media_of(header: str) -> str:
    """Give the kind of file that a Content-Type names; refuses MediaUnknown."""
    kind = header.split(";", maxsplit=1)[0].strip().lower()
    if kind not in MEDIA:
        raise MediaUnknown(field="Content-Type", got=header or None, expected=_KNOWN)
    return MEDIA[kind]


def refuse_renamed(media: str, start: bytes) -> None:
    """Refuse a file whose first bytes say that it is of another kind than it is called."""
    is_workbook = start.startswith(_WORKBOOK)
    if is_workbook and media != XLSX:
        raise FileIsWorkbook(field="body", got=start[:4].hex(), expected=media)
    if media == XLSX and not is_workbook:
        raise FileIsNoWorkbook(field="body", got=start[:4].hex(), expected="XLSX, XLS")


@dataclass(slots=True)
class Reading:
    """Reads one upload; `sheet` knows its header, and what was left out."""

    media: str
    sheet: Sheet
    number: int = 0

    @classmethod
    def of(cls, media: str, columns: Columns) -> "Reading":
        """Prepare to read rows that may have these columns."""
        return cls(media, Sheet(columns, typed=media == XLSX))

    def rows(self, records: Iterable[str], delimiter: str = ",") -> list[Raw]:
        """Turn records into rows."""
        found: list[Raw] = []
        for record in records:
            self.number += 1
            if not record or record.isspace():
                continue
            if len(record) > RECORD_CHARS:
                found.append(Raw(self.number, None, f"characters: > {RECORD_CHARS}"))
            elif self.media == NDJSON:
                found.append(_ndjson(self.number, record))
            else:
                row = self._csv(record, delimiter)
                if row is not None:
                    found.append(row)
        return found

    def _csv(self, record: str, delimiter: str) -> Raw | None:
        cells = record.split(delimiter)
        why = None
        if '"' in record or "\r" in record or len(record) > _CELL_CHARS:
            try:
                cells = next(csv.reader([record], strict=True, delimiter=delimiter), [])
            except csv.Error as no:
                why = f"csv: {no}"
        if self.sheet.header is None:
            self.sheet.head(self.number, cells)
            return None
        if why is not None:
            return Raw(self.number, None, why, [record[:1000]])
        if "'" in record:
            cells = unguarded(cells)
        return self.sheet.row(self.number, cells, doubtful="计" in record or "otal" in record)


def _ndjson(number: int, record: str) -> Raw:
    try:
        value = json.loads(record)
    except (ValueError, RecursionError) as no:
        return Raw(number, None, f"json: {no}"[:200], [record[:1000]])
    if not isinstance(value, dict):
        return Raw(number, None, "json: not an object", [record[:1000]])
    return Raw(number, value, None, value)


async def rows_of(
    chunks: AsyncIterator[bytes], reading: Reading
) -> AsyncGenerator[list[Raw], None]:
    """Give the rows of an upload, the rows of each chunk together.

    Refuses EncodingUnknown, HeaderMissing and what is wrong with a workbook; a byte that turns out
    wrong later ends the upload with EncodingUnknown, after the rows before it.
    """
    if reading.media == XLSX:
        async with aclosing(workbooks.rows_of(chunks, reading.sheet)) as found:
            async for rows in found:
                yield rows
        return
    decoding = Decoding()
    lines = Lines(quoted=reading.media == CSV)
    async for chunk in chunks:
        text, wrong = decoding.text(chunk, last=False)
        records = lines.feed(text, last=False)
        yield reading.rows(records, lines.delimiter or ",")
        if wrong is not None:
            raise wrong
    text, wrong = decoding.text(b"", last=True)
    records = lines.feed(text, last=wrong is None)
    yield reading.rows(records, lines.delimiter or ",")
    if wrong is not None:
        raise wrong
    if reading.media == CSV:
        reading.sheet.close()
