"""How each department writes its files: headings, encoding, units, forms of names and addresses."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from io import BytesIO
from typing import Final

import xlsxwriter

from heli.demo.province.world import LINES, MARK, PREFECTURES, Station

NDJSON: Final = "application/x-ndjson"
CSV: Final = "text/csv"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

Cells = tuple[str, ...]

_COMPANY: Final = "有限公司"
# These tax agencies report in tonnes, the third one in litres.
TONNES: Final = frozenset({"tax-330200", "tax-330300"})
_EPOCH: Final = datetime(2024, 1, 1)  # noqa: DTZ001 - a workbook knows no zone


@dataclass(frozen=True, slots=True)
class Manner:
    """How a department writes a CSV."""

    encoding: str
    end: str


_BOM: Final = Manner("utf-8-sig", "\n")
_WINDOWS: Final = Manner("gb18030", "\r\n")

METERED: Final = (
    "数据类别", "信用代码", "单位名称", "起始日期", "截止日期", "数值", "计量单位", "区划",
)  # fmt: skip
LITRES: Final = (
    "数据类别", "纳税人识别号", "企业名称", "所属期起", "所属期止", "数量", "计量单位", "行政区划",
)  # fmt: skip
BY_WEIGHT: Final = (
    "纳税人识别号", "企业名称", "行政区划", "数据类别", "油品",
    "所属期起", "所属期止", "计量单位", "数量",
)  # fmt: skip
VERIFIED: Final = ("数据类别", "统一社会信用代码", "企业名称", "起始日期", "数值", "行政区划")
LICENCES: Final = (
    "序号", "统一社会信用代码", "单位名称", "数据类别", "起始日期", "截止日期", "数值", "行政区划",
)  # fmt: skip


def manner(department: str) -> Manner:
    """Give how a department writes: commerce with a byte order mark, others as Windows does."""
    return _BOM if department.startswith("commerce") else _WINDOWS


def by_weight(department: str) -> bool:
    """Say whether a department reports volumes in tonnes."""
    return department in TONNES


def csv(heading: Sequence[str], rows: Iterable[Cells], how: Manner) -> bytes:
    """Write a CSV; no cell holds a comma, a quote or a line end."""
    lines = [",".join(heading), *(",".join(row) for row in rows), ""]
    return how.end.join(lines).encode(how.encoding)


def ndjson(rows: Iterable[Mapping[str, object]]) -> bytes:
    """Write NDJSON, without what is not known."""
    known = ({name: value for name, value in row.items() if value is not None} for row in rows)
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in known).encode()


def workbook(title: str, by: str, heading: Sequence[str], rows: Sequence[Cells]) -> bytes:
    """Write a workbook as an office does: a title over the table, its sum under it, all as text."""
    kept = BytesIO()
    book = xlsxwriter.Workbook(kept, {"in_memory": True})
    book.set_properties({"created": _EPOCH})  # the same rows give the same bytes
    sheet = book.add_worksheet("Sheet1")
    sheet.merge_range(0, 0, 0, len(heading) - 1, title)
    sheet.write_string(1, 0, f"填报单位：{by}")
    for number, row in enumerate((heading, *rows), 2):
        for column, cell in enumerate(row):
            sheet.write_string(number, column, cell)
    sheet.write_string(len(rows) + 3, 0, "合计")
    sheet.write_number(len(rows) + 3, heading.index("数值"), len(rows))
    book.close()
    return kept.getvalue()


def dotted(day: date) -> str:
    """Write a day as offices do in workbooks: 2024.3.5."""
    return f"{day.year}.{day.month}.{day.day}"


def short_name(station: Station) -> str:
    """Give a station's name without what kind of company it is."""
    return station.name.replace(_COMPANY, "")


def name(station: Station, department: str) -> str:
    """Give a station's name as a department writes it: tax in full, others mostly not."""
    line, _, place = department.partition("-")
    full = line == "tax" or (line, place) == ("market", "330200")
    return station.name if full else short_name(station)


def address(station: Station) -> str:
    """Give a station's address as its prefecture writes it: in full, or short, or with #."""
    city = PREFECTURES[station.prefecture]
    short = station.address.removeprefix(f"示范省{city}")
    match station.prefecture:
        case "330200":
            return short
        case "330300":
            return short.replace(f"号{MARK}", f"#{MARK}")
        case _:
            return station.address


def file_name(what: str, department: str, form: str) -> str:
    """Name a file as its department would."""
    line, _, place = department.partition("-")
    return f"{what}-{LINES[line][0]}-{place}.{form}"
