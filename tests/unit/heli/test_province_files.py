"""What the departments of the synthetic province send, and in which manner."""

import csv
import io
import json
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import cache
from itertools import pairwise
from statistics import pstdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.clue_dispatch import TicketRow
from contracts.joint_inspection import NewInspector, NewTarget, PastVisit
from heli.demo.province import planted
from heli.demo.province.dialects import CSV, NDJSON, XLSX, workbook
from heli.demo.province.planted import SILENT_FROM, Innocent, Kind
from heli.demo.province.sheets import Province, Sheet, _look, make
from heli.demo.province.streams import DENSITIES
from heli.demo.province.window import Window
from heli.demo.province.world import MARK

TODAY = date(2026, 11, 25)
EARLY = date(2026, 1, 2)
FIELDS = {
    "数据类别": "stream",
    "信用代码": "code",
    "统一社会信用代码": "code",
    "纳税人识别号": "code",
    "单位名称": "name",
    "企业名称": "name",
    "起始日期": "from",
    "所属期起": "from",
    "截止日期": "to",
    "所属期止": "to",
    "数值": "value",
    "数量": "value",
    "计量单位": "unit",
    "油品": "product",
    "区划": "region",
    "行政区划": "region",
}
Row = dict[str, str]


@cache
def full() -> Province:
    return make(1, TODAY, 2000)


@cache
def small() -> Province:
    return make(1, TODAY, 200)


def rows(sheet: Sheet) -> Iterator[Row]:
    if sheet.media == NDJSON:
        for line in sheet.body.decode().splitlines():
            yield {name: str(value) for name, value in json.loads(line).items()}
    elif sheet.media == CSV:
        bom = sheet.body.startswith(b"\xef\xbb\xbf")
        text = sheet.body.decode("utf-8-sig" if bom else "gb18030")
        for row in csv.DictReader(io.StringIO(text), strict=True):
            yield {FIELDS.get(name, name): value for name, value in row.items()}


def signals(province: Province, stream: str) -> Iterator[tuple[Sheet, Row]]:
    for sheet in province.sheets:
        if sheet.collection == "signals" and sheet.media != XLSX and sheet.expect != "again":
            for row in rows(sheet):
                if row["stream"] == stream:
                    yield sheet, row


def litres(row: Row) -> float:
    value = float(row["value"])
    return value * 1000 / DENSITIES[row["product"]] if row["unit"] == "t" else value


def test_twelve_months_are_about_150_000_signals() -> None:
    sent = [one for one in full().sheets if one.collection == "signals"]
    assert 140_000 <= sum(one.rows for one in sent if one.expect == "new") <= 170_000
    assert len({one.name for one in sent}) == len(sent) - 1  # one is sent twice


def test_the_directory_comes_first_then_visits_signals_and_tickets() -> None:
    order = ["regions", "departments", "entities", "inspectors", "targets", "visits", "signals"]
    found = list(dict.fromkeys(one.collection for one in full().sheets))
    assert found == [*order, "clues"]


def test_every_sheet_holds_as_many_rows_as_it_says() -> None:
    for sheet in small().sheets:
        if sheet.media != XLSX:
            assert sum(1 for _ in rows(sheet)) == sheet.rows, sheet.name


def test_one_file_is_sent_twice_to_the_byte_and_one_is_corrected() -> None:
    for province in (small(), full()):
        sheets = province.sheets
        (again,) = (one for one in sheets if one.expect == "again")
        (first,) = (one for one in sheets if one.name == again.name and one.expect == "new")
        assert first.body == again.body
        (corrected,) = (one for one in sheets if one.expect == "corrected")
        before = {
            (row["code"], row["from"]): row["value"]
            for sheet, row in signals(province, "declared")
            if sheet.department == corrected.department and sheet.expect == "new"
        }
        after = list(rows(corrected))
        changed = [row for row in after if before[row["code"], row["from"]] != row["value"]]
        assert 0 < len(changed) < len(after) / 10


def test_offices_write_in_gb18030_or_with_a_byte_order_mark_and_in_tonnes_or_litres() -> None:
    manners = set()
    for sheet in small().sheets:
        if sheet.collection == "signals" and sheet.media == CSV:
            bom = sheet.body.startswith(b"\xef\xbb\xbf")
            manners.add((str(sheet.department).partition("-")[0], bom))
            if not bom:
                with pytest.raises(UnicodeDecodeError):
                    sheet.body.decode("utf-8")
    assert manners == {("commerce", True), ("tax", False), ("market", False)}
    units = {sheet.department: row["unit"] for sheet, row in signals(small(), "declared")}
    assert units == {"tax-330100": "L", "tax-330200": "t", "tax-330300": "t"}
    products = {row.get("product") for _, row in signals(small(), "invoiced")}
    assert products == {None, *DENSITIES}


def test_names_come_with_and_without_the_company_and_addresses_in_three_forms() -> None:
    names = {row["name"] for _, row in signals(small(), "declared")}
    assert all("加油站有限公司" in name for name in names)
    assert not any("有限公司" in row["name"] for _, row in signals(small(), "metered"))
    (targets,) = (one for one in small().sheets if one.collection == "targets")
    addresses = [row["address"] for row in rows(targets)]
    assert any(one.startswith("示范省") for one in addresses)
    assert any(one.startswith("乙") and "号" in one for one in addresses)
    assert any("#" in one for one in addresses)


def test_a_key_is_sent_once_and_by_one_department() -> None:
    for stream in ("metered", "invoiced", "declared", "gauge", "verification"):
        keys = Counter(
            (sheet.department, row["code"], row["from"], row.get("to"))
            for sheet, row in signals(small(), stream)
            if sheet.expect == "new"
        )
        assert set(keys.values()) == {1}, stream


def test_a_wrong_code_comes_from_one_department_and_always_alike() -> None:
    senders = defaultdict(set)
    right = {one.code for one in small().world.stations}
    for stream in ("metered", "invoiced", "declared", "gauge", "verification"):
        for sheet, row in signals(small(), stream):
            if row["code"] not in right:
                senders[row["code"]].add(sheet.department)
    assert set(senders) == set(small().wrong_codes)
    assert {len(one) for one in senders.values()} == {1}


def test_market_regulation_is_silent_from_the_seventh_month_on() -> None:
    province = full()
    days = [row["from"] for _, row in signals(province, "verification")]
    assert max(days) < province.months[SILENT_FROM].isoformat()
    assert min(days) < province.months[0].isoformat()


def test_nothing_is_negative_and_nothing_lies_ahead() -> None:
    for today in (TODAY, EARLY, date(2024, 2, 29)):
        province = make(7, today, 60)
        for stream in ("metered", "invoiced", "declared", "gauge", "verification"):
            for _, row in signals(province, stream):
                assert float(row["value"]) >= 0
                assert row["from"][:10] < today.isoformat()
                assert row.get("to", row["from"])[:10] <= today.isoformat()


def test_the_truth_is_in_no_sheet() -> None:
    words = {kind.value for kind in Kind} | {one.value for one in Innocent}
    words |= {warns for warns, _ in planted.WARNS.values()} | {"planted", "truth"}
    for sheet in full().sheets:
        if sheet.media != XLSX:
            text = sheet.body.decode("utf-8" if sheet.media == NDJSON else "gb18030", "replace")
            assert not [word for word in words if word in text], sheet.name


def test_what_is_metered_is_what_is_sold_and_honest_declarations_scatter_by_2_to_3_percent() -> (
    None
):
    world = full().world
    window = Window.before(TODAY)
    plan = planted.plan(world, window)
    ratios = []
    for seen in _look(world, plan, window):
        flows = seen.flows
        inside = sum(flows.metered) * sum(s.end - s.first for s in window.spans) / window.days
        assert inside == pytest.approx(sum(flows.sold), rel=0.05)
        assert min(flows.stock) > 0
        if seen.station.number not in plan.problems and seen.station.number not in plan.innocent:
            ratios += [d / s for d, s in zip(flows.declared, flows.sold, strict=True)]
            assert sum(flows.invoiced) == pytest.approx(sum(flows.sold), rel=0.12)
        assert all(0.73 < density < 0.85 for density in flows.density)
    assert 0.02 <= pstdev(ratios) <= 0.03


def test_a_planted_share_shows_in_what_is_sent() -> None:
    province = full()
    by_code = {one.code: one for one in province.truth}
    sent: dict[tuple[str, str, str], float] = {}
    for stream in ("invoiced", "declared"):
        for _, row in signals(province, stream):
            sent[row["code"], stream, row["from"]] = litres(row)  # the corrected one comes last
    shows = {"declared_under_metered": "declared", "sold_over_invoiced": "invoiced"}
    for code, one in by_code.items():
        if one.warns not in shows or code in province.wrong_codes.values():
            continue
        stream = shows[one.warns]
        months = [month.isoformat() for month in province.months]
        first = months.index(one.first.isoformat())
        hit = months[first : first + one.months]
        other = [month for month in months if month not in hit]
        shown = sum(sent[code, stream, month] for month in hit) / len(hit)
        usual = sum(sent[code, stream, month] for month in other) / len(other)
        assert 1 - shown / usual == pytest.approx(one.share, abs=0.12)


def test_the_gauge_is_off_for_more_than_72_hours_only_where_it_is_planted_or_closed() -> None:
    province = full()
    plan = planted.plan(province.world, Window.before(TODAY))
    long = set()
    moments = defaultdict(list)
    for _, row in signals(province, "gauge"):
        code = province.wrong_codes.get(row["code"], row["code"])
        moments[code].append((datetime.fromisoformat(row["from"]), row["value"]))
    for code, changes in moments.items():
        assert changes == sorted(changes)
        assert {a != b for (_, a), (_, b) in pairwise(changes)} <= {True}
        off = [b - a for (a, state), (b, _) in pairwise(changes) if state == "0"]
        if any(one > timedelta(hours=72) for one in off):
            long.add(code)
    closed = {number for number, (kind, _) in plan.innocent.items() if "closed" in kind.value}
    codes = {one.number: one.code for one in province.world.stations}
    guilty = {one.code for one in province.truth if one.kind == Kind.GAUGE_OFF}
    assert guilty <= long <= guilty | {codes[number] for number in closed}


def test_visits_of_this_year_fill_some_dozens_of_caps_but_not_the_journeys() -> None:
    province = full()
    used: Counter[tuple[str, str, int]] = Counter()
    for sheet in province.sheets:
        if sheet.collection == "visits":
            for line in sheet.body.decode().splitlines():
                visit = PastVisit.model_validate_json(line)
                assert visit.department == sheet.department
                assert date(TODAY.year, 1, 1) <= visit.on < TODAY
                used[visit.department, str(visit.entity), visit.on.year] += 1
    full_caps = [key for key, count in used.items() if count >= 4]
    assert 24 <= sum(key[0].startswith("commerce") for key in full_caps) <= 120
    assert {key[0].partition("-")[0] for key in full_caps} == {"commerce", "market", "emergency"}
    assert all(count <= 1 for key, count in used.items() if key[1] == province.truth[0].code)


def test_on_the_first_days_of_a_year_there_are_hardly_any_visits_yet() -> None:
    days = {
        row["on"]
        for sheet in make(1, EARLY, 60).sheets
        if sheet.collection == "visits"
        for row in rows(sheet)
    }
    assert days == {"2026-01-01"}
    newyear = make(1, date(2026, 1, 1), 60)
    assert not [one for one in newyear.sheets if one.collection == "visits"]


def test_the_directory_is_what_the_services_take() -> None:
    taken = Counter[str]()
    for sheet in small().sheets:
        if sheet.collection in {"inspectors", "targets"}:
            for line in sheet.body.decode().splitlines():
                model = NewInspector if sheet.collection == "inspectors" else NewTarget
                taken[type(model.model_validate_json(line)).__name__] += 1
    assert taken == {"NewInspector": 60, "NewTarget": 200}


def test_two_hundred_tickets_thirty_of_which_tell_what_another_told() -> None:
    province = full()
    sheet = province.sheets[-1]
    tickets = {}
    for row in rows(sheet):
        tickets[row["工单编号"]] = TicketRow.model_validate(
            {
                "ticket": row["工单编号"],
                "source": row["来源"],
                "received_at": row["受理时间"],
                "text": row["诉求内容"],
                "item": row["事项"],
                "region": row["region"],
                "name": row["被反映单位"],
                "place": row["地点"],
                "kind": row["诉求类型"],
                "source_due_at": row["承办时限"],
            }
        )
    assert len(tickets) == 200
    assert len(set(province.same_matter)) == 30
    assert set(province.same_matter) < set(tickets)
    texts = Counter(one.text for one in tickets.values())
    assert len(texts) > 190
    for one in tickets.values():
        assert TODAY - timedelta(days=61) < one.received_at.date() <= TODAY
        assert MARK in one.text
        assert not any(figure in one.text for figure in ("138", "电话：", "0571"))
    again = set(province.same_matter)
    about = {(one.place, one.region) for id_, one in tickets.items() if id_ in again}
    assert about <= {(one.place, one.region) for id_, one in tickets.items() if id_ not in again}


def test_a_workbook_is_the_same_to_the_byte_and_has_a_title_and_a_sum() -> None:
    written = [
        workbook("登记表", "甲市商务局（示例）", ("序号", "数值"), [("1", "1"), ("2", "1")])
        for _ in range(2)
    ]
    assert written[0] == written[1]
    with zipfile.ZipFile(io.BytesIO(written[0])) as book:
        text = book.read("xl/sharedStrings.xml").decode()
    assert "登记表" in text
    assert "合计" in text


@given(seed=st.integers(0, 2**32 - 1), stations=st.integers(20, 60))
@settings(max_examples=15, deadline=None)
def test_in_any_small_province_every_stream_covers_every_station(seed: int, stations: int) -> None:
    province = make(seed, TODAY, stations)
    months = [month.isoformat() for month in province.months]
    for stream in ("invoiced", "declared"):
        found = Counter(
            (province.wrong_codes.get(row["code"], row["code"]), row["from"])
            for sheet, row in signals(province, stream)
            if sheet.expect == "new"
        )
        assert found == Counter((one.code, m) for one in province.world.stations for m in months)
    assert len(province.sheets[-1].body.splitlines()) > 2
