"""Workbooks in and error workbooks out, at the boundary of one service."""

import io
import json
import zipfile
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from contracts.credit_service import EntityNew
from contracts.errors import Refusal
from contracts.roles import Role
from credit_service.app import service
from kit import rejected
from kit.auth import system
from kit.clock import new_id
from kit.idempotency import KEPT, forget, idempotency
from kit.jobs import Row, Taken, Upload
from kit.sheets import Columns, Raw
from kit.testing import Running, Serve, actor
from kit.uploads import CSV, XLSX, Reading, rows_of

INTEGRATOR = actor("market", "market-330100", "330100", Role.INTEGRATOR)
CODES = ("91330106MA27XKQX4X", "91330106MA28TK8M0R")

Fill = Callable[[Worksheet, Workbook], None]


def workbook(*sheets: Fill, **options: object) -> bytes:
    out = io.BytesIO()
    with Workbook(out, {"strings_to_formulas": False} | options) as book:
        for fill in sheets:
            fill(book.add_worksheet(), book)
    return out.getvalue()


def table(*rows: Sequence[object]) -> Fill:
    def fill(sheet: Worksheet, _: Workbook) -> None:
        for at, cells in enumerate(rows):
            sheet.write_row(at, 0, cells)

    return fill


async def read(data: bytes) -> tuple[list[Raw], Reading]:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(data), 4096):
            yield data[start : start + 4096]

    reading = Reading.of(XLSX, Columns.of(EntityNew))
    return [row async for some in rows_of(chunks(), reading) for row in some], reading


# Reading -------------------------------------------------------------------------------------


async def test_titles_merged_cells_sums_and_blank_rows_are_read_as_people_mean_them() -> None:
    def fill(sheet: Worksheet, book: Workbook) -> None:
        sheet.merge_range("B2:D2", "某市监管对象名单", book.add_format())
        sheet.write_row("B4", ["区划代码", "企业名称（全称）", "信用代码 *"])
        sheet.merge_range("B5:B6", 330106, book.add_format())
        sheet.write_row("C5", ["甲", "A1"])
        sheet.write_row("C6", ["乙", "A2"])
        sheet.write_row("B8", [330108, "丙", "A3"])
        sheet.write_row("B9", ["合计", "", 3])

    rows, reading = await read(workbook(table(("说明", "见第二张表")), fill))
    assert [(row.number, row.fields) for row in rows] == [
        (5, {"region": "330106", "name": "甲", "code": "A1"}),
        (6, {"region": "330106", "name": "乙", "code": "A2"}),
        (8, {"region": "330108", "name": "丙", "code": "A3"}),
    ]
    assert (reading.sheet.name, reading.sheet.skipped) == ("Sheet2", 1)


async def test_days_as_cells_of_either_epoch_and_of_any_form_are_days() -> None:
    day = date(2024, 3, 5)

    def fill(sheet: Worksheet, book: Workbook) -> None:
        sheet.write_row("A1", ["名称", "代码类", "信用代码", "地址"])
        sheet.write_datetime("A2", day, book.add_format({"num_format": "yyyy/m/d"}))
        sheet.write("C2", "A1")

    for since_1904 in (False, True):
        rows, _ = await read(workbook(fill, date_1904=since_1904))
        assert rows[0].fields == {"name": "2024-03-05", "code": "A1"}


async def test_a_code_that_became_a_number_is_restored_or_named_and_never_guessed() -> None:
    rows, _ = await read(
        workbook(
            table(("信用代码", "名称"), (330106000000123, "甲"), (914403001234567890, "乙")),
        )
    )
    assert rows[0].fields == {"code": "330106000000123", "name": "甲"}
    assert [no.code for no in rows[1].faults] == ["code-excel"]
    assert rows[1].faults[0].facts == {
        "got": "9.14403001234568E+17",
        "kind": "string_type",
        "field": "code",
    }


def bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"<c/>" * 16 * 1024**2)
    return out.getvalue()


def far_out(sheet: Worksheet, _: Workbook) -> None:
    sheet.write_row(0, 0, ["信用代码", "名称"])
    sheet.write(1_048_575, 16_383, "x")


def plain_zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("readme.txt", "x")
    return out.getvalue()


GOOD = workbook(table(("信用代码", "名称"), ("A1", "甲")))


async def test_a_workbook_is_read_alike_whatever_the_locale_of_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "gb18030")
    rows, _ = await read(workbook(table(("信用代码", "名称"), ("A1", "示例"))))
    assert rows[0].fields == {"code": "A1", "name": "示例"}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (bomb(), "workbook-too-large"),
        (workbook(far_out), "workbook-too-large"),
        (plain_zip(), "workbook-unreadable"),
        (GOOD[: len(GOOD) // 2], "workbook-unreadable"),
        (b"PK\x03\x04rest", "workbook-unreadable"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 5000, "workbook-unreadable"),
        (workbook(table(("序号", "姓名"), (1, "张"))), "header-missing"),
        (workbook(table()), "header-missing"),
    ],
)
async def test_a_workbook_that_cannot_be_read_says_why(data: bytes, code: str) -> None:
    with pytest.raises(Refusal) as no:
        await read(data)
    assert no.value.code == code


# Through the service -------------------------------------------------------------------------


@pytest.fixture
async def run(serve: Serve) -> AsyncIterator[Running]:
    async with serve(service) as running:
        yield running


async def load(
    run: Running, data: bytes, media: str = XLSX, language: str = "zh"
) -> dict[str, Any]:
    state, errors = await run.load(INTEGRATOR, "entities", data, media, accept_language=language)
    async with run.client(INTEGRATOR) as client:
        client.headers["accept-language"] = language
        path = f"/jobs/{state['id']}/errors"
        files = {form: (await client.get(f"{path}.{form}")).content for form in ("xlsx", "csv")}
    return state | {"errors": errors, "files": files}


def cells(data: bytes) -> list[list[Any]]:
    return CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(0).to_python()


async def entities(run: Running) -> list[tuple[str, str]]:
    async with run.db.begin(system("credit-service"), "test") as tx:
        return [
            (row.id, row.name)
            for row in await tx.execute(text("SELECT id, name FROM entity ORDER BY id"))
        ]


LIST = workbook(
    table(
        ("监管对象名单", "", "", ""),
        ("序号", "企业名称", "统一社会信用代码", "备注"),
        (1, "甲（示例）", CODES[0], "=1+1"),
        (2, "乙（示例）", "91330106MA28TK8M0A", "-x"),
        (3, "丙（示例）", 914403001234567890, 0.5),
        (4, "", "", ""),
        ("合计", "", "", 4),
    )
)


async def test_mended_rows_alone_complete_a_load_and_nothing_is_there_twice(run: Running) -> None:
    state = await load(run, LIST)
    assert (state["accepted"], state["rejected"], state["skipped"]) == (1, 3, 1)
    assert (state["sheet"], state["ignored"]) == ("Sheet1", ["序号", "备注"])
    assert {fault["row"] for fault in state["errors"]} == {4, 5, 6}

    sheet = cells(state["files"]["xlsx"])
    assert sheet[0][:1] == ["监管对象名单"]
    assert sheet[1] == ["序号", "企业名称", "统一社会信用代码", "备注", "错误原因"]
    assert [row[:4] for row in sheet[2:]] == [
        [2, "乙（示例）", "91330106MA28TK8M0A", "-x"],
        [3, "丙（示例）", "9.14403001234568E+17", 0.5],
        [4, "", "", ""],
    ]
    assert sheet[2][4].startswith("第 4 行 统一社会信用代码：")
    assert "名称" in sheet[4][4]
    assert "必填" in sheet[4][4]

    sheet[2][2] = CODES[1]
    mended = await load(run, workbook(table(*sheet[:3])))
    assert (mended["accepted"], mended["rejected"], mended["ignored"]) == (1, 0, ["序号", "备注"])
    whole = [(f"uscc-{CODES[0]}", "甲（示例）"), (f"uscc-{CODES[1]}", "乙（示例）")]
    assert await entities(run) == whole
    again = await load(run, workbook(table(*sheet[:3])))
    assert (again["accepted"], again["duplicate"]) == (1, 1)
    assert await entities(run) == whole


@pytest.mark.parametrize("form", ["xlsx", "csv"])
async def test_an_error_sheet_sent_back_as_it_is_gives_the_same_faults(
    run: Running, form: str
) -> None:
    first = await load(run, LIST)
    again = await load(run, first["files"][form], {"xlsx": XLSX, "csv": CSV}[form])
    faults = [
        [(fault["column"], fault["code"]) for fault in one["errors"]] for one in (first, again)
    ]
    assert faults[0] == faults[1]
    assert {"code-check-digit", "code-excel", "field-missing"} <= {code for _, code in faults[0]}
    assert again["accepted"] == 0
    once_more = cells(again["files"]["xlsx"])
    assert once_more[1].count("错误原因") == 1


async def test_the_error_sheet_speaks_the_callers_language_and_holds_no_formula(
    run: Running,
) -> None:
    state = await load(run, LIST, language="en")
    said = state["files"]["csv"].decode("utf-8-sig").splitlines()
    assert said[1].endswith("What is wrong")
    assert ",'-x," in said[2]
    assert "Row 4, 统一社会信用代码: The check digit" in said[2]


async def test_ndjson_rows_come_back_as_a_table_too(run: Running) -> None:
    data = b'{"code": "1", "name": "a", "x": 1}\nnot json\n'
    state = await load(run, data, "application/x-ndjson")
    sheet = cells(state["files"]["xlsx"])
    assert sheet[0] == ["code", "name", "x", "原文", "错误原因"]
    assert [row[:4] for row in sheet[1:]] == [["1", "a", 1, ""], ["", "", "", "not json"]]


async def test_a_row_that_no_column_can_hold_harms_no_other_and_every_number_goes_back(
    run: Running,
) -> None:
    deep = b"[" * 700 + b"]" * 700
    lines = (
        b'{"code": ' + deep + b', "name": "a"}',
        b'{"code": 914403001234567890, "name": "b", "x": 1' + b"0" * 400 + b"}",
        f'{{"code": "{CODES[0]}", "name": "c"}}'.encode(),
    )
    state = await load(run, b"\n".join(lines), "application/x-ndjson")
    assert (state["status"], state["accepted"], state["rejected"]) == ("done", 1, 2)
    sheet = cells(state["files"]["xlsx"])
    assert sheet[1][:3] == ["914403001234567890", "b", "1" + "0" * 400]


async def test_rejected_rows_go_back_in_as_many_files_as_they_need(
    run: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = b"".join(b'{"code": "%d", "name": "a"}\n' % n for n in range(7))
    state = await load(run, lines, "application/x-ndjson")
    for bound, value, files in (("BYTES", 60, 3), ("CELLS", 2 * rejected.NAMES, 4), ("ROWS", 7, 1)):
        with monkeypatch.context() as patch:
            patch.setattr(rejected, bound, value)
            found: list[list[Any]] = []
            path: str | None = f"/jobs/{state['id']}/errors.xlsx"
            async with run.client(INTEGRATOR) as client:
                for _ in range(files):
                    assert path is not None
                    answer = await client.get(path.removeprefix("/api/v1"))
                    found += cells(answer.content)[1:]
                    path = answer.links.get("next", {}).get("url")
        assert path is None
        assert [row[0] for row in found] == [str(n) for n in range(7)]


async def test_the_same_rows_in_two_workbooks_are_counted_and_not_doubled(run: Running) -> None:
    await load(run, workbook(table(("名称", "信用代码"), ("甲", CODES[0]))))
    again = await load(run, workbook(table(("信用代码", "企业名称"), (CODES[0], "甲"))))
    assert (again["accepted"], again["duplicate"]) == (1, 1)
    assert len(await entities(run)) == 1


async def test_a_failed_job_says_why_in_words(run: Running) -> None:
    other = workbook(table(("序号", "姓名"), (1, "张")))
    for language, word in (("zh", "没有找到表头"), ("en", "No header was found")):
        fault = (await load(run, other, language=language))["fault"]
        assert fault["code"] == "header-missing"
        assert fault["message"].startswith(word)


async def test_a_renamed_file_is_refused_at_once(run: Running) -> None:
    async with run.client(INTEGRATOR) as client:
        for media, data, code in (
            (XLSX, "名称,信用代码\n".encode(), "file-is-no-workbook"),
            (CSV, LIST, "file-is-workbook"),
        ):
            answer = await client.post(
                "/entities:import", content=data, headers={"content-type": media}
            )
            assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_an_error_sheet_belongs_to_who_sent_the_file(run: Running) -> None:
    state = await load(run, LIST)
    other = replace(INTEGRATOR, id="other")
    async with run.client(other) as client:
        for form in ("xlsx", "csv"):
            answer = await client.get(f"/jobs/{state['id']}/errors.{form}")
            assert answer.status_code == 404
    # The root's administrator sees how it went, and nobody's rows.
    async with run.client(actor("admin", None, "000000", Role.ADMIN)) as client:
        assert (await client.get(f"/jobs/{state['id']}")).json()["rejected"]
        for kind in ("", ".xlsx", ".csv"):
            answer = await client.get(f"/jobs/{state['id']}/errors{kind}")
            assert answer.status_code == 404


async def test_what_stood_in_a_file_without_a_header_is_masked_and_only_its_senders(
    run: Running,
) -> None:
    long = "x" * 179  # so that the 200th character stands in the number
    state = await load(run, f"张三,13812341234,{long},11010519491231002X\n".encode(), "text/csv")
    assert state["fault"]["got"].startswith("张三 | 138****1234 | x")
    assert "1949" not in state["fault"]["got"]
    async with run.client(actor("admin", None, "000000", Role.ADMIN)) as client:
        fault = (await client.get(f"/jobs/{state['id']}")).json()["fault"]
    assert fault.keys() == {"code", "field", "expected", "message"}
    assert "张三" not in json.dumps(fault, ensure_ascii=False)


async def test_a_workbook_goes_on_where_it_stopped_and_no_row_counts_twice(serve: Serve) -> None:
    spec = next(one for one in service.imports if one.collection == "entities")
    seen: list[int] = []

    async def failing(tx: AsyncConnection, some: Sequence[Row[Any]], upload: Upload) -> Taken:
        taken = await spec.take(tx, some, upload)
        seen.append(some[0].number)
        if len(seen) == 2:  # the second batch
            raise ConnectionResetError
        return taken

    many = [(f"33010600{n:07d}", f"示例{n}") for n in range(1200)]
    broken = replace(service, imports=(replace(spec, take=failing),))
    async with serve(broken) as run:
        state = await load(run, workbook(table(("注册号", "名称"), *many)))
        assert len(await entities(run)) == state["accepted"]
    assert (state["accepted"] + state["rejected"], state["duplicate"]) == (1200, 0)
    assert len(seen) == len(set(seen)) + 1


async def test_an_answer_that_is_repeated_names_its_job_again_and_is_forgotten_in_the_end(
    run: Running,
) -> None:
    headers = {"content-type": XLSX, "idempotency-key": new_id()}
    async with run.client(INTEGRATOR) as client:
        first = await client.post("/entities:import", content=LIST, headers=headers)
        again = await client.post("/entities:import", content=LIST, headers=headers)
    assert again.headers["location"] == first.headers["location"]
    async with run.db.begin(system("credit-service"), "test") as tx:
        await forget(tx)
        assert (await tx.execute(idempotency.select())).all()
        await tx.execute(
            idempotency.update().values(at=idempotency.c.at - KEPT - timedelta(minutes=1))
        )
        await forget(tx)
        assert not (await tx.execute(idempotency.select())).all()
