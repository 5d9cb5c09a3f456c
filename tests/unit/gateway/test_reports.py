"""A report: its states, its batch, and the rows that the platform takes."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from contracts.clue_dispatch import CaseView, ClueView, FindingView, Origin
from contracts.gateway import Operation, ReportId, ReportKind, ReportState, Source
from contracts.item_registry import DepartmentId, RegionId
from contracts.joint_inspection import VisitView
from gateway.exchange.domain import report as domain
from gateway.exchange.domain.report import (
    Batch,
    BatchesUsedUp,
    BatchState,
    NotRejected,
    OthersReport,
    Report,
    Verdict,
)
from gateway.exchange.domain.rows import (
    Division,
    Frame,
    Lacking,
    Party,
    area_of,
    envelope,
    inspection,
    penalty,
    province_of,
)
from heli.sandbox.app import load_rules
from heli.sandbox.domain import row_fault
from kit import policy
from kit.testing import covers

NOW = datetime(2026, 3, 3, 2, tzinfo=UTC)
TODAY = date(2026, 3, 3)
PENDING = Report(
    id=ReportId("0197aaaa-0000-7000-8000-000000000001"),
    kind=ReportKind.INSPECTION,
    source=Source(service="joint-inspection", id="r1"),
    record="v1",
    subject="uscc-91330100799655058B",
    department=DepartmentId("tax-330100"),
    region=RegionId("330100"),
    code14="01234567890123",
    state=ReportState.PENDING,
    version=1,
    created_at=NOW,
)
BATCH = Batch("2026030300001", "330000|tax-330100", BatchState.MADE)
SENT = domain.sent(PENDING, BATCH)
REFUSED = Verdict(PENDING.id, delivered=False, field="check_personnel", code="too-few-people")
REJECTED = domain.settled(SENT, REFUSED, NOW).value
WORDS = {
    row.key.removeprefix("exchange."): str(row.values["value"])
    for row in policy.all_in_force(policy.load("gateway"), "exchange", TODAY)
}
FRAME = Frame(
    department_name="杭州市税务局",
    area="330100",
    party=Party("uscc-91330100799655058B", "某能源有限公司", "legal_person"),
    item_name="成品油流通",
    submitted_on=TODAY,
    words=WORDS,
)
DUE = {"at": NOW, "provisional": False, "overdue": False}


def visit(**more: object) -> VisitView:
    result = {
        "id": "r1",
        "visit": "v1",
        "requests": [],
        "draw": "d1",
        "department": "tax-330100",
        "code14": "01234567890123",
        "item": "refined-oil",
        "subject": PENDING.subject,
        "region": "330100",
        "categories": ["5", "8"],
        "disposal": "transfer",
        "findings": None,
        "inspected_on": date(2026, 3, 2),
        "inspectors": [
            {"inspector": i, "name": n, "certificate": c, "valid_until": date(2027, 1, 1)}
            for i, n, c in (("i1", "甲", "Z1"), ("i2", "乙", "Z2"))
        ],
        "form": "02",
    }
    whole = {
        "id": "v1",
        "kind": "merged",
        "state": "finished",
        "target": "t1",
        "target_name": "某加油站",
        "address": "某路 1 号",
        "subject": PENDING.subject,
        "region": "330100",
        "item": "refined-oil",
        "lead": "commerce-330100",
        "on": date(2026, 3, 2),
        "from": date(2026, 3, 1),
        "to": date(2026, 3, 9),
        "departments": ["tax-330100"],
        "requests": [],
        "duties": [],
        "teams": [],
        "left_out": [],
        "separate_visits": 2,
        "started_on": date(2026, 3, 2),
        "finished_at": NOW,
        "publish_due_at": None,
        "publish_due_provisional": False,
        "published_at": None,
        "publish_overdue": False,
        "elsewhere": False,
        "version": 3,
        "results": [result | more],
    }
    return VisitView.model_validate(whole)


def case(**more: object) -> CaseView:
    whole = {
        "id": "k1",
        "clue": "c1",
        "state": "decided",
        "subject": PENDING.subject,
        "item": "refined-oil",
        "region": "330100",
        "department": "market-330100",
        "code14": "01234567890123",
        "act": "metering-deviation",
        "filed_on": date(2026, 3, 2),
        "decide_due": DUE,
        "serve_due": None,
        "investigators": [],
        "findings": "…",
        "notice": {
            "facts": "加油机计量偏差超出允许范围",
            "law": "计量法第二十六条",
            "kinds": ["fine", "confiscation"],
            "fine_fen": 500_000,
            "confiscated_fen": 12_345,
            "statement": "waived",
            "statement_text": None,
            "on": date(2026, 3, 2),
        },
        "review": {"reviewer": "x", "opinion": "同意", "other_act_than": [], "on": TODAY},
        "penalty": {
            "penalty": "p1",
            "kinds": ["fine", "confiscation"],
            "fine_fen": 500_000,
            "confiscated_fen": 12_345,
            "tier": "general",
            "document": "杭市监罚〔2026〕1号",
            "decided_by": "y",
            "on": TODAY,
        },
        "served_on": None,
        "means": None,
        "version": 5,
    }
    return CaseView.model_validate(whole | more)


def clue(findings: tuple[tuple[str, str, str], ...], origin: str = "warning") -> ClueView:
    """A clue as far as a penalty's row asks for it."""
    values: dict[str, Any] = {
        "origin": Origin.model_validate({"type": origin, "id": "o1", "rule": "warning.red"}),
        "findings": tuple(
            FindingView.model_validate(
                {
                    "result": result,
                    "request": "q1",
                    "visit": "v1",
                    "department": department,
                    "code14": code14,
                    "categories": ["5"],
                    "disposal": "none",
                    "inspected_on": date(2026, 3, 2),
                }
            )
            for result, department, code14 in findings
        ),
    }
    return ClueView.model_construct(**values)


def test_a_receipt_is_announced_with_where_the_fact_lives() -> None:
    decided = domain.settled(SENT, Verdict(SENT.id, delivered=True), NOW)
    assert decided.value.state is ReportState.DELIVERED
    assert [fact.type for fact in decided.says] == ["gateway.report.delivered.v1"]
    assert decided.says[0].model_dump()["source"] == {"service": "joint-inspection", "id": "r1"}


def test_a_refusal_is_announced_with_field_and_code() -> None:
    decided = domain.settled(SENT, REFUSED, NOW)
    said = decided.says[0].model_dump()
    assert (said["field"], said["code"]) == ("check_personnel", "too-few-people")


def test_a_refused_row_goes_again_as_a_change_and_keeps_its_identity() -> None:
    again = domain.resend(REJECTED, by="tax-330100", overseer=False).value
    assert (again.state, again.cd_operation) == (ReportState.PENDING, Operation.UPDATE)
    assert (again.cd_id, again.version, again.code) == (PENDING.cd_id, 2, None)


def test_only_its_own_department_or_an_overseer_sends_it_again() -> None:
    with pytest.raises(OthersReport):
        domain.resend(REJECTED, by="market-330100", overseer=False)
    assert domain.resend(REJECTED, by=None, overseer=True).value.version == 2


@pytest.mark.parametrize("report", [PENDING, SENT])
def test_what_was_not_refused_is_not_sent_again(report: Report) -> None:
    with pytest.raises(NotRejected):
        domain.resend(report, by="tax-330100", overseer=False)


def test_what_lacks_something_waits_and_is_looked_at_again() -> None:
    lacking = domain.lacking(replace(PENDING, cd_batch="b"), "administrative_cp")
    assert lacking.cd_batch is None
    assert domain.resend(lacking, by="tax-330100", overseer=False).value.lacks is None


def test_a_batch_number_is_the_day_and_a_sequence_of_five_digits() -> None:
    assert domain.batch_number(date(2019, 4, 11), 1) == "2019041100002"
    with pytest.raises(BatchesUsedUp):
        domain.batch_number(TODAY, 99_999)


@covers("R15.3")
def test_the_platform_takes_a_check_as_it_is_written() -> None:
    row = envelope(PENDING, TODAY, BATCH.cd_source, BATCH.cd_batch) | inspection(
        PENDING, visit(), FRAME
    )
    assert row_fault(row, load_rules(), today=TODAY) is None
    assert (row["cd_operation"], row["type"]) == ("i", "inspection")
    assert row["check_result"].startswith("发现问题已责令改正；发现问题待后续处理")


@covers("R15.3")
def test_the_platform_takes_a_penalty_and_it_names_the_check_it_stands_on() -> None:
    report = replace(PENDING, kind=ReportKind.PENALTY, source=Source(service="x", id="p1"))
    on = clue((("r0", "market-330100", "9" * 14), ("r1", "market-330100", "01234567890123")))
    row = envelope(report, TODAY, BATCH.cd_source, BATCH.cd_batch) | penalty(
        report, case(), on, FRAME
    )
    assert row_fault(row, load_rules(), today=TODAY) is None
    assert row["check_action_code"] == "r1"
    assert row["fine_amount"] == 5000.0
    assert row["punish_result"].endswith("罚款 5000.00 元；没收 123.45 元")


def test_one_inspector_is_left_to_the_platform_to_refuse() -> None:
    results = visit().results
    assert results
    one = visit(inspectors=[results[0].inspectors[0].model_dump()])
    row = envelope(PENDING, TODAY, BATCH.cd_source, BATCH.cd_batch) | inspection(
        PENDING, one, FRAME
    )
    fault = row_fault(row, load_rules(), today=TODAY)
    assert fault is not None
    assert (fault.field, fault.code) == ("check_personnel", "too-few-people")


@pytest.mark.parametrize(
    ("frame", "field"),
    [
        (replace(FRAME, party=replace(FRAME.party, name=None)), "administrative_cp"),
        (replace(FRAME, party=replace(FRAME.party, kind="provisional")), "administrative_cp_na"),
        (replace(FRAME, area=None), "area_number"),
    ],
)
def test_a_row_that_cannot_be_written_names_what_is_lacking(frame: Frame, field: str) -> None:
    with pytest.raises(Lacking) as no:
        inspection(PENDING, visit(), frame)
    assert no.value.field == field


def test_a_penalty_without_any_check_lacks_it_and_a_result_may_be_its_clues_origin() -> None:
    with pytest.raises(Lacking):
        penalty(PENDING, case(), clue(()), FRAME)
    assert penalty(PENDING, case(), clue((), "result"), FRAME)["check_action_code"] == "o1"


def test_area_and_province_come_from_the_tree_on_that_day() -> None:
    chain = ("330191z", "330100", "330000", "000000")
    spans = {
        "330191z": (),
        "330100": (
            Division("330100", None, date(2025, 1, 1)),
            Division("330199", date(2025, 1, 1), None),
        ),
    }
    assert area_of(chain, spans, TODAY) == "330199"
    assert area_of(chain, spans, date(2024, 1, 1)) == "330100"
    assert province_of(chain, spans, TODAY) == "330000"
    assert province_of(("zone", "000000"), {}, TODAY) == "000000"
