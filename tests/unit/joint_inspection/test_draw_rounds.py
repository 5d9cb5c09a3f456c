"""Freezing a draw and taking it through its rounds."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from contracts.errors import Refusal
from contracts.item_registry import DepartmentId, RegionId
from joint_inspection.draw.domain import freezing, lists, parties, rounds
from joint_inspection.draw.domain import handles as hd
from joint_inspection.draw.domain.handles import Digest, Handle, digest
from joint_inspection.draw.domain.lists import Inspector
from joint_inspection.draw.domain.parties import Reveal, commitment
from joint_inspection.draw.domain.plan import (
    Allocation,
    Beacon,
    Department,
    Mode,
    Plan,
    PlanUnreadable,
    from_bytes,
    plan_digest,
    to_bytes,
)
from joint_inspection.draw.domain.result import carry_out
from joint_inspection.draw.domain.rounds import Draw, DrawId, State
from kit.testing import covers

NOW = datetime(2026, 3, 3, 8, tzinfo=UTC)
REVEAL_BY = NOW + timedelta(days=1)
LATE = REVEAL_BY + timedelta(seconds=1)
COMMERCE, FIRE, JUSTICE = DepartmentId("commerce"), DepartmentId("fire"), DepartmentId("justice")
KEY = bytes(32)
TARGETS = sorted(hd.target_handles(KEY, [f"t{at}" for at in range(9)]).values())
STAFF = sorted(hd.inspector_handles(KEY, [f"i{at}" for at in range(4)]).values())
SECRETS = {
    party: Reveal(party, salt=bytes([at]) * 16, secret=bytes([at]) * 32)
    for at, party in enumerate((COMMERCE, JUSTICE))
}

Texts = dict[Digest, str]


class Book:
    """The texts of a plan under their digests."""

    def __init__(self) -> None:
        self.texts: Texts = {}

    def keep(self, text: str) -> Digest:
        self.texts[digest(text)] = text
        return digest(text)


def example() -> tuple[Plan, Texts]:
    """Commerce draws 2 of 5 (1 reserve) and 1 of 3, leaves one out; fire joins three targets."""
    book = Book()
    staff = book.keep(lists.write_inspectors(Inspector(each, 9, "any") for each in STAFF))
    low = book.keep(lists.write_weighted({1: TARGETS[:5]}))
    high = book.keep(lists.write_weighted({3: TARGETS[5:8]}))
    commerce = Department(
        department=COMMERCE,
        seats=2,
        qualification="any",
        left_out=book.keep(lists.write_left_out({"exempt": TARGETS[8:9]})),
        inspectors=staff,
        joins=None,
        allocations=(
            Allocation("s1", n=2, reserve=1, list=low),
            Allocation("s2", n=1, reserve=0, list=high),
        ),
    )
    fire = Department(
        department=FIRE,
        seats=2,
        qualification="any",
        left_out=book.keep(""),
        inspectors=book.keep(""),
        joins=book.keep(lists.write_handles(TARGETS[:3])),
        allocations=(),
    )
    plan = Plan(
        series="oil",
        draw="d1",
        previous=None,
        directory="v1",
        pool=book.keep(lists.write_handles(TARGETS)),
        pool_key=hd.pool_key_digest(KEY),
        departments=(commerce, fire),
        recused=book.keep(""),
        parties=(COMMERCE, JUSTICE),
        reveal_by=REVEAL_BY,
    )
    return plan, book.texts


PLAN, TEXTS = example()
DRAFT = rounds.draft(
    id_=DrawId("d1"), series="oil", department=COMMERCE, region=RegionId("330000")
).value


def frozen(draw: Draw = DRAFT, plan: Plan = PLAN) -> Draw:
    return rounds.freeze(draw, plan, TEXTS, by=COMMERCE, last=None, at=NOW).value


def commit(draw: Draw, party: DepartmentId) -> Draw:
    promise = commitment(plan_digest(PLAN), SECRETS[party])
    return rounds.commit(draw, party=party, digest=promise, at=NOW).value


def committed() -> Draw:
    return commit(commit(frozen(), JUSTICE), COMMERCE)


def revealed() -> Draw:
    once = rounds.reveal(committed(), SECRETS[JUSTICE], at=NOW).value
    return rounds.reveal(once, SECRETS[COMMERCE], at=NOW).value


def completed() -> Draw:
    draw = revealed()
    return rounds.complete(draw, carry_out(PLAN, TEXTS, rounds.seed_of(draw))).value


def commerce_with(**changes: object) -> Plan:
    changed = replace(PLAN.departments[0], **changes)  # type: ignore[arg-type]  # any of its fields
    return replace(PLAN, departments=(changed, PLAN.departments[1]))


def stratum(**changes: object) -> Plan:
    changed = replace(PLAN.departments[0].allocations[0], **changes)  # type: ignore[arg-type]  # any
    return commerce_with(allocations=(changed, PLAN.departments[0].allocations[1]))


@covers("R9.3")
def test_a_draw_goes_from_draft_to_completed_and_announces_freeze_and_completion() -> None:
    freeze = rounds.freeze(DRAFT, PLAN, TEXTS, by=COMMERCE, last=None, at=NOW)
    assert [fact.type for fact in freeze.says] == ["joint-inspection.draw.frozen.v1"]
    draw = revealed()
    result = carry_out(PLAN, TEXTS, rounds.seed_of(draw))
    done = rounds.complete(draw, result)
    assert [fact.type for fact in done.says] == ["joint-inspection.draw.completed.v1"]
    assert done.value.state is State.COMPLETED
    assert done.value.version == 2
    assert [len(each.taken) for each in result.allocations] == [2, 1]


def test_a_cooperating_department_visits_just_the_drawn_targets_that_it_joins() -> None:
    result = carry_out(PLAN, TEXTS, rounds.seed_of(revealed()))
    drawn = {target for each in result.allocations for target in each.taken}
    of_fire = {each.target for each in result.inspectors if each.department == FIRE}
    assert of_fire == drawn & set(TARGETS[:3])


@pytest.mark.parametrize(
    ("plan", "refused"),
    [
        (replace(PLAN, mode=Mode.COORDINATED), freezing.NotInThisForm),
        (replace(PLAN, mode=Mode.EXTERNAL), freezing.NotInThisForm),
        (replace(PLAN, hash="sm3"), freezing.NotInThisForm),
        (replace(PLAN, beacon=Beacon("drand", "1", "2026")), freezing.NotInThisForm),
        (replace(PLAN, stand_ins=(FIRE,)), freezing.NotInThisForm),
        (replace(PLAN, series="a b"), hd.IdMalformed),
        (replace(PLAN, pool_key=Digest("x")), hd.DigestMalformed),
        (replace(PLAN, parties=(JUSTICE,)), freezing.PartiesTooFew),
        (replace(PLAN, parties=(JUSTICE, JUSTICE)), freezing.PartiesOfOneOrgan),
        (replace(PLAN, parties=(JUSTICE, COMMERCE)), freezing.PlanNotAscending),
        (replace(PLAN, parties=(COMMERCE, FIRE)), freezing.NobodyDisinterested),
        (replace(PLAN, departments=PLAN.departments[::-1]), freezing.PlanNotAscending),
        (replace(PLAN, departments=PLAN.departments[1:]), freezing.OneDepartmentDraws),
        (replace(PLAN, pool=digest("other")), freezing.ListMissing),
        (commerce_with(seats=0), freezing.NumberOutOfRange),
        (commerce_with(seats=101), freezing.NumberOutOfRange),
        (commerce_with(left_out=digest("")), freezing.PoolNotCovered),
        (stratum(stratum="s3"), freezing.PlanNotAscending),
        (stratum(n=0), freezing.NumberOutOfRange),
        (stratum(reserve=-1), freezing.NumberOutOfRange),
        (stratum(n=5), freezing.TooFewTargets),
        (stratum(list=PLAN.departments[0].allocations[1].list, n=1), freezing.PoolNotCovered),
    ],
)
def test_a_plan_that_cannot_be_carried_out_is_refused_never_clipped(
    plan: Plan, refused: type[Refusal]
) -> None:
    with pytest.raises(refused):
        freezing.check(plan, TEXTS)


def test_what_this_form_does_not_offer_is_refused_by_its_name() -> None:
    for change, name in (
        (replace(PLAN, mode=Mode.COORDINATED), "coordinated"),
        (replace(PLAN, mode=Mode.EXTERNAL), "external"),
        (replace(PLAN, hash="sm3"), "sm3"),
    ):
        with pytest.raises(freezing.NotInThisForm) as no:
            freezing.check(change, TEXTS)
        assert no.value.facts["got"] == name
    for part, ask in (("cycle", {"cycle": "2026"}), ("redraw", {"redraw_of": DrawId("d0")})):
        with pytest.raises(freezing.NotInThisForm) as no:
            rounds.draft(
                id_=DrawId("d1"), series="oil", department=COMMERCE, region=DRAFT.region, **ask
            )
        assert no.value.facts["part"] == part


def test_a_target_from_outside_the_pool_is_refused() -> None:
    stray = lists.write_handles([Handle("f" * 64)])
    fire = replace(PLAN.departments[1], joins=digest(stray))
    plan = replace(PLAN, departments=(PLAN.departments[0], fire))
    with pytest.raises(freezing.OutsideThePool) as no:
        freezing.check(plan, {**TEXTS, digest(stray): stray})
    assert no.value.facts == {"department": FIRE, "handle": "f" * 64}


def test_another_text_under_a_lists_digest_is_refused() -> None:
    with pytest.raises(freezing.ListMissing):
        freezing.check(PLAN, {**TEXTS, PLAN.pool: TEXTS[PLAN.pool] + "\n"})


def test_a_plan_with_another_byte_order_is_not_read() -> None:
    raw = to_bytes(PLAN)
    for other in (b" " + raw, raw.replace(b'"heli-draw-1"', b'"heli-draw-2"'), b"{}", b"[]", b"x"):
        with pytest.raises(PlanUnreadable):
            from_bytes(other)


def test_only_the_initiating_department_freezes_its_own_plan() -> None:
    with pytest.raises(rounds.NotTheInitiator):
        rounds.freeze(DRAFT, PLAN, TEXTS, by=FIRE, last=None, at=NOW)
    with pytest.raises(rounds.PlanOfAnotherDraw):
        frozen(replace(DRAFT, id=DrawId("d2")))


def test_nothing_changes_after_the_freeze() -> None:
    with pytest.raises(rounds.NotInState):
        frozen(frozen())


def test_the_time_to_reveal_lies_ahead_at_the_freeze() -> None:
    with pytest.raises(rounds.RevealByPassed):
        rounds.freeze(DRAFT, PLAN, TEXTS, by=COMMERCE, last=None, at=REVEAL_BY)


def test_a_draw_names_the_one_before_it_in_its_series() -> None:
    before = completed()
    draft = replace(DRAFT, id=DrawId("d2"))
    forgetful = replace(PLAN, draw="d2")
    with pytest.raises(rounds.PreviousDiffers):
        rounds.freeze(draft, forgetful, TEXTS, by=COMMERCE, last=before, at=NOW)
    honest = replace(forgetful, previous=before.plan_digest)
    then = rounds.freeze(draft, honest, TEXTS, by=COMMERCE, last=before, at=NOW).value
    assert then.state is State.FROZEN


def test_a_series_waits_for_its_draw_and_after_a_void_one_needs_a_redraw() -> None:
    draft = replace(DRAFT, id=DrawId("d2"))
    plan = replace(PLAN, draw="d2", previous=plan_digest(PLAN))
    with pytest.raises(rounds.PreviousOpen):
        rounds.freeze(draft, plan, TEXTS, by=COMMERCE, last=frozen(), at=NOW)
    void = rounds.abandon(frozen(), by=COMMERCE, at=NOW).value
    with pytest.raises(freezing.NotInThisForm):
        rounds.freeze(draft, plan, TEXTS, by=COMMERCE, last=void, at=NOW)


def test_nobody_reveals_before_all_have_committed() -> None:
    one = commit(frozen(), JUSTICE)
    with pytest.raises(rounds.CommitmentsMissing) as no:
        rounds.reveal(one, SECRETS[JUSTICE], at=NOW)
    assert no.value.facts["missing"] == [COMMERCE]


def test_a_reveal_that_is_not_what_was_committed_is_refused() -> None:
    with pytest.raises(parties.RevealDoesNotOpen):
        rounds.reveal(committed(), replace(SECRETS[JUSTICE], secret=bytes(32)[::-1]), at=NOW)
    with pytest.raises(hd.BytesWrongLength):
        rounds.reveal(committed(), replace(SECRETS[JUSTICE], salt=b""), at=NOW)


def test_a_commitment_again_changes_nothing_and_another_one_is_refused() -> None:
    one = commit(frozen(), JUSTICE)
    assert commit(one, JUSTICE) == one
    with pytest.raises(rounds.CommittedAlready):
        rounds.commit(one, party=JUSTICE, digest="0" * 64, at=NOW)


def test_a_reveal_again_changes_nothing() -> None:
    once = rounds.reveal(committed(), SECRETS[JUSTICE], at=NOW).value
    assert rounds.reveal(once, SECRETS[JUSTICE], at=NOW).value == once


@pytest.mark.parametrize(
    "act",
    [
        lambda: rounds.commit(frozen(), party=FIRE, digest="0" * 64, at=NOW),
        lambda: rounds.reveal(committed(), replace(SECRETS[JUSTICE], party=FIRE), at=NOW),
        lambda: rounds.abandon(committed(), by=FIRE, at=LATE),
    ],
)
def test_who_is_no_party_has_no_say(act: Callable[[], object]) -> None:
    with pytest.raises(rounds.NotAParty):
        act()


@pytest.mark.parametrize(
    "act",
    [
        lambda: rounds.commit(frozen(), party=JUSTICE, digest="0" * 64, at=LATE),
        lambda: rounds.reveal(committed(), SECRETS[JUSTICE], at=LATE),
    ],
)
def test_nothing_is_taken_after_the_time_to_reveal(act: Callable[[], object]) -> None:
    with pytest.raises(rounds.RevealByPassed):
        act()


def test_who_stays_silent_is_named_and_the_draw_is_void() -> None:
    once = rounds.reveal(committed(), SECRETS[JUSTICE], at=NOW).value
    void = rounds.abandon(once, by=JUSTICE, at=LATE).value
    assert void.state is State.ABANDONED
    assert void.silent == (COMMERCE,)


def test_nobody_stops_a_draw_while_reveals_are_due() -> None:
    with pytest.raises(rounds.RevealByAhead):
        rounds.abandon(committed(), by=COMMERCE, at=NOW)


@pytest.mark.parametrize("state", [revealed, completed])
def test_a_result_that_everybody_can_know_cannot_be_abandoned(state: Callable[[], Draw]) -> None:
    with pytest.raises(rounds.NotInState):
        rounds.abandon(state(), by=COMMERCE, at=LATE)


def test_there_is_no_seed_before_all_have_revealed() -> None:
    with pytest.raises(rounds.NotInState):
        rounds.seed_of(committed())
    with pytest.raises(rounds.NotInState):
        rounds.seed_of(DRAFT)
