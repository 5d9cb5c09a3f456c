"""A table of cells as numbered rows: its header recognised, sums left out, cells read by field.

The same for a CSV, whose cells are text, and for a workbook, whose cells have types.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pydantic import BaseModel

from contracts.acts import Headers
from contracts.classes import masked
from contracts.errors import Invalid
from kit import headers
from kit.cells import SINCE_1900, Epoch, Kind, Read, kind_of, reading

# What guards a cell of an error sheet from being taken as a formula, and goes when it comes back.
_WIDE_SIGNS = ("\uff1d", "\uff0b", "\uff0d", "\uff20")  # the same in full width
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", *_WIDE_SIGNS)


class HeaderMissing(Invalid):
    """No row of the file is a header that names every column a row needs."""

    code = "header-missing"


class Raw(NamedTuple):
    """One row as it stands in the file: its number, and its fields or why there are none.

    `cells` are those of the file, for the error workbook; `faults` those that say nothing usable.
    """

    number: int
    fields: dict[str, Any] | None
    why: str | None = None
    cells: Any = None
    faults: tuple[Invalid, ...] = ()


@dataclass(frozen=True, slots=True)
class Columns:
    """What a row may have: kinds by field, those that are needed, and every name of each."""

    kinds: Mapping[str, Kind]
    needed: frozenset[str]
    names: Mapping[str, tuple[str, ...]]
    known: headers.Known

    @classmethod
    def of(cls, model: type[BaseModel]) -> "Columns":
        """Take the fields of a row's model, and the names that its `Headers` give them."""
        kinds: dict[str, Kind] = {}
        names: dict[str, tuple[str, ...]] = {}
        needed: set[str] = set()
        for attribute, info in model.model_fields.items():
            name = info.alias or attribute
            kinds[name] = kind_of(info.annotation)
            given = (one.names for one in info.metadata if isinstance(one, Headers))
            names[name] = tuple(each for some in given for each in some)
            if info.is_required():
                needed.add(name)
        known: dict[str, tuple[str, int]] = {headers.word(name): (name, 0) for name in kinds}
        for name, others in names.items():
            for rank, other in enumerate(others, 1):
                known.setdefault(headers.word(other), (name, rank))
        return cls(kinds, frozenset(needed), names, known)

    def described(self) -> list[dict[str, Any]]:
        """Say of each column its field, whether every row needs it, and what else it is called."""
        return [
            {"field": name, "needed": name in self.needed, "names": list(self.names[name])}
            for name in self.kinds
        ]

    def lacking(self, found: Mapping[str, int]) -> list[str]:
        """Name the needed columns that are not there, with what else they may be called."""
        return [
            " / ".join((name, *self.names[name][:3]))
            for name in self.kinds
            if name in self.needed and name not in found
        ]


@dataclass(slots=True)
class Sheet:
    """Reads one table; `titles` are the rows above the header, `ignored` columns of no field."""

    columns: Columns
    typed: bool
    epoch: Epoch = SINCE_1900
    name: str | None = None
    titles: list[list[Any]] = field(default_factory=list)
    header: list[str] | None = None
    places: dict[str, int] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    skipped: int = 0
    _plan: list[tuple[str, int, Read | None]] = field(default_factory=list)
    _needed: tuple[int, ...] = ()
    _head: list[tuple[int, list[Any]]] = field(default_factory=list)

    def layout(self) -> dict[str, Any] | None:
        """Give what an error workbook repeats: titles, header, and where each field stands."""
        if self.header is None:
            return None
        return {"titles": self.titles, "header": self.header, "places": self.places}

    def head(self, number: int, cells: list[Any]) -> None:
        """Take a row in which the header is still looked for; refuses HeaderMissing."""
        cells = cells[: headers.COLUMNS]
        self._head.append((number, cells))
        if headers.is_header(cells, self.columns.known, self.columns.needed):
            self.titles = [above for _, above in self._head[:-1]]
            self.open(cells)
        elif len(self._head) >= headers.HEAD_ROWS:
            self.close()

    def close(self) -> None:
        """Refuse HeaderMissing where the table ends without a header."""
        if self.header is None:
            self.missing([cells for _, cells in self._head])

    def missing(self, rows: Sequence[Sequence[Any]]) -> None:
        """Refuse HeaderMissing: which columns were looked for, and which were found."""
        near = rows[headers.likeliest(rows, self.columns.known)] if rows else []
        found = headers.places(near, self.columns.known)
        lacking = self.columns.lacking(found) or list(self.columns.kinds)
        # A file without a header begins with somebody's row; masked before a number is cut in two.
        got = masked(" | ".join(str(cell) for cell in near if cell not in {None, ""}))[:200]
        raise HeaderMissing(
            field=lacking[0].split(" / ")[0], got=got, expected=lacking, sheet=self.name
        )

    def open(self, cells: Sequence[Any]) -> None:
        """Take the header."""
        cells = cells[: headers.COLUMNS]
        self.header = ["" if cell is None else str(cell).strip() for cell in cells]
        self.places = headers.places(cells, self.columns.known)
        used = set(self.places.values())
        self.ignored = [
            name
            for at, name in enumerate(self.header)
            if name and at not in used and not headers.is_reason(name)
        ]
        self._needed = tuple(self.places[name] for name in self.columns.needed)
        self._plan = [
            (name, at, reading(self.columns.kinds[name], typed=self.typed, epoch=self.epoch))
            for name, at in self.places.items()
        ]

    def row(self, number: int, cells: list[Any], *, doubtful: bool) -> Raw | None:
        """Read a row below the header; None for an empty one and, where it may be one, a sum."""
        width = len(self.header or ())
        plan = self._plan
        if len(cells) < width:
            # Not filled up: short rows below a wide header would take a thousand times their size.
            plan = [one for one in plan if one[1] < len(cells)]
        elif len(cells) > width:
            if not self.typed and any(map(str.strip, cells[width:])):
                return Raw(number, None, f"cells: {len(cells)} > {width}", [",".join(cells)])
            del cells[width:]
        if doubtful and headers.is_total(cells, self._needed):
            self.skipped += 1
            return None
        fields: dict[str, Any] = {}
        try:
            for name, at, read in plan:
                cell = cells[at]
                if cell.__class__ is str:
                    cell = cell.strip()
                if cell is None or cell == "":
                    continue
                fields[name] = cell if read is None else read(cell)
        except Invalid:
            return self._faulty(number, cells)
        if not fields and not any(str(cell).strip() for cell in cells if cell is not None):
            return None
        return Raw(number, fields, None, cells)

    def _faulty(self, number: int, cells: list[Any]) -> Raw:
        """Read a row again whose cells are not all right, each for itself."""
        fields: dict[str, Any] = {}
        faults = []
        for name, cell, read in self._cells(cells):
            try:
                fields[name] = cell if read is None else read(cell)
            except Invalid as no:
                no.facts["field"] = name
                faults.append(no)
        return Raw(number, fields, None, cells, tuple(faults))

    def _cells(self, cells: list[Any]) -> Iterator[tuple[str, Any, Read | None]]:
        for name, at, read in self._plan:
            if at >= len(cells):
                continue
            cell = cells[at].strip() if isinstance(cells[at], str) else cells[at]
            if cell not in {None, ""}:
                yield name, cell, read


def guarded(text: str) -> str:
    """Guard a text that a spreadsheet would take for a formula."""
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text


def unguarded(cells: list[Any]) -> list[Any]:
    """Take the guards of an error sheet off again."""
    return [
        cell[1:]
        if isinstance(cell, str) and cell[:1] == "'" and cell[1:].startswith(FORMULA_SIGNS)
        else cell
        for cell in cells
    ]
