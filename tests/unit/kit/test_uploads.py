"""Reading an upload."""

from collections.abc import AsyncIterator, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.acts import Body
from kit.records import RECORD_CHARS, EncodingUnknown, Lines
from kit.sheets import Columns, HeaderMissing, Raw
from kit.uploads import (
    CSV,
    NDJSON,
    XLSX,
    FileIsNoWorkbook,
    FileIsWorkbook,
    Reading,
    media_of,
    refuse_renamed,
    rows_of,
)


class Named(Body):
    id: str
    name: str | None = None


COLUMNS = Columns.of(Named)


async def read(data: bytes, media: str, pieces: int = 7) -> list[Raw]:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(data), pieces):
            yield data[start : start + pieces]

    reading = Reading.of(media, COLUMNS)
    return [row async for rows in rows_of(chunks(), reading) for row in rows]


def fields(rows: Iterable[Raw]) -> list[dict[str, object] | None]:
    return [row.fields for row in rows]


async def test_a_csv_row_has_the_number_of_its_line_and_the_header_is_row_one() -> None:
    rows = await read(b"id,name\n1,a\n\n2,b\n", CSV, pieces=1000)
    assert [(row.number, row.fields) for row in rows] == [
        (2, {"id": "1", "name": "a"}),
        (4, {"id": "2", "name": "b"}),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
async def test_chinese_is_read_in_utf8_and_gb18030_wherever_the_file_is_cut(encoding: str) -> None:
    data = "id,name\n1,示例加油站\n".encode(encoding)
    rows = await read(data, CSV, pieces=64)
    assert fields(rows) == [{"id": "1", "name": "示例加油站"}]


async def test_a_quoted_cell_may_hold_commas_quotes_and_line_ends() -> None:
    rows = await read(b'id,name\n1,"a, ""b""\nc"\n2,d\n', CSV)
    assert fields(rows) == [{"id": "1", "name": 'a, "b"\nc'}, {"id": "2", "name": "d"}]


async def test_a_column_that_no_row_has_is_skipped_and_an_empty_cell_is_absent() -> None:
    rows = await read(b"id,colour,name\n1,red,\n", CSV)
    assert fields(rows) == [{"id": "1"}]


async def test_a_csv_without_a_needed_column_is_refused_by_its_name() -> None:
    with pytest.raises(HeaderMissing) as no:
        await read(b"name\na\n", CSV)
    assert no.value.facts["field"] == "id"


async def test_a_line_that_is_no_json_object_is_a_fault_of_its_own_and_the_others_go_on() -> None:
    rows = await read(b'{"id": 1}\n[2]\n{oops\n{"id": 3}\n', NDJSON)
    assert [row.fields is None for row in rows] == [False, True, True, False]


async def test_a_quote_inside_a_cell_is_a_sign_like_any_other() -> None:
    rows = await read(b'id,name\n1,5" pipe\n2,6" pipe\n', CSV)
    assert fields(rows) == [{"id": "1", "name": '5" pipe'}, {"id": "2", "name": '6" pipe'}]


@pytest.mark.parametrize(
    ("behind", "pieces"), [(3, 7), (3, 1000), (RECORD_CHARS // 2, 9999), (RECORD_CHARS // 2, 10**7)]
)
async def test_a_quote_that_is_never_closed_harms_its_row_alone(behind: int, pieces: int) -> None:
    rows = await read(b'id,name\n1,"a\n' + b"2,b\n" * behind, CSV, pieces)
    assert [row.number for row in rows if row.fields is None] == [2]
    assert fields(rows[1:]) == [{"id": "2", "name": "b"}] * behind


async def test_a_cell_a_line_or_a_sign_that_csv_cannot_hold_is_a_fault_of_its_row() -> None:
    long = b"1," + b"x" * 140_000 + b"\n"
    longer = b"1," + b"x" * (RECORD_CHARS + 9) + b"\n"
    rows = await read(b"id,name\n" + long + longer + b'1,a\rb\n1,"a"b\n2,b\n', CSV, 5000)
    assert [row.fields is None for row in rows] == [True, True, True, True, False]


async def test_a_json_line_without_end_takes_no_more_memory_than_a_record_may() -> None:
    lines = Lines(quoted=False)
    for _ in range(20):
        assert list(lines.feed("x" * RECORD_CHARS, last=False)) == []
        assert len(lines.rest) <= RECORD_CHARS + 1
    rows = await read(b'{"id": "' + b"x" * RECORD_CHARS + b'"}\n{"id": 2}\n', NDJSON, 9000)
    assert fields(rows) == [None, {"id": 2}]


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        ("id,name\n1,示\n2,b\n".encode() + b"\xff\xff\n3,c\n", "ffff"),
        ("id,name\n1,示\n2,b\n3,示例".encode()[:-1], "e4be"),
        ("id,name\n1,示\n2,b\n".encode("gb18030") + b"\xff\xff\n3,c\n", "ffff"),
        ("id,name\n1,示\n2,b\n3,例".encode("gb18030")[:-1], "c0"),
    ],
)
async def test_a_byte_that_no_text_has_ends_the_file_after_the_rows_before_it(
    data: bytes, wrong: str
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(data), 13):
            yield data[start : start + 13]

    rows: list[Raw] = []

    async def gather() -> None:
        async for some in rows_of(chunks(), Reading.of(CSV, COLUMNS)):
            rows.extend(some)

    with pytest.raises(EncodingUnknown) as no:
        await gather()
    assert str(no.value.facts["got"]).startswith(wrong)
    assert [row.number for row in rows] == [2, 3]


async def test_the_encoding_is_told_by_the_first_sign_that_is_not_ascii() -> None:
    data = b"id,name\n" + b"1,a\n" * 40 + "2,示例\n".encode("gb18030")
    assert (await read(data, CSV, 64))[-1].fields == {"id": "2", "name": "示例"}


async def test_bytes_of_no_known_encoding_are_refused() -> None:
    with pytest.raises(EncodingUnknown):
        await read(b"\xff\xff\xff\xff,\xff\n", CSV, pieces=64)


def test_a_media_type_may_carry_parameters() -> None:
    assert media_of("text/csv; charset=gb18030") == CSV


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030"])
async def test_lines_may_end_as_in_any_system(ends: str, encoding: str) -> None:
    data = ends.join(("id,name", "1,示例", '2,"a, b"', "")).encode(encoding)
    for pieces in (64, 1000):
        rows = await read(data, CSV, pieces)
        assert [row.number for row in rows] == [2, 3]
        assert fields(rows) == [{"id": "1", "name": "示例"}, {"id": "2", "name": "a, b"}]


async def test_excels_unicode_text_is_read_by_its_tabs() -> None:
    data = "id\tname\n1\t示例, 一站\n".encode("utf-16")
    assert fields(await read(data, CSV, 64)) == [{"id": "1", "name": "示例, 一站"}]


def test_a_file_under_a_wrong_name_is_told_by_its_first_bytes() -> None:
    with pytest.raises(FileIsWorkbook):
        refuse_renamed(CSV, b"PK\x03\x04")
    for start in (b"id,n", b"<htm", b"\xef\xbb\xbfi"):
        with pytest.raises(FileIsNoWorkbook):
            refuse_renamed(XLSX, start)
    refuse_renamed(XLSX, b"\xd0\xcf\x11\xe0")


@given(
    cells=st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters='\r\n"\0'), max_size=8), max_size=20
    ),
    pieces=st.integers(64, 200),
)
async def test_where_a_file_is_cut_changes_nothing(cells: list[str], pieces: int) -> None:
    data = ("id,name\n" + "".join(f'{n},"{cell}"\n' for n, cell in enumerate(cells))).encode()
    assert await read(data, CSV, pieces) == await read(data, CSV, len(data))
