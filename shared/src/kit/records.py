"""Cutting a text upload into records: encoding, line ends and quoted cells, wherever it is cut.

UTF-8, GB18030, and UTF-16 by its mark; lines end with LF, CRLF or, in a file that has only those,
CR.
"""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field

from contracts.errors import Invalid

ENCODINGS = "UTF-8, GB18030, UTF-16"
RECORD_CHARS = 256 * 1024


class EncodingUnknown(Invalid):
    """The file is neither UTF-8 nor GB18030, nor UTF-16 with its mark."""

    code = "encoding-unknown"


def encoding_of(start: bytes) -> str:
    """Tell the encoding by the first bytes of a file; refuses EncodingUnknown."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
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
    are records of their own then. `delimiter` is told by the first line that has one.
    """

    quoted: bool
    delimiter: str = ""
    ends: str = ""
    rest: str = ""
    open: list[str] = field(default_factory=list)
    size: int = 0
    inside: bool = False

    def feed(self, text: str, *, last: bool) -> list[str]:
        """Give the records that are whole."""
        lines = self._lines(self.rest + text, last=last)
        self.rest = lines.pop()[: RECORD_CHARS + 1]
        if last and self.rest:
            lines.append(self.rest)
            self.rest = ""
        if not self.quoted:
            return lines
        if not self.delimiter:
            self._tell(lines)
        if not self.inside and not any('"' in line for line in lines):
            return lines
        return list(self._records(lines, last=last))

    def _lines(self, text: str, *, last: bool) -> list[str]:
        if not self.ends:
            cr, lf = text.find("\r"), text.find("\n")
            if cr >= 0 and (lf < 0 or cr + 1 < lf) and (last or cr + 1 < len(text)):
                self.ends = "\r"
            elif lf >= 0:
                self.ends = "\n"
        if "\r" in text:
            text = text.replace("\r\n", "\n")
            if self.ends == "\r":
                # The CR at the end of a piece may be half of a CRLF.
                half = text.endswith("\r") and not last
                text = text[:-1].replace("\r", "\n") + "\r" if half else text.replace("\r", "\n")
        return text.split("\n")

    def _tell(self, lines: list[str]) -> None:
        for line in lines:
            if "," in line or "\t" in line:
                self.delimiter = "," if "," in line else "\t"
                return

    def _records(self, lines: list[str], *, last: bool) -> Iterator[str]:
        for line in lines:
            if not self.inside and '"' not in line:
                yield line
            else:
                yield from self._quoted(line)
        if last:
            yield from self._opened()

    def _quoted(self, line: str) -> Iterator[str]:
        self.open.append(line)
        self.size += len(line) + 1
        self.inside = _stays_open(line, self.delimiter or ",", inside=self.inside)
        if self.size > RECORD_CHARS:
            yield from self._opened()
        elif not self.inside:
            yield "\n".join(self.open)
            self._close()

    def _opened(self) -> Iterator[str]:
        """Give the lines of a record that does not end, each for itself."""
        yield from self.open
        self._close()

    def _close(self) -> None:
        self.open, self.size, self.inside = [], 0, False


def _stays_open(line: str, delimiter: str, *, inside: bool) -> bool:
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
        comma = line.find(delimiter, at)
        if comma < 0:
            return False
        at = comma + 1


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
