"""A warning from its raising to its label."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.clue_dispatch import Conclusion
from contracts.credit_service import EntityId
from contracts.item_registry import DepartmentId, ItemId, RegionId
from contracts.risk_monitor import (
    EvidenceState,
    Level,
    Outcome,
    WarningClosed,
    WarningId,
    WarningRaised,
    WarningState,
)
from contracts.roles import PUBLIC, RISK_MONITOR
from kit.testing import covers
from risk_monitor.indicator.domain.months import months_later
from risk_monitor.model.domain import rank
from risk_monitor.warning.domain import (
    AssessedAlready,
    ClosedAlready,
    Finding,
    NoDepartment,
    Warning,  # noqa: A004 - the field's word 预警
    assess,
    close,
    follow,
    link,
)

AT = datetime(2026, 3, 10, tzinfo=UTC)
MARCH = date(2025, 3, 1)
AT_ONCE = (Level.RED, Level.ORANGE)
COMMERCE = DepartmentId("commerce-330100")


def found(month: int, level: Level | None, state: EvidenceState | None = None) -> Finding:
    return Finding(
        model="refined-oil",
        model_version=1,
        item=ItemId("refined-oil"),
        subject=EntityId("uscc-1"),
        region=RegionId("330106"),
        kind="declared_under_metered",
        month=months_later(MARCH, month),
        state=state or (EvidenceState.HIT if level else EvidenceState.NO_HIT),
        level=level,
        evidence=(),
        degraded=(),
        accepted_at=AT,
    )


def after(*findings: Finding, closed_until: date | None = None) -> tuple[Warning | None, list[str]]:
    """Follow findings; give the warning and what was announced."""
    standing: Warning | None = None
    said: list[str] = []
    for one in findings:
        decided = follow(one, open_=standing, closed_until=closed_until, id_=WarningId("w1"), at=AT)
        if decided is not None:
            standing = decided.value
            said += [f.level for f in decided.says if isinstance(f, WarningRaised)]
    return standing, said


def raised(level: Level = Level.ORANGE) -> Warning:
    standing, _ = after(found(0, level))
    assert standing is not None
    return standing


def test_later_months_extend_a_warning_without_raising_it_again() -> None:
    warning, said = after(found(0, Level.ORANGE), found(1, Level.ORANGE), found(2, Level.YELLOW))
    assert warning is not None
    assert (warning.first_month, warning.last_month) == (MARCH, date(2025, 5, 1))
    assert (said, warning.level, warning.version) == (["orange"], Level.ORANGE, 1)


def test_a_higher_level_is_raised_again_under_the_same_id() -> None:
    warning, said = after(found(0, Level.YELLOW), found(1, Level.RED))
    assert warning is not None
    assert (said, warning.id, warning.version) == (["yellow", "red"], "w1", 2)


def test_the_first_month_without_the_pattern_ends_it_and_its_return_takes_that_back() -> None:
    warning, _ = after(found(0, Level.ORANGE), found(1, None), found(2, None))
    assert warning is not None
    assert (warning.state, warning.ended_month) == (WarningState.RAISED, date(2025, 4, 1))
    again, said = after(found(0, Level.ORANGE), found(1, None), found(2, Level.ORANGE))
    assert again is not None
    assert (again.ended_month, again.last_month, said) == (None, date(2025, 5, 1), ["orange"])


def test_a_corrected_month_takes_a_warning_back_to_its_end() -> None:
    warning, _ = after(found(0, Level.ORANGE), found(0, None))
    assert warning is not None
    assert warning.ended_month == MARCH


@covers("R8.2")
def test_what_cannot_be_known_neither_raises_nor_ends() -> None:
    unknown = found(1, None, EvidenceState.UNDETERMINED)
    assert after(unknown) == (None, [])
    warning, said = after(found(0, Level.RED), unknown)
    assert warning is not None
    assert (warning.ended_month, said) == (None, ["red"])


def test_months_that_were_dealt_with_are_not_raised_again() -> None:
    until = months_later(MARCH, 2)
    assert after(found(2, Level.RED), closed_until=until) == (None, [])
    assert after(found(3, Level.RED), closed_until=until)[1] == ["red"]


@given(
    st.lists(
        st.tuples(st.integers(0, 11), st.sampled_from([*Level, None])), min_size=1, max_size=20
    )
)
def test_the_same_findings_again_change_nothing(months: list[tuple[int, Level | None]]) -> None:
    latest = dict(months)
    findings = [found(month, level) for month, level in sorted(latest.items())]
    once, said = after(*findings)
    twice, repeated = after(*findings, *findings)
    assert repeated == said
    assert once == twice
    levels = [rank(Level(level)) for level in said]
    assert levels == sorted(set(levels))


@covers("R8.6")
def test_a_department_assesses_once_unless_it_only_watches() -> None:
    watched = assess(raised(), Outcome.WATCH, by=COMMERCE, at=AT, clue_at_once=AT_ONCE).value
    valid = assess(watched, Outcome.VALID, by=COMMERCE, at=AT, clue_at_once=AT_ONCE).value
    assert (valid.state, valid.outcome, valid.version) == (WarningState.ASSESSED, "valid", 3)
    with pytest.raises(AssessedAlready):
        assess(valid, Outcome.FALSE, by=COMMERCE, at=AT, clue_at_once=AT_ONCE)
    with pytest.raises(NoDepartment):
        assess(raised(), Outcome.VALID, by=None, at=AT, clue_at_once=AT_ONCE)


@pytest.mark.parametrize(
    ("level", "state"),
    [
        (Level.RED, WarningState.ASSESSED),
        (Level.ORANGE, WarningState.ASSESSED),
        (Level.YELLOW, WarningState.CLOSED),
        (Level.BLUE, WarningState.CLOSED),
    ],
)
def test_a_false_warning_is_closed_at_once_only_where_no_clue_was_made(
    level: Level, state: WarningState
) -> None:
    decided = assess(raised(level), Outcome.FALSE, by=COMMERCE, at=AT, clue_at_once=AT_ONCE)
    assert decided.value.state is state
    closed = [f for f in decided.says if isinstance(f, WarningClosed)]
    assert bool(closed) == (state is WarningState.CLOSED)
    with_clue = assess(
        link(raised(level), "c1"), Outcome.FALSE, by=COMMERCE, at=AT, clue_at_once=AT_ONCE
    )
    assert with_clue.value.state is WarningState.ASSESSED


@covers("R8.7")
@pytest.mark.parametrize(
    ("conclusion", "outcome"),
    [
        (Conclusion.CONFIRMED, "valid"),
        (Conclusion.UNFOUNDED, "false"),
        (Conclusion.FALSE_WARNING, "false"),
        (Conclusion.DUPLICATE, "duplicate"),
    ],
)
def test_its_clue_closes_and_labels_a_warning_once(conclusion: Conclusion, outcome: str) -> None:
    decided = close(raised(), clue="c1", conclusion=conclusion, at=AT)
    assert (decided.value.outcome, decided.value.clue) == (outcome, "c1")
    assert [f.outcome for f in decided.says if isinstance(f, WarningClosed)] == [outcome]
    again = close(decided.value, clue="c1", conclusion=Conclusion.UNFOUNDED, at=AT)
    assert (again.value, again.says) == (decided.value, ())
    with pytest.raises(ClosedAlready):
        assess(decided.value, Outcome.VALID, by=COMMERCE, at=AT, clue_at_once=AT_ONCE)


@covers("R8.8")
def test_nobody_reads_warnings_without_a_token() -> None:
    assert all(roles != PUBLIC for roles in RISK_MONITOR.values())
