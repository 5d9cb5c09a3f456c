"""Tickets of a hotline: what of one becomes a clue, and what other words do to it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from tests.unit.clue_dispatch import matters
from tests.unit.clue_dispatch.matters import (
    BY_HAND,
    CHAIN,
    COMMERCE,
    HOTLINE,
    HOUR,
    LEAD,
    NOWHERE,
    ROUTE,
    TERMS,
    TUESDAY,
)

from clue_dispatch.clue.domain.counting import Count
from clue_dispatch.clue.domain.handling import Unroutable, dispatch_each
from clue_dispatch.clue.domain.matter import Clue
from clue_dispatch.clue.domain.registering import (
    AlreadyDispatched,
    ItemUnknown,
    RegionUnknown,
    require_known,
    revise,
)
from clue_dispatch.summary.domain import Sum, summed
from clue_dispatch.ticket.domain import ComplaintOnly, Heard, NotYetReceived, heard
from contracts.clue_dispatch import ClueId, ClueState, OriginType, TicketKind, TicketRow
from contracts.credit_service import EntityId
from contracts.errors import NotFound
from contracts.item_registry import ItemId, RegionId
from contracts.says import Decided
from kit.codes import SubjectUnnamed, provisional_id
from kit.testing import covers
from kit.workdays import NATIONAL

ROW: dict[str, Any] = {
    "ticket": "HZ-1",
    "received_at": "2026-03-03 10:00:00",
    "text": "跳枪好几次",
    "item": "refined-oil",
    "region": "330106",
    "name": "城西加油站",
}


def ticket(**change: object) -> TicketRow:
    return TicketRow.model_validate(ROW | change)


def hear(row: TicketRow, now: datetime = TUESDAY) -> Heard:
    return heard(row, source=HOTLINE, department=HOTLINE, now=now)


def retold(clue: Clue, **change: Any) -> Decided[Clue] | None:  # noqa: ANN401 - any field
    """Revise with what the clue itself says, but for a change."""
    return revise(
        clue,
        replace(BY_HAND, **change),
        route=ROUTE,
        terms=TERMS,
        calendar=NATIONAL,
        at=TUESDAY,
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-03-03 10:00:00", datetime(2026, 3, 3, 2, tzinfo=UTC)),
        ("2026-03-03T10:00:00+08:00", datetime(2026, 3, 3, 2, tzinfo=UTC)),
        ("2026-03-03T10:00:00Z", datetime(2026, 3, 3, 10, tzinfo=UTC)),
        ("2026-03-03", datetime(2026, 3, 2, 16, tzinfo=UTC)),
    ],
)
def test_a_moment_without_a_zone_is_chinas(written: str, meant: datetime) -> None:
    assert ticket(received_at=written).received_at == meant


def test_a_number_is_no_moment() -> None:
    with pytest.raises(ValidationError):
        ticket(received_at=20260303)


@pytest.mark.parametrize(
    ("written", "kind"),
    [("举报", "report"), ("投诉举报", "both"), ("投诉", "complaint"), ("both", "both")],
)
def test_kinds_and_channels_are_read_as_their_source_writes_them(written: str, kind: str) -> None:
    row = ticket(kind=written, source="12345热线")
    assert (row.kind, row.source) == (TicketKind(kind), OriginType.HOTLINE)
    assert ticket().kind is TicketKind.REPORT


def test_a_ticket_without_a_code_stands_for_the_name_that_was_said() -> None:
    told = hear(ticket())
    assert told.brought.subject == provisional_id(HOTLINE, "城西加油站")
    assert told.fault is not None
    assert told.fault.code == "code-empty"
    assert told.brought.origin.id == f"{HOTLINE}:HZ-1"
    with pytest.raises(SubjectUnnamed):
        hear(ticket(name=None))


def test_a_complaint_is_no_clue_and_one_that_holds_both_is_split() -> None:
    with pytest.raises(ComplaintOnly) as no:
        hear(ticket(kind="complaint"))
    assert no.value.facts["expected"] == "report | both"
    assert hear(ticket(kind="both")).brought.complaint
    assert not hear(ticket()).brought.complaint


def test_nothing_is_received_in_the_future() -> None:
    assert hear(ticket(), TUESDAY).at == TUESDAY
    with pytest.raises(NotYetReceived) as no:
        hear(ticket(), TUESDAY - timedelta(seconds=1))
    assert no.value.facts["field"] == "received_at"


def test_what_nobody_knows_is_refused_by_its_field() -> None:
    require_known(ItemId("refined-oil"), RegionId("330106"), ROUTE)
    with pytest.raises(ItemUnknown):
        require_known(ItemId("x"), RegionId("330106"), replace(ROUTE, item_version=None))
    with pytest.raises(RegionUnknown):
        require_known(ItemId("refined-oil"), RegionId("x"), replace(ROUTE, chain=CHAIN[:1]))


def test_the_same_words_change_nothing_at_any_state() -> None:
    for clue in (matters.registered(), matters.dispatched(), matters.answered(), matters.closed()):
        assert retold(clue) is None


def test_other_words_are_taken_over_until_a_lead_has_the_clue() -> None:
    decided = retold(matters.registered(), summary="另一句")
    assert decided is not None
    assert (decided.value.summary, decided.value.version) == ("另一句", 2)
    assert decided.says == ()
    for clue in (matters.dispatched(), matters.signed(), matters.closed()):
        with pytest.raises(AlreadyDispatched) as no:
            retold(clue, summary="另一句")
        assert no.value.facts["state"] == clue.state


def test_another_subject_is_announced_again() -> None:
    decided = retold(matters.registered(), subject=EntityId("uscc-2"))
    assert decided is not None
    assert [fact.type for fact in decided.says] == ["clue-dispatch.clue.registered.v1"]


def test_a_returned_clue_keeps_its_owner_and_the_clock_that_the_return_began() -> None:
    back = matters.MOVES["return"](matters.dispatched(), TUESDAY + HOUR)
    decided = retold(back, summary="另一句")
    assert decided is not None
    revised = decided.value
    assert (revised.owner, revised.dispatch_due) == (back.owner, back.dispatch_due)
    assert revised.moved_on == back.moved_on


@covers("R10.3")
def test_each_of_many_is_dispatched_for_itself() -> None:
    ids = [ClueId(name) for name in ("good", "headless", "gone", "done", "good")]
    held = {
        ids[0]: replace(matters.registered(), id=ids[0]),
        ids[1]: replace(matters.registered(route=NOWHERE), id=ids[1], owner=COMMERCE),
        ids[3]: replace(matters.dispatched(), id=ids[3]),
    }
    answers = dispatch_each(
        ids,
        held,
        routes={ids[0]: ROUTE, ids[1]: NOWHERE, ids[3]: ROUTE},
        by=LEAD,
        terms=TERMS,
        calendars={CHAIN: NATIONAL},
        at=TUESDAY,
    )
    assert list(answers) == ids[:4]
    good = answers[ids[0]]
    assert isinstance(good, Decided)
    assert good.value.state is ClueState.DISPATCHED
    assert isinstance(answers[ids[1]], Unroutable)
    assert isinstance(answers[ids[2]], NotFound)
    assert not isinstance(answers[ids[3]], Decided)


def test_counts_add_up_by_each_of_their_sides() -> None:
    counts = (
        Count(OriginType.HOTLINE, ClueState.REGISTERED, None, clues=2, overdue=2),
        Count(OriginType.HOTLINE, ClueState.SIGNED, COMMERCE, clues=5, overdue=1),
        Count(OriginType.WARNING, ClueState.SIGNED, COMMERCE, clues=1, overdue=0),
    )
    assert summed(counts, lambda one: one.source) == {
        OriginType.HOTLINE: Sum(7, 3),
        OriginType.WARNING: Sum(1, 0),
    }
    assert list(summed(counts, lambda one: one.lead)) == [COMMERCE, None]
