"""Who leads and who cooperates: a rule over the rows of the responsibility matrix.

Source: 国办发〔2023〕1号, section 5. Pure: rows, a place with the nodes above it, a day and the
agencies in; departments and problems out. A row names a line; the agency of that line whose
territory is nearest above the place acts, a vertical line (tax, customs) too, so that a place
without an office of its own is served by the neighbour who has it in its territory. None or two
is a problem in the answer, never a guess.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Protocol

from contracts.item_registry import ROOT, DepartmentId, Duty, DutyRole, Line, RegionId, Stage


class AgencyLike(Protocol):
    """What the rule needs to know of a department."""

    @property
    def id(self) -> DepartmentId:
        """Its id."""
        ...

    @property
    def line(self) -> Line:
        """Its line."""
        ...

    @property
    def territory(self) -> Sequence[RegionId]:
        """The nodes that it serves, each with everything below it."""
        ...

    @property
    def successor(self) -> DepartmentId | None:
        """Who took over when it merged or was dissolved."""
        ...


class ProblemCode(StrEnum):
    """What keeps an answer from being whole; the sentences stand in `kit/problems.toml`."""

    PLACE_UNKNOWN = "responsibility-place-unknown"
    NO_LEAD = "responsibility-no-lead"
    TWO_LEADS = "responsibility-two-leads"
    NO_AGENCY = "responsibility-no-agency"
    TWO_AGENCIES = "responsibility-two-agencies"


@dataclass(frozen=True, slots=True)
class Problem:
    """One gap or overlap with its proof: the lines, the agencies and the rows that it rests on."""

    code: ProblemCode
    lines: tuple[Line, ...] = ()
    departments: tuple[DepartmentId, ...] = ()
    duties: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resolution:
    """The answer with its reason: the rows that decided and the nodes that were looked at."""

    lead: DepartmentId | None
    cooperators: tuple[DepartmentId, ...]
    chain: tuple[RegionId, ...]
    duties: tuple[Duty, ...]
    problems: tuple[Problem, ...]


def resolve(
    duties: Sequence[Duty],
    *,
    stage: Stage,
    chain: Sequence[RegionId],
    on: date,
    agencies: Sequence[AgencyLike],
) -> Resolution:
    """Find the departments of a stage at a place (`chain`: nearest first) on a day.

    A nearer region's row for a line replaces the one above; a lead named nearer replaces the lead
    above, who takes part only if the nearer region says so. `agencies` are all of the lines
    concerned, and their successors.
    """
    rows = _leading(_nearest(_holding(duties, stage, chain, on), chain), chain)
    problems = [] if ROOT in chain else [Problem(ProblemCode.PLACE_UNKNOWN)]
    leads = [row for row in rows if row.role is DutyRole.LEAD]
    if not leads:
        problems.append(Problem(ProblemCode.NO_LEAD))
    if len(leads) > 1:
        problems.append(_problem(ProblemCode.TWO_LEADS, leads))
    found: dict[str, DepartmentId] = {}
    for row in rows:
        here = _agencies_at(row.line, chain, agencies)
        if len(here) == 1:
            found[row.id] = here[0]
            continue
        code = ProblemCode.TWO_AGENCIES if here else ProblemCode.NO_AGENCY
        problems.append(_problem(code, [row], here))
    lead = found.get(leads[0].id) if len(leads) == 1 else None
    helping = (found[row.id] for row in rows if row.role is not DutyRole.LEAD and row.id in found)
    return Resolution(
        lead=lead,
        cooperators=tuple(dict.fromkeys(one for one in helping if one != lead)),
        chain=tuple(chain),
        duties=tuple(rows),
        problems=tuple(problems),
    )


def lines_of(duties: Iterable[Duty], stage: Stage) -> tuple[Line, ...]:
    """Give the lines whose agencies a stage may need, so that they can be loaded."""
    return tuple(sorted({duty.line for duty in duties if duty.stage is stage}))


def _holding(
    duties: Sequence[Duty], stage: Stage, chain: Sequence[RegionId], on: date
) -> list[Duty]:
    """Keep the rows of the stage that hold at the place on the day; national rows hold anywhere."""
    return [
        duty
        for duty in duties
        if duty.stage is stage
        and (duty.region in chain or duty.region == ROOT)
        and (duty.from_ is None or duty.from_ <= on)
        and (duty.to is None or on < duty.to)
    ]


def _nearest(duties: Sequence[Duty], chain: Sequence[RegionId]) -> list[Duty]:
    """Keep for each line the row of the nearest region; there, to lead goes before to cooperate."""
    kept: dict[Line, Duty] = {}
    for duty in sorted(
        duties, key=lambda one: (_depth(one, chain), one.role is not DutyRole.LEAD, one.id)
    ):
        kept.setdefault(duty.line, duty)
    return list(kept.values())


def _leading(duties: Sequence[Duty], chain: Sequence[RegionId]) -> list[Duty]:
    """Drop the leads above the nearest region that names one; leads come first, then by line."""
    nearest = min((_depth(one, chain) for one in duties if one.role is DutyRole.LEAD), default=0)
    kept = (one for one in duties if one.role is not DutyRole.LEAD or _depth(one, chain) == nearest)
    return sorted(kept, key=lambda one: (one.role is not DutyRole.LEAD, one.line))


def _depth(duty: Duty, chain: Sequence[RegionId]) -> int:
    """Say how far above the place a row's region is; the nation is above everything."""
    return chain.index(duty.region) if duty.region in chain else len(chain)


def _agencies_at(
    line: Line, chain: Sequence[RegionId], agencies: Sequence[AgencyLike]
) -> tuple[DepartmentId, ...]:
    """Give the line's agencies nearest above the place, each as what became of it."""
    known = {one.id: one for one in agencies}
    for node in chain:
        here = [one for one in agencies if one.line == line and node in one.territory]
        if here:
            return tuple(sorted({_became(one, known) for one in here}))
    return ()


def _became(agency: AgencyLike, known: dict[DepartmentId, AgencyLike]) -> DepartmentId:
    """Follow successors as far as they are known; a circle ends where it began."""
    seen = {agency.id}
    heir = agency.successor
    last = agency.id
    while heir is not None and heir not in seen:
        seen.add(heir)
        last = heir
        heir = known[heir].successor if heir in known else None
    return last


def _problem(
    code: ProblemCode, rows: Sequence[Duty], departments: tuple[DepartmentId, ...] = ()
) -> Problem:
    return Problem(
        code,
        lines=tuple(row.line for row in rows),
        departments=departments,
        duties=tuple(row.id for row in rows),
    )
