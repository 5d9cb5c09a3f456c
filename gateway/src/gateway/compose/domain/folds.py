"""Comparing two services: what an owner announced and what a reader handled or keeps.

Both fold their rows into 64 sums; equal sums are equal rows. Where they differ, the rows of that
bucket are asked from both and the ids that differ are named.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

_NAMED: Final = 5


class Invariant(StrEnum):
    """What is compared."""

    HANDLED = "I2"
    KEPT = "I3"


@dataclass(frozen=True, slots=True)
class Fold:
    """A set of rows in 64 sums; `rows` are the digests of one bucket, when that was asked."""

    count: int
    buckets: tuple[str, ...]
    rows: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Question:
    """What a reader says it has of an owner's stream, to be compared with the owner."""

    invariant: Invariant
    reader: str
    owner: str
    types: tuple[str, ...]
    fields: tuple[str, ...]
    had: Fold

    @property
    def name(self) -> str:
        """Name the check."""
        match self.invariant:
            case Invariant.HANDLED:
                return f"I2 {self.reader} handled what {self.owner} announced"
            case Invariant.KEPT:
                return f"I3 {self.reader} keeps {', '.join(self.types)}"

    @property
    def query(self) -> list[tuple[str, str]]:
        """Give the question to the owner's `/operations/published`."""
        asked = [("type", one) for one in self.types]
        return asked + [("field", one) for one in self.fields]


@dataclass(frozen=True, slots=True)
class Found:
    """One check: its name, whether it holds, and where it does not."""

    name: str
    ok: bool
    detail: str = ""


def fold_of(view: Mapping[str, Any]) -> Fold:
    """Read a fold as a service gives it."""
    return Fold(int(view["count"]), tuple(view["buckets"]), dict(view.get("rows") or {}))


def questions(reader: str, answer: Mapping[str, Any]) -> tuple[Question, ...]:
    """Read what a service's `/operations/invariants` wants compared."""
    folds = [(Invariant.HANDLED, one) for one in answer["handled"]]
    folds += [(Invariant.KEPT, one) for one in answer["replicas"]]
    return tuple(
        Question(
            invariant=which,
            reader=reader,
            owner=one["stream"],
            types=tuple(one["types"]),
            fields=tuple(one.get("fields") or ()),
            had=fold_of(one),
        )
        for which, one in folds
    )


def own_checks(service: str, answer: Mapping[str, Any]) -> tuple[Found, ...]:
    """Give a service's own checks under its name."""
    return tuple(
        Found(f"{service}: {one['name']}", bool(one["ok"]), str(one.get("detail") or ""))
        for one in answer["checks"]
    )


def in_flight(answer: Mapping[str, Any]) -> bool:
    """Say whether a service still has work under way: events to send, subjects to judge, jobs."""
    done = all(one["ok"] for one in answer["checks"] if one["passing"])
    return not done or int(answer["jobs_open"]) > 0


def unequal(had: Fold, said: Fold) -> tuple[int, ...]:
    """Give the buckets in which reader and owner differ."""
    pairs = zip(had.buckets, said.buckets, strict=True)
    return tuple(number for number, (left, right) in enumerate(pairs) if left != right)


def differing(had: Fold, said: Fold) -> str:
    """Name the ids of a bucket that reader and owner do not have alike."""
    lacking = sorted(said.rows.keys() - had.rows.keys())
    extra = sorted(had.rows.keys() - said.rows.keys())
    both = said.rows.keys() & had.rows.keys()
    changed = sorted(id_ for id_ in both if said.rows[id_] != had.rows[id_])
    groups = (("lacks", lacking), ("altered", changed), ("unknown to the owner", extra))
    return "; ".join(f"{word} {_some(ids)}" for word, ids in groups if ids)


def compared(question: Question, said: Fold, detail: str) -> Found:
    """Conclude a comparison; `detail` names what differs, where that was asked."""
    same = not unequal(question.had, said)
    if same:
        return Found(question.name, ok=True, detail=f"{said.count} rows")
    counts = f"{question.had.count} of {said.count} rows"
    return Found(question.name, ok=False, detail=f"{counts}; {detail}" if detail else counts)


def _some(ids: Sequence[str]) -> str:
    more = f" (+{len(ids) - _NAMED})" if len(ids) > _NAMED else ""
    return ", ".join(ids[:_NAMED]) + more
