"""Limits of a clue and what becomes one: data of `policy.toml`, each row with its legal basis."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from contracts.errors import Invalid
from contracts.item_registry import Stage
from contracts.joint_inspection import Category, Disposal
from contracts.risk_monitor import Level
from kit.deadlines import Term


@dataclass(frozen=True, slots=True)
class Terms:
    """Policy in force on a day: terms of each step, longest visit window, stage that is routed."""

    dispatch: Term
    sign: Term
    verify: Term
    visit_days: int
    stage: Stage


class NoTermsThen(Invalid):
    """Nothing can be registered for a day on which no terms held yet."""

    code = "clue-no-terms"


class When(StrEnum):
    """At which step a warning becomes a clue."""

    RAISED = "raised"
    ASSESSED = "assessed"


@dataclass(frozen=True, slots=True)
class WarningTrigger:
    """Which levels become a clue at which step; `rule` names the row of the policy table."""

    rule: str
    levels: frozenset[Level]
    when: When


@dataclass(frozen=True, slots=True)
class ResultTrigger:
    """Which categories or disposals of a draw's result become a clue."""

    rule: str
    categories: frozenset[Category]
    disposals: frozenset[Disposal]


def rule_for_warning(triggers: Iterable[WarningTrigger], level: Level, when: When) -> str | None:
    """Name the rule by which a warning of this level becomes a clue at this step, if it does."""
    fits = (one.rule for one in triggers if level in one.levels and one.when is when)
    return next(fits, None)


def rule_for_result(
    triggers: Iterable[ResultTrigger], categories: Iterable[Category], disposal: Disposal
) -> str | None:
    """Name the first rule by which the result of a draw becomes a clue, if one does."""
    found = frozenset(categories)
    fits = (one.rule for one in triggers if one.categories & found or disposal in one.disposals)
    return next(fits, None)
