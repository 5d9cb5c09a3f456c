"""The policy table of clue-dispatch, read as values that hold on a day."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from clue_dispatch.terms.domain import NoTermsThen, ResultTrigger, Terms, WarningTrigger, When
from contracts.item_registry import Stage
from contracts.joint_inspection import Category, Disposal
from contracts.risk_monitor import Level
from kit import policy
from kit.policy import NoPolicy, term_of

PACKAGE: Final = "clue_dispatch"
_OF_A_CLUE: Final = ("dispatch", "sign", "verify", "visit", "stage")


def of_clues(on: date, *, field: str = "acted_on") -> Terms:
    """Give the terms of a clue that hold on a day, which stands in a field of the request.

    Refuses: NoTermsThen, which names the first day of the terms.
    """
    rows = policy.load(PACKAGE)
    try:
        held = {key: policy.in_force(rows, f"clue.{key}", on) for key in _OF_A_CLUE}
    except NoPolicy as no:
        raise NoTermsThen(field=field, got=on.isoformat(), expected=f"≥ {_first_day(rows)}") from no
    return Terms(
        dispatch=term_of(held["dispatch"]),
        sign=term_of(held["sign"]),
        verify=term_of(held["verify"]),
        visit_days=held["visit"].values["days"],
        stage=Stage(held["stage"].values["value"]),
    )


def _first_day(rows: Sequence[policy.Row]) -> date:
    """Give the day from which every term of a clue is there."""
    return max(min(row.from_ for row in rows if row.key == f"clue.{key}") for key in _OF_A_CLUE)


def warning_triggers(on: date) -> tuple[WarningTrigger, ...]:
    """Give what makes a clue of a warning on a day."""
    return tuple(
        WarningTrigger(
            rule=row.key.removeprefix("trigger."),
            levels=frozenset(map(Level, row.values["levels"])),
            when=When(row.values["when"]),
        )
        for row in policy.all_in_force(policy.load(PACKAGE), "trigger.warning", on)
    )


def result_triggers(on: date) -> tuple[ResultTrigger, ...]:
    """Give what makes a clue of a draw's result on a day."""
    return tuple(
        ResultTrigger(
            rule=row.key.removeprefix("trigger."),
            categories=frozenset(map(Category, row.values["categories"])),
            disposals=frozenset(map(Disposal, row.values["disposals"])),
        )
        for row in policy.all_in_force(policy.load(PACKAGE), "trigger.result", on)
    )
