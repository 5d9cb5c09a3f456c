"""From a pool and what is asked to the plan, and from the result to the visits."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from contracts.credit_service import EntityId
from contracts.item_registry import DepartmentId, ItemId, RegionId
from contracts.joint_inspection import InspectorId, PoolId, TargetId, VisitKind
from joint_inspection.directory.domain import Inspector
from joint_inspection.draw.domain import lists, outcome
from joint_inspection.draw.domain.freezing import NotInThisForm, check
from joint_inspection.draw.domain.handles import (
    Digest,
    inspector_handles,
    pool_key_digest,
    target_handles,
)
from joint_inspection.draw.domain.plan import Plan
from joint_inspection.draw.domain.preparing import (
    Asked,
    DepartmentTwice,
    Directory,
    LeftOutReason,
    ModeUnknown,
    Part,
    ReasonMissing,
    StaffOut,
    StrataOverlap,
    Stratum,
    VisitsWindowEmpty,
    check_asked,
    check_reason,
    prepare,
    recused_since,
    staff_of,
)
from joint_inspection.draw.domain.result import carry_out
from joint_inspection.draw.domain.rounds import NotTheInitiator
from joint_inspection.pool.domain import PoolTarget, key_digest
from kit import policy
from kit.testing import covers

OIL = ItemId("refined-oil")
FIRE = ItemId("fire-safety")
COMMERCE = DepartmentId("commerce-330100")
TAX = DepartmentId("tax-330100")
JUSTICE = DepartmentId("justice-330100")
KEY = bytes(range(32))
CODE = "33010000000001"
FIRMS = [EntityId(f"uscc-{n}") for n in range(6)]
GRADES = dict(zip(FIRMS[:5], "AABCD", strict=True))


def officer(number: int, department: DepartmentId, **change: Any) -> Inspector:  # noqa: ANN401 - fields of an inspector
    id_ = InspectorId(f"i{number}")
    made = Inspector(id_, department, "王", f"33{number}", date(2026, 12, 31), ("first", "oil"))
    return replace(made, **change)


POOL = Directory(
    PoolId("pool-1"),
    KEY,
    [
        PoolTarget(TargetId(f"t{n}"), firm, RegionId("330106"), (OIL, FIRE) if n % 2 else (OIL,))
        for n, firm in enumerate(FIRMS)
    ],
    [
        *(officer(n, COMMERCE) for n in (1, 2, 3)),
        officer(4, COMMERCE, valid_until=date(2026, 3, 30)),
        *(officer(n, TAX) for n in (5, 6)),
        officer(7, TAX, recusals=("t0", FIRMS[3])),
        officer(8, TAX, qualifications=("first",)),
    ],
)
ASKED = Asked(
    pool=POOL.id,
    initiating=Part(COMMERCE, (CODE,), None, 2, "oil", 10),
    cooperating=(Part(TAX, (CODE,), (FIRE,), 2, "oil", 10),),
    strata=(Stratum("9f", ("A", "B"), 1, 1, {"B": 3}), Stratum("1c", None, 2, 0, {})),
    grade_system=None,
    parties=(COMMERCE, JUSTICE),
    reveal_by=datetime(2026, 3, 1, 8, 0, 0, 5, tzinfo=UTC),
    visits_from=date(2026, 3, 2),
    visits_to=date(2026, 3, 31),
    mode="joint",
    hash="sha-256",
    beacon=None,
    stand_ins=(),
)
HANDLES = target_handles(KEY, [one.id for one in POOL.targets])
OFFICERS = inspector_handles(KEY, [one.id for one in POOL.inspectors])


def prepared(
    asked: Asked = ASKED, gone: frozenset[EntityId] = frozenset()
) -> tuple[Plan, dict[Digest, str]]:
    return prepare(asked, POOL, GRADES, gone, draw="d1", series="s", previous=None)


@covers("R9.3")
def test_grades_decide_stratum_and_weight_and_the_plan_can_be_frozen() -> None:
    plan, texts = prepared()
    check(plan, texts)
    commerce = plan.departments[0]
    assert [each.stratum for each in commerce.allocations] == ["1c", "9f"]
    named = lists.read_weighted(texts[commerce.allocations[1].list], name="9f")
    weights = dict(zip(named.handles, named.weights, strict=True))
    assert weights == {HANDLES[TargetId(t)]: w for t, w in (("t0", 1), ("t1", 1), ("t2", 3))}
    assert len(lists.read_weighted(texts[commerce.allocations[0].list], name="1c")) == 3
    assert plan.reveal_by.microsecond == 0


def test_a_cooperating_department_joins_what_stands_under_its_items() -> None:
    plan, texts = prepared()
    joins = plan.departments[1].joins
    assert joins is not None
    assert set(lists.read_handles(texts[joins], name="joins")) == {
        HANDLES[TargetId(f"t{n}")] for n in (1, 3, 5)
    }


@covers("R9.5")
def test_only_officers_whose_certificate_outlasts_the_visits_are_listed() -> None:
    plan, texts = prepared()
    staff = lists.read_inspectors(texts[plan.departments[0].inspectors], name="inspectors")
    assert {one.handle for one in staff} == {OFFICERS[InspectorId(f"i{n}")] for n in (1, 2, 3)}
    tax = lists.read_inspectors(texts[plan.departments[1].inspectors], name="inspectors")
    assert {one.qualification for one in tax} == {"oil", "first"}


@covers("R9.5")
def test_recusals_name_target_and_inspector_by_handle() -> None:
    plan, texts = prepared()
    seven = OFFICERS[InspectorId("i7")]
    assert lists.read_recused(texts[plan.recused], name="recused") == {
        (HANDLES[TargetId("t0")], seven),
        (HANDLES[TargetId("t3")], seven),
    }


def test_who_is_gone_or_in_no_stratum_is_left_out_with_its_reason() -> None:
    only = replace(ASKED, strata=(ASKED.strata[0],))
    plan, texts = prepared(only, gone=frozenset({FIRMS[0]}))
    check(plan, texts)
    text = texts[plan.departments[0].left_out]
    assert f"{HANDLES[TargetId('t0')]}\tentity-gone\n" in text
    assert text.count("\tno-stratum\n") == 3


def test_every_reason_for_leaving_out_is_a_code_of_the_policy_table() -> None:
    rows, on = policy.load("joint_inspection"), date(2026, 3, 2)
    for name, codes in (("draw.left_out", LeftOutReason), ("draw.staff_out", StaffOut)):
        assert set(codes) == set(policy.in_force(rows, name, on).values["codes"])


@covers("R9.5")
def test_a_recusal_declared_after_the_pool_was_made_enters_the_lists_that_are_frozen() -> None:
    seven = InspectorId("i7")
    since = [officer(1, COMMERCE, recusals=("t5",)), officer(7, TAX, recusals=())]
    found = {one.id: one.recusals for one in recused_since(POOL, since).inspectors}
    assert found[InspectorId("i1")] == ("t5",)
    # What the pool has stands: a dated version is not made smaller.
    assert found[seven] == ("t0", FIRMS[3])


@covers("R9.5")
def test_who_is_not_drawn_from_is_named_with_the_reason() -> None:
    told = {one.id: why for one, why in staff_of(ASKED, POOL)}
    assert len(told) == len(POOL.inspectors)
    assert {id_: why for id_, why in told.items() if why is not None} == {
        "i4": StaffOut.CERTIFICATE_LAPSED,
        "i8": StaffOut.NOT_QUALIFIED,
    }


def test_the_pool_shows_the_same_digest_of_its_key_as_the_plan() -> None:
    assert key_digest(KEY) == pool_key_digest(KEY)


def test_what_no_pool_could_mend_is_refused_at_once() -> None:
    check_asked(ASKED, by=COMMERCE)
    with pytest.raises(NotTheInitiator):
        check_asked(ASKED, by=TAX)
    with pytest.raises(StrataOverlap):
        check_asked(replace(ASKED, strata=(ASKED.strata[0], ASKED.strata[0])), by=COMMERCE)
    with pytest.raises(ModeUnknown):
        check_asked(replace(ASKED, mode="secret"), by=COMMERCE)
    with pytest.raises(DepartmentTwice):
        check_asked(replace(ASKED, cooperating=(ASKED.initiating,)), by=COMMERCE)
    with pytest.raises(VisitsWindowEmpty):
        check_asked(replace(ASKED, visits_to=date(2026, 2, 28)), by=COMMERCE)
    with pytest.raises(ReasonMissing):
        check_reason(" ")


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"mode": "coordinated"}, "mode"),
        ({"hash": "sm3"}, "hash"),
        ({"stand_ins": (TAX,)}, "stand_ins"),
    ],
)
def test_what_this_form_does_not_carry_out_is_refused_by_name(
    change: dict[str, Any], part: str
) -> None:
    plan, texts = prepared(replace(ASKED, **change))
    with pytest.raises(NotInThisForm) as no:
        check(plan, texts)
    assert no.value.facts["part"] == part


@covers("R9.3", "R9.5")
def test_every_drawn_target_needs_a_visit_of_the_departments_it_concerns() -> None:
    plan, texts = prepared()
    result = carry_out(plan, texts, bytes(32))
    needs = outcome.needs(ASKED, POOL, result, draw="d1", item=OIL, known={})
    assert {need.target for need in needs} == set(outcome.drawn_targets(POOL, result))
    assert len(needs) == 3
    concerned = {one.id: FIRE in one.items for one in POOL.targets}
    for need in needs:
        departments = [duty.department for duty in need.duties]
        assert departments == [COMMERCE, TAX] if concerned[need.target] else [COMMERCE]
        assert {duty.purpose for duty in need.duties} == {VisitKind.DRAWN}
        assert all(team.drawn and len(team.members) == 2 for team in need.teams)
