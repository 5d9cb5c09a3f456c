"""Reading an upload: NDJSON or CSV (UTF-8 or GB18030) as numbered rows, in batches, streaming.

Row numbers count the records of the file: the header of a CSV is row 1. A CSV column that no row
has is skipped and named; a row that cannot be read is a fault of its own and the others go on.
"""

import codecs
import csv
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from contracts.errors import Invalid

NDJSON = "application/x-ndjson"
CSV = "text/csv"
MEDIA = {NDJSON: NDJSON, "application/ndjson": NDJSON, "application/jsonl": NDJSON, CSV: CSV}
ENCODINGS = "UTF-8, GB18030"
RECORD_CHARS = 256 * 1024


class MediaUnknown(Invalid):
    """An import takes NDJSON or CSV."""

    code = "media-unknown"


class FileIsWorkbook(Invalid):
    """An Excel workbook that is called a CSV (its first bytes tell)."""

    code = "file-is-workbook"


class EmptyFile(Invalid):
    """There is nothing in the file."""

    code = "empty-file"


class EncodingUnknown(Invalid):
    """The file is neither UTF-8 nor GB18030."""

    code = "encoding-unknown"


class HeaderMissing(Invalid):
    """A CSV lacks a column that every row needs."""

    code = "header-missing"


@dataclass(frozen=True, slots=True)
class Raw:
    """One row as it stands in the file: its number, and its fields or why there are none."""

    number: int
    fields: dict[str, Any] | None
    why: str | None = None


def media_of(header: str) -> str:
    """Give NDJSON or CSV for a Content-Type; refuses MediaUnknown."""
    kind = header.split(";", maxsplit=1)[0].strip().lower()
    if kind not in MEDIA:
        raise MediaUnknown(field="Content-Type", got=header or None, expected=f"{NDJSON}, {CSV}")
    return MEDIA[kind]


def refuse_workbook(start: bytes) -> None:
    """Refuse FileIsWorkbook by the first bytes of a ZIP or OLE file."""
    if start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise FileIsWorkbook(field="body", got=start[:4].hex(), expected="CSV, NDJSON")


def encoding_of(start: bytes) -> str:
    """Tell UTF-8 from GB18030 by the first bytes of a file; refuses EncodingUnknown."""
    for name in ("utf-8-sig", "gb18030"):
        try:
            codecs.getincrementaldecoder(name)("strict").decode(start, final=False)
        except UnicodeDecodeError:
            continue
        return name
    raise EncodingUnknown(field="body", got=start[:16].hex(), expected=ENCODINGS)


@dataclass(slots=True)
class Lines:
    """Cuts text into records: lines, but a quoted CSV cell may hold line ends.

    A quote that is not closed within RECORD_CHARS would take the rows behind it along: its lines
    are records of their own then. A longer line comes cut to one character more than that.
    """

    quoted: bool
    rest: str = ""
    open: list[str] = field(default_factory=list)
    size: int = 0
    inside: bool = False

    def feed(self, text: str, *, last: bool) -> Iterator[str]:
        """Give the records that are whole."""
        lines = (self.rest + text).replace("\r\n", "\n").split("\n")
        self.rest = lines.pop()[: RECORD_CHARS + 1]
        if last and self.rest:
            lines.append(self.rest)
            self.rest = ""
        for line in lines:
            if not self.quoted or (not self.inside and '"' not in line):
                yield line[: RECORD_CHARS + 1]
            else:
                yield from self._quoted(line)
        if last:
            yield from self._opened()

    def _quoted(self, line: str) -> Iterator[str]:
        self.open.append(line)
        self.size += len(line) + 1
        self.inside = _stays_open(line, inside=self.inside)
        if self.size > RECORD_CHARS:
            yield from self._opened()
        elif not self.inside:
            yield "\n".join(self.open)
            self._close()

    def _opened(self) -> Iterator[str]:
        """Give the lines of a record that does not end, each for itself."""
        for line in self.open:
            yield line[: RECORD_CHARS + 1]
        self._close()

    def _close(self) -> None:
        self.open, self.size, self.inside = [], 0, False


def _stays_open(line: str, *, inside: bool) -> bool:
    """Say whether a quoted cell is open at the end of a line; a quote opens only a cell's start."""
    at = 0
    while True:
        if not inside and line.startswith('"', at):
            at += 1
            inside = True
        while inside:
            quote = line.find('"', at)
            if quote < 0:
                return True
            inside = line.startswith('"', quote + 1)  # a doubled one stands for itself
            at = quote + 1 + inside
        comma = line.find(",", at)
        if comma < 0:
            return False
        at = comma + 1


def _ndjson(number: int, record: str) -> Raw:
    try:
        value = json.loads(record)
    except (ValueError, RecursionError) as no:
        return Raw(number, None, f"json: {no}"[:200])
    if not isinstance(value, dict):
        return Raw(number, None, "json: not an object")
    return Raw(number, value)


@dataclass(slots=True)
class Reading:
    """Reads one upload; `columns` are those that a row may have, `needed` those that it must."""

    media: str
    columns: frozenset[str]
    needed: frozenset[str]
    header: list[str] | None = None
    ignored: list[str] = field(default_factory=list)
    number: int = 0

    def _csv(self, record: str) -> Raw | None:
        cells: list[str] = []
        why = None
        try:
            cells = next(csv.reader([record], strict=True), [])
        except csv.Error as no:
            why = f"csv: {no}"
        if self.header is None:
            self._set_header(cells, record)
            return None
        if len(cells) > len(self.header):
            why = f"cells: {len(cells)} > {len(self.header)}"
        if why is not None:
            return Raw(self.number, None, why)
        named = zip(self.header, cells, strict=False)
        return Raw(self.number, {k: v.strip() for k, v in named if k in self.columns and v.strip()})

    def _set_header(self, cells: list[str], record: str) -> None:
        self.header = [cell.strip() for cell in cells]
        self.ignored = [name for name in self.header if name not in self.columns]
        lacking = sorted(self.needed - set(self.header))
        if lacking:
            raise HeaderMissing(field=lacking[0], got=record[:200], expected=lacking)

    def rows(self, records: Iterable[str]) -> Iterator[Raw]:
        """Turn records into rows."""
        for record in records:
            self.number += 1
            if not record.strip():
                continue
            if len(record) > RECORD_CHARS:
                yield Raw(self.number, None, f"characters: > {RECORD_CHARS}")
                continue
            row = self._csv(record) if self.media == CSV else _ndjson(self.number, record)
            if row is not None:
                yield row


@dataclass(slots=True)
class Decoding:
    """Bytes to text; the encoding is told by the first piece that is not plain ASCII."""

    encoding: str = ""
    decoder: codecs.IncrementalDecoder | None = None

    def text(self, data: bytes, *, last: bool) -> tuple[str, EncodingUnknown | None]:
        """Give the text up to the first byte that no text has, and what is wrong there."""
        if self.decoder is None:
            if data.isascii():
                return data.decode("ascii"), None
            self.encoding = encoding_of(data)
            self.decoder = codecs.getincrementaldecoder(self.encoding)("strict")
        try:
            return self.decoder.decode(data, final=last), None
        except UnicodeDecodeError as no:
            # `no.object` is what was held back from the piece before, and this one.
            good = no.object[: no.start].decode(self.encoding.removesuffix("-sig"))
            got = no.object[no.start : no.start + 8].hex()
            return good, EncodingUnknown(field="body", got=got, expected=ENCODINGS)


async def rows_of(chunks: AsyncIterator[bytes], reading: Reading) -> AsyncIterator[list[Raw]]:
    """Give the rows of an upload, the rows of each chunk together.

    Refuses EncodingUnknown and HeaderMissing; a byte that turns out wrong later ends the upload
    with EncodingUnknown, after the rows before it.
    """
    decoding = Decoding()
    lines = Lines(quoted=reading.media == CSV)
    async for chunk in chunks:
        text, wrong = decoding.text(chunk, last=False)
        yield list(reading.rows(lines.feed(text, last=False)))
        if wrong is not None:
            raise wrong
    text, wrong = decoding.text(b"", last=True)
    yield list(reading.rows(lines.feed(text, last=wrong is None)))
    if wrong is not None:
        raise wrong
