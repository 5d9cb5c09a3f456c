"""One small draw whose every byte was computed with sha256sum, not with this code."""

from datetime import UTC, datetime

from contracts.item_registry import DepartmentId
from joint_inspection.draw.domain import lists
from joint_inspection.draw.domain.freezing import check
from joint_inspection.draw.domain.handles import (
    Digest,
    digest,
    inspector_handles,
    opens_target,
    pool_key_digest,
    salt_of,
    target_handles,
)
from joint_inspection.draw.domain.lists import Inspector
from joint_inspection.draw.domain.parties import Reveal, commitment, seed
from joint_inspection.draw.domain.plan import Allocation, Department, Plan, from_bytes, to_bytes
from joint_inspection.draw.domain.result import carry_out, result_to_bytes

POOL_KEY = bytes([7]) * 32
COMMERCE, JUSTICE = DepartmentId("commerce"), DepartmentId("justice")
T1 = "3335aa91d2d34589e74471ef246a765816a466d2a043f329800c30a7789e1af3"
T2 = "75a48bac6fc8f2d93c399028466f3a50b7f7826e5efd80280ca0d2a25fd16f34"
T3 = "2b19171c1e082640c91afcd57b739babc1a534eaad112232e24e4cbfddb9c6a3"
T4 = "dffc3ef6cdaf65a731859fbd612e03c78aafa1976c67b6dcae8353d0a0a33015"
I1 = "cf9d93612273964748cbb9d033cd7610cb956469d0275527fee28a043b44a98f"
I2 = "59849766b1c84d15f0202e5fd8c087a4fb26a481bc1b445b90fb3b738bdd78a2"
I3 = "08ca82ab3541d001eef4661e2d096f0126ff4bb64a6774e645cf56abe6065e1c"
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
PLAN = (
    b'{"beacon":null,"departments":[{"allocations":[{"list":'
    b'"ae2631bfbf8f715440ad1d634de68a227286f10b62e3ec270257478cdc4ce497","n":2,"reserve":1,'
    b'"stratum":"s1"}],"department":"commerce","inspectors":'
    b'"63b369688cd89d79e4c8b2d1dcefd52ae98d697222b493990e2700e58ff8aaa4","joins":null,"left_out":'
    b'"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","qualification":"fire",'
    b'"seats":2}],"directory":"v1","draw":"d1","hash":"sha-256","mode":"joint",'
    b'"parties":["commerce","justice"],'
    b'"pool":"ed6048cf4299fea301b415ab073bba91980e0a8a871d41d74b738ef9266ccc9c",'
    b'"pool_key":"b76ea67873ceeacdef70c61c9f906aca02b08bece5be3051fd016caa062ff60d",'
    b'"previous":null,'
    b'"recused":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",'
    b'"reveal_by":"2026-03-04T08:00:00Z","series":"oil-2026","stand_ins":[],'
    b'"version":"heli-draw-1"}'
)
PLAN_DIGEST = "908c00f6c6e397571432fee4a08800ccbe842b4ab2678e1f7a928f292a7f6201"
SEED = "38cef4bd11fb623b0ac99741716868cf795ea62b4fca8bf0f422f6bd544ddc32"
REVEALS = (
    Reveal(COMMERCE, salt=bytes([0xA1]) * 16, secret=bytes([0x11]) * 32),
    Reveal(JUSTICE, salt=bytes([0xA2]) * 16, secret=bytes([0x22]) * 32),
)


def example() -> tuple[Plan, dict[Digest, str]]:
    targets = target_handles(POOL_KEY, ["t1", "t2", "t3", "t4"]).values()
    inspectors = inspector_handles(POOL_KEY, ["i1", "i2", "i3"]).values()
    pool = lists.write_handles(targets)
    stratum = lists.write_weighted({1: targets})
    staff = lists.write_inspectors(Inspector(handle, 9, "fire") for handle in inspectors)
    department = Department(
        department=COMMERCE,
        seats=2,
        qualification="fire",
        left_out=digest(""),
        inspectors=digest(staff),
        joins=None,
        allocations=(Allocation("s1", n=2, reserve=1, list=digest(stratum)),),
    )
    plan = Plan(
        series="oil-2026",
        draw="d1",
        previous=None,
        directory="v1",
        pool=digest(pool),
        pool_key=pool_key_digest(POOL_KEY),
        departments=(department,),
        recused=digest(""),
        parties=(COMMERCE, JUSTICE),
        reveal_by=datetime(2026, 3, 4, 8, tzinfo=UTC),
    )
    return plan, {digest(text): text for text in (pool, stratum, staff, "")}


def test_handles_are_those_computed_by_hand() -> None:
    targets = target_handles(POOL_KEY, ["t1", "t2", "t3", "t4"])
    assert list(targets.values()) == [T1, T2, T3, T4]
    assert list(inspector_handles(POOL_KEY, ["i1", "i2", "i3"]).values()) == [I1, I2, I3]


def test_a_salt_opens_its_own_handle_and_no_other() -> None:
    handles = target_handles(POOL_KEY, ["t1", "t2"])
    salt = salt_of(POOL_KEY, "t1")
    assert opens_target(handles["t1"], id_="t1", salt=salt)
    assert not opens_target(handles["t2"], id_="t2", salt=salt)


def test_the_plan_has_exactly_these_bytes() -> None:
    plan, texts = example()
    check(plan, texts)
    assert to_bytes(plan) == PLAN
    assert digest(PLAN) == PLAN_DIGEST
    assert from_bytes(PLAN) == plan


def test_commitments_and_seed_are_those_computed_by_hand() -> None:
    assert [commitment(digest(PLAN), each) for each in REVEALS] == [
        "e139a6600a9abd80b0e32f9298380b048dec942e0cba595e187644ec6b597cd5",
        "6429bf86e75b1f4596f71fc550dbc0f3c434d45dce067ec06c19476dec2faae4",
    ]
    assert seed(digest(PLAN), reversed(REVEALS)).hex() == SEED


def test_the_result_is_the_one_read_off_by_hand() -> None:
    plan, texts = example()
    result = carry_out(plan, texts, bytes.fromhex(SEED))
    assert result_to_bytes(result).decode() == (
        f'{{"allocations":[{{"department":"commerce","reserve":["{T4}"],"stratum":"s1",'
        f'"taken":["{T3}","{T1}"]}}],"empty":[],"inspectors":['
        f'{{"department":"commerce","inspectors":["{I2}","{I3}"],"target":"{T3}"}},'
        f'{{"department":"commerce","inspectors":["{I3}","{I2}"],"target":"{T1}"}}]}}'
    )
