"""What joining saved: visits against separate inspections (综合查一次, 国办发〔2024〕54号).

A separate inspection is one department's, for one cause, at one target: what it would have been
without merging. A dropped visit is neither planned nor made.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from contracts.joint_inspection import VisitKind
from joint_inspection.visit.domain.visits import State


@dataclass(frozen=True, slots=True)
class Counted:
    """How many visits there are of one kind and state, and how many separate ones they replace."""

    kind: VisitKind
    elsewhere: bool
    state: State
    visits: int
    separate_visits: int
    drawn_and_clue: int


@dataclass(frozen=True, slots=True)
class OfKind:
    """The visits of one kind; those made elsewhere stand apart."""

    kind: VisitKind
    elsewhere: bool
    visits: int
    made: int
    separate_visits: int


@dataclass(frozen=True, slots=True)
class Summary:
    """All of it, with sums."""

    kinds: tuple[OfKind, ...]
    drawn_and_clue: int
    dropped: int

    @property
    def visits(self) -> int:
        """Count visits planned or made."""
        return sum(one.visits for one in self.kinds)

    @property
    def made(self) -> int:
        """Count those that are finished."""
        return sum(one.made for one in self.kinds)

    @property
    def separate_visits(self) -> int:
        """Count the inspections that they replace."""
        return sum(one.separate_visits for one in self.kinds)

    @property
    def saved(self) -> int:
        """Count the inspections that nobody had to receive."""
        return self.separate_visits - self.visits


def summed(rows: Iterable[Counted]) -> Summary:
    """Bring counts by state together by kind."""
    rows = list(rows)
    live = [one for one in rows if one.state is not State.DROPPED]
    groups = sorted({(one.kind, one.elsewhere) for one in live})
    return Summary(
        kinds=tuple(
            _of_kind(
                kind, elsewhere, [r for r in live if (r.kind, r.elsewhere) == (kind, elsewhere)]
            )
            for kind, elsewhere in groups
        ),
        drawn_and_clue=sum(one.drawn_and_clue for one in live),
        dropped=sum(one.visits for one in rows if one.state is State.DROPPED),
    )


def _of_kind(kind: VisitKind, elsewhere: bool, rows: Iterable[Counted]) -> OfKind:  # noqa: FBT001 - the other half of the group's key
    rows = list(rows)
    return OfKind(
        kind=kind,
        elsewhere=elsewhere,
        visits=sum(one.visits for one in rows),
        made=sum(one.visits for one in rows if one.state is State.FINISHED),
        separate_visits=sum(one.separate_visits for one in rows),
    )
