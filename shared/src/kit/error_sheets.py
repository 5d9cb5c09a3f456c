"""Writing the rejected rows of an import: an Excel workbook or a CSV to be mended and sent back."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kit.cells import EXACT
from kit.rejected import Mending
from kit.sheets import FORMULA_SIGNS, guarded

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

_CELL_CHARS: Final = 32_767  # Excel's own bound
_FAULTY: Final = "#FFC7CE"
_WIDE: Final = 60


def as_csv(mend: Mending) -> bytes:
    """Write the rows as CSV: UTF-8 with the mark that Excel looks for, formulas guarded."""
    out = io.StringIO()
    writer = csv.writer(out)
    for cells in (*mend.titles, mend.header, *mend.rows):
        shown = (_shown(cell) for cell in cells)
        writer.writerow([guarded(cell) if isinstance(cell, str) else cell for cell in shown])
    return out.getvalue().encode("utf-8-sig")


def as_workbook(mend: Mending) -> bytes:
    """Write the rows as XLSX: text as text, so that no code turns into a number or a formula."""
    from xlsxwriter import Workbook  # noqa: PLC0415 - a twentieth of a process's start

    out = io.BytesIO()
    with Workbook(out, {"constant_memory": True}) as book:
        forms = _Forms.of(book)
        sheet = book.add_worksheet()
        sheet.set_column(len(mend.header) - 1, len(mend.header) - 1, _WIDE)
        for at, cells in enumerate(mend.titles):
            _write(sheet, at, forms.of_row(cells, set()))
        top = len(mend.titles)
        _write(sheet, top, [(name, forms.bold) for name in mend.header])
        for at, (cells, faulty) in enumerate(zip(mend.rows, mend.faulty, strict=True), top + 1):
            *row, reason = cells
            _write(sheet, at, [*forms.of_row(row, faulty), (reason, forms.wrapped)])
    return out.getvalue()


@dataclass(frozen=True, slots=True)
class _Forms:
    """How cells look: the faulty ones coloured, all kept from becoming numbers or formulas."""

    bold: "Format"
    wrapped: "Format"
    cell: "dict[tuple[bool, bool], Format]"

    @classmethod
    def of(cls, book: "Workbook") -> "_Forms":
        """Make the forms of a workbook."""
        colour: tuple[dict[str, str], ...] = ({}, {"bg_color": _FAULTY})
        cell = {
            (faulty, formula): book.add_format(
                {"num_format": "@", "quote_prefix": formula} | colour[faulty]
            )
            for faulty in (False, True)
            for formula in (False, True)
        }
        bold = book.add_format({"bold": True, "num_format": "@"})
        return cls(bold, book.add_format({"text_wrap": True, "num_format": "@"}), cell)

    def of_row(self, cells: Sequence[Any], faulty: set[int]) -> "list[tuple[Any, Format]]":
        """Give the cells of a row, each with its form."""
        shown = [_shown(cell) for cell in cells]
        formula = (isinstance(cell, str) and cell.startswith(FORMULA_SIGNS) for cell in shown)
        forms = (self.cell[at in faulty, each] for at, each in enumerate(formula))
        return list(zip(shown, forms, strict=True))


def _write(sheet: "Worksheet", at: int, cells: "Sequence[tuple[Any, Format]]") -> None:
    for column, (cell, form) in enumerate(cells):
        if isinstance(cell, bool):
            sheet.write_boolean(at, column, cell, form)
        elif isinstance(cell, str):
            sheet.write_string(at, column, cell[:_CELL_CHARS], form)
        else:
            sheet.write_number(at, column, cell, form)


def _shown(cell: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Give a number as it is while a spreadsheet keeps it exact, and everything else as text."""
    if isinstance(cell, (int, float)) and abs(cell) < EXACT:
        return cell
    if isinstance(cell, float):
        return f"{cell:.14E}"
    return "" if cell is None else str(cell)
