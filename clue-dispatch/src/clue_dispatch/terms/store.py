"""The policy table of clue-dispatch, read as values that hold on a day."""

from datetime import date
from typing import Final

from clue_dispatch.terms.domain import ResultTrigger, Terms, WarningTrigger, When
from contracts.item_registry import Stage
from contracts.joint_inspection import Category, Disposal
from contracts.risk_monitor import Level
from kit import policy
from kit.deadlines import Term, Unit

PACKAGE: Final = "clue_dispatch"


def term_of(row: policy.Row) -> Term:
    """Read a row of the policy table that is a term."""
    values = row.values
    return Term(
        Unit(values["unit"]),
        values["count"],
        first_day_counts=values.get("first_day_counts", False),
        roll_forward=values.get("roll_forward", True),
    )


def of_clues(on: date) -> Terms:
    """Give the terms of a clue that hold on a day."""
    rows = policy.load(PACKAGE)
    return Terms(
        dispatch=term_of(policy.in_force(rows, "clue.dispatch", on)),
        sign=term_of(policy.in_force(rows, "clue.sign", on)),
        verify=term_of(policy.in_force(rows, "clue.verify", on)),
        visit_days=policy.in_force(rows, "clue.visit", on).values["days"],
        stage=Stage(policy.in_force(rows, "clue.stage", on).values["value"]),
    )


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
