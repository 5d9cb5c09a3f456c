"""How well the warnings meet the truth: precision, recall, and why something was missed.

Truth is counted by station and kind. Precision is over warnings of yellow and above. What hangs
on a silent source alone cannot be known and is left out of recall; every other truth that stayed
undetermined counts as missed.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

SEEN: Final = frozenset({"red", "orange", "yellow"})

Key = tuple[str, str]  # station's code, kind of warning


@dataclass(frozen=True, slots=True)
class Planted:
    """One planted problem: which warning it should bring, and why it might not be knowable."""

    code: str
    kind: str
    warns: str
    knowable: bool
    why: str

    @property
    def key(self) -> Key:
        """Give the station and the kind of warning that this should bring."""
        return self.code, self.warns


@dataclass(frozen=True, slots=True)
class OfKind:
    """How one planted kind went; `silent` of the planted could not be known."""

    kind: str
    planted: int
    silent: int
    found: int
    missed: tuple[Planted, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """Ratios from 0 to 1; `others` are warnings that answer to nothing planted."""

    precision: float
    recall: float
    right: int
    raised: int
    found: int
    knowable: int
    kinds: tuple[OfKind, ...]
    others: tuple[Key, ...]


def score(truth: Sequence[Planted], warnings: Collection[tuple[str, str, str]]) -> Score:
    """Compare the truth with warnings (station's code, kind, level)."""
    raised = {(code, kind) for code, kind, level in warnings if level in SEEN}
    true = {one.key for one in truth}
    right = raised & true
    knowable = [one for one in truth if one.knowable]
    found = sum(one.key in raised for one in knowable)
    return Score(
        precision=len(right) / len(raised) if raised else 1.0,
        recall=found / len(knowable) if knowable else 1.0,
        right=len(right),
        raised=len(raised),
        found=found,
        knowable=len(knowable),
        kinds=tuple(_of_kind(kind, truth, raised) for kind in _in_order(truth)),
        others=tuple(sorted(raised - true)),
    )


def _in_order(truth: Sequence[Planted]) -> list[str]:
    return list(dict.fromkeys(sorted(one.kind for one in truth)))


def _of_kind(kind: str, truth: Sequence[Planted], raised: Collection[Key]) -> OfKind:
    mine = [one for one in truth if one.kind == kind]
    knowable = [one for one in mine if one.knowable]
    missed = tuple(one for one in knowable if one.key not in raised)
    return OfKind(kind, len(mine), len(mine) - len(knowable), len(knowable) - len(missed), missed)


def why_missed(evaluations: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Say in Chinese and English why a truth brought no warning, by what was found each month."""
    unknown = [one for one in evaluations if one["state"] == "undetermined"]
    if unknown:
        reasons = sorted({_because(one) for one in unknown})
        months = len({str(one["month"]) for one in unknown})
        said = "；".join(reasons[:3])
        return f"{months} 个月不可判定：{said}", f"undetermined in {months} months: {said}"
    blue = any(one["level"] == "blue" for one in evaluations)
    if blue:
        return "只到蓝色：未达黄色阈值", "only blue: below the threshold of yellow"
    if not evaluations:
        return "没有该主体的评估：其数据在待核实主体名下", "no evaluation: its data are provisional"
    return "各月均未达阈值", "below the threshold in every month"


def _because(found: Mapping[str, Any]) -> str:
    lacking = [f"{one['stream']} · {one['source']}" for one in found.get("lacking", ())]
    return ", ".join(lacking) or str(found["reason"])
