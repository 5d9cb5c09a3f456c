"""Counting clues: by where they come from, where they are, and who leads them (R10.9)."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from clue_dispatch.clue.domain.counting import Count

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Sum:
    """How many clues, and how many of them are late."""

    clues: int = 0
    overdue: int = 0


def summed(counts: Iterable[Count], by: Callable[[Count], K]) -> dict[K, Sum]:
    """Add counts up by one of their sides, the most first."""
    sums = defaultdict[K, Sum](Sum)
    for one in counts:
        stood = sums[by(one)]
        sums[by(one)] = Sum(stood.clues + one.clues, stood.overdue + one.overdue)
    return dict(sorted(sums.items(), key=lambda pair: (-pair[1].clues, str(pair[0]))))
