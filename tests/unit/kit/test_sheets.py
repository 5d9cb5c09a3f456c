"""Tables as departments write them: titles, names of columns, sums, days, numbers, codes."""

from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import Annotated

import pytest
from pydantic import AwareDatetime

from contracts.acts import Body, Headers
from kit.cells import SINCE_1904, DateUnreadable, DigitsLost, Kind, kind_of, reading
from kit.headers import COLUMNS as COLUMNS_READ
from kit.sheets import Columns, HeaderMissing, Raw, guarded, unguarded
from kit.uploads import CSV, Reading, rows_of


class Sale(Body):
    code: Annotated[str, Headers("统一社会信用代码", "信用代码")]
    on: Annotated[date, Headers("日期", "销售日期")]
    litres: Annotated[float | None, Headers("销量")] = None
    station: Annotated[str | None, Headers("站点")] = None
    told_at: Annotated[AwareDatetime | None, Headers("报送时间")] = None


COLUMNS = Columns.of(Sale)


def wide(text: str) -> str:
    """Write a text in full-width forms."""
    return "".join(chr(ord(sign) + 0xFEE0) for sign in text)


async def read(text: str) -> tuple[list[Raw], Reading]:
    async def chunks() -> AsyncIterator[bytes]:
        yield text.encode()

    found = Reading.of(CSV, COLUMNS)
    return [row async for rows in rows_of(chunks(), found) for row in rows], found


HEADER = "信用代码,日期,销量（升）\n"


@pytest.mark.parametrize(
    "header",
    [
        "code,on,litres",
        "统一社会信用代码,日期,销量（升）",
        " * 信用代码 ,销售 日期,销量(L)",
        "信用代码※,日期：,销量【升】",
        '"统一社会\n信用代码","日期",销量',
        "日期,销量,备注,信用代码",
    ],
)
async def test_columns_are_known_by_any_of_their_names_in_any_order(header: str) -> None:
    line = "2024-03-05,5,x,A1" if header.startswith("日期") else "A1,2024-03-05,5"
    rows, _ = await read(f"{header}\n{line}\n")
    assert [row.fields for row in rows] == [{"code": "A1", "on": "2024-03-05", "litres": "5"}]


async def test_titles_above_the_header_are_passed_over_and_rows_keep_their_numbers() -> None:
    rows, found = await read(f"某市成品油销售表,,\n填报单位：,商务局,\n\n{HEADER}A1,20240305,5\n")
    assert [row.number for row in rows] == [5]
    assert found.sheet.titles == [["某市成品油销售表", "", ""], ["填报单位：", "商务局", ""]]


async def test_sums_are_left_out_and_counted_but_a_firm_may_have_the_word_in_its_name() -> None:
    rows, found = await read(
        f"{HEADER}A1,20240305,5\n合 计,,5\n,,\nA2,20240305,5\n,小计：,5\nA3,20240306,合计\n"
    )
    assert [row.number for row in rows] == [2, 5, 7]
    assert found.sheet.skipped == 2


async def test_a_file_of_another_shape_says_what_was_looked_for_and_what_was_found() -> None:
    with pytest.raises(HeaderMissing) as no:
        await read("序号,信用代码,姓名\n1,A1,张\n")
    assert no.value.facts["field"] == "on"
    assert no.value.facts["expected"] == ["on / 日期 / 销售日期"]
    assert no.value.facts["got"] == "序号 | 信用代码 | 姓名"


async def test_a_header_below_the_twentieth_row_is_not_looked_for() -> None:
    with pytest.raises(HeaderMissing):
        await read("说明\n" * 20 + HEADER)


async def test_a_column_of_no_field_is_named_and_the_reasons_of_an_error_sheet_are_not() -> None:
    _, found = await read("code,on,备注,错误原因\nA1,20240305,x,y\n")
    assert found.sheet.ignored == ["备注"]


async def test_of_two_columns_that_could_be_one_field_the_better_name_counts() -> None:
    rows, found = await read("信用代码,统一社会信用代码,日期\nB,A,20240305\n")
    assert [row.fields for row in rows] == [{"code": "A", "on": "2024-03-05"}]
    assert found.sheet.ignored == ["信用代码"]


async def test_short_rows_below_a_wide_header_take_no_more_memory_than_they_have_cells() -> None:
    rows, found = await read(f"code,on{',x' * 3 * COLUMNS_READ}\nA1,20240305\n,,\nA2\n")
    assert [row.cells for row in rows] == [["A1", "20240305"], ["A2"]]
    assert found.sheet.header is not None
    assert len(found.sheet.header) == COLUMNS_READ


async def test_cells_beyond_the_header_are_not_kept_where_they_are_empty() -> None:
    rows, _ = await read(f"code,on\nA1,20240305{',' * 99}\n")
    assert rows[0].cells == ["A1", "20240305"]


async def test_all_that_is_wrong_with_the_cells_of_a_row_is_said_at_once() -> None:
    rows, _ = await read("code,on,told_at\nA1,202403,7\n")
    assert [no.facts["field"] for no in rows[0].faults] == ["on", "told_at"]


@pytest.mark.parametrize(
    "cell",
    [
        "2024.3.5",
        "20240305",
        "2024/3/5",
        "2024年3月5日",
        wide("2024-03-05"),
        "2024-3-5",
        45356,
        "45356",
        "2024-03-05",
    ],
)
def test_a_day_may_be_written_in_any_usual_form(cell: object) -> None:
    read_day = reading(Kind.DAY, typed=True)
    assert read_day is not None
    assert read_day(cell) == "2024-03-05"


def test_a_workbook_may_count_its_days_from_1904() -> None:
    read_day = reading(Kind.DAY, typed=True, epoch=SINCE_1904)
    assert read_day is not None
    assert read_day(43894) == "2024-03-05"


@pytest.mark.parametrize(
    ("kind", "cell", "said"),
    [
        (Kind.MOMENT, "2024.3.5 9:30", "2024-03-05T09:30:00+08:00"),
        (Kind.MOMENT, "2024年3月5日 9时30分", "2024-03-05T09:30:00+08:00"),
        (Kind.MOMENT, "20240305093000", "2024-03-05T09:30:00+08:00"),
        (Kind.MOMENT, "2024.3.5", "2024-03-05"),
        (Kind.MOMENT, "2024-03-05T09:30:00Z", "2024-03-05T09:30:00Z"),
        (Kind.MOMENT, 45356.5, "2024-03-05T12:00:00+08:00"),
        (Kind.AWARE, "2024-03-05", "2024-03-05T00:00:00+08:00"),
        (Kind.AWARE, "2024-03-05T09:30:00+08:00", "2024-03-05T09:30:00+08:00"),
        (Kind.DAY, "2024-13-05", "2024-13-05"),
        (Kind.DAY, "不详", "不详"),
        (Kind.NUMBER, "1,234.5", "1234.5"),
        (Kind.NUMBER, wide("1,234"), "1234"),
        (Kind.NUMBER, "12,34", "12,34"),
        (Kind.NUMBER, "约5", "约5"),
        (Kind.NUMBER, 5.0, 5),
        (Kind.NUMBER, 5.5, 5.5),
        (Kind.TEXT, 330106.0, "330106"),
        (Kind.TEXT, 330106000000123.0, "330106000000123"),
        (Kind.TEXT, "045356", "045356"),
        (Kind.TEXT, "1,234", "1,234"),
    ],
)
def test_cells_are_read_by_the_kind_of_their_field(kind: Kind, cell: object, said: object) -> None:
    read_cell = reading(kind, typed=True)
    assert read_cell is not None
    assert read_cell(cell) == said


@pytest.mark.parametrize("cell", [9.14403001234568e17, "9.14403001234568E+17", 1e15])
def test_a_code_that_lost_its_digits_is_never_guessed(cell: object) -> None:
    read_text = reading(Kind.TEXT, typed=True)
    assert read_text is not None
    with pytest.raises(DigitsLost):
        read_text(cell)


@pytest.mark.parametrize("cell", ["202403", "1709600000", 3.5, "99999"])
def test_bare_digits_that_are_no_day_are_not_read_as_seconds(cell: object) -> None:
    read_day = reading(Kind.DAY, typed=True)
    assert read_day is not None
    with pytest.raises(DateUnreadable):
        read_day(cell)


def test_text_of_a_csv_stands_as_it_is() -> None:
    assert reading(Kind.TEXT, typed=False) is None


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        (date | None, Kind.DAY),
        (datetime, Kind.MOMENT),
        (AwareDatetime | None, Kind.AWARE),
        (Annotated[float, "x"] | None, Kind.NUMBER),
        (bool, Kind.TEXT),
        (tuple[str, ...], Kind.TEXT),
        (int | str, Kind.TEXT),
    ],
)
def test_a_fields_kind_is_told_by_its_annotation(annotation: object, kind: Kind) -> None:
    assert kind_of(annotation) is kind


@pytest.mark.parametrize("text", ["=1+1", "+1", "-a", "@x", "\tx", wide("=1"), "'", "'a", "a", ""])
def test_a_guard_against_formulas_goes_off_again(text: str) -> None:
    assert unguarded([guarded(text)]) == [text]
    assert not guarded(text).startswith(("=", "+", "-", "@"))
