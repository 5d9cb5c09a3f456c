"""Planning and merging: all due work at one target in one visit (综合查一次, 国办发〔2024〕54号).

A need is merged into an open visit at its target where both windows share a working day; the
window then shrinks to what is shared, and the day moves only if it must. So no two open visits at
one target ever share a working day: where one visit would do, nobody is visited twice.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from contracts.credit_service import EntityId
from contracts.errors import Conflict
from contracts.item_registry import DepartmentId, ItemId, RegionId
from contracts.joint_inspection import TargetId, VisitId, VisitPlanned
from contracts.says import Decided, Fact
from joint_inspection.frequency.domain import Caps, CapUsedUp, Use
from joint_inspection.visit.domain.caps import seated, uses
from joint_inspection.visit.domain.visits import (
    OPEN,
    Duty,
    LeftOut,
    State,
    Team,
    Visit,
    Window,
    with_teams,
)
from kit.workdays import Calendar

_DAY = timedelta(days=1)
LONGEST_DAYS = 1500  # no window is longer: it keeps a typing error from running for hours


class WindowWithoutWorkingDay(Conflict):
    """No working day is left in the window."""

    code = "visit-window-without-working-day"


class WindowTooLong(Conflict):
    """A window is at most about four years."""

    code = "visit-window-too-long"


class NobodyCanCome(Conflict):
    """No department that should come has two inspectors with valid certificates."""

    code = "visit-nobody-can-come"


class TooFewInspectors(Conflict):
    """A department has fewer inspectors with valid certificates than it must send."""

    code = "visit-too-few-inspectors"


@dataclass(frozen=True, slots=True)
class Need:
    """Work that is due at a target: by whom, for what, in which days."""

    target: TargetId
    subject: EntityId | None
    region: RegionId
    item: ItemId | None
    lead: DepartmentId
    window: Window
    name: str
    address: str
    duties: tuple[Duty, ...]
    teams: tuple[Team, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What planning rests on: today, the place's calendar, and who has used up what."""

    today: date
    calendar: Calendar
    caps: Caps


def first_working_day(window: Window, today: date, calendar: Calendar) -> date | None:
    """Give the first working day of a window from today on, or None."""
    day = max(window.first, today)
    while day <= window.last:
        if calendar.working(day):
            return day
        day += _DAY
    return None


def able(need: Need, certified: Iterable[DepartmentId], *, least: int) -> Need:
    """Leave out the departments that cannot send `least` inspectors (行政处罚法 art. 42).

    `certified` names the department of each inspector with a valid certificate. Refuses:
    NobodyCanCome.
    """
    numbers = Counter(certified)
    kept = tuple(duty for duty in need.duties if numbers[duty.department] >= least)
    out = tuple(
        LeftOut(duty.department, TooFewInspectors.code, duty.origin)
        for duty in need.duties
        if duty not in kept
    )
    if not kept:
        raise NobodyCanCome(departments=sorted({duty.department for duty in need.duties}))
    return replace(need, duties=kept, left_out=need.left_out + out)


def plan(
    need: Need, near: Sequence[Visit], *, id_: VisitId, around: Surroundings
) -> Decided[Visit]:
    """Merge a need into an open visit at its target, or plan one on its first working day.

    `near` are visits at the target. Departments whose cap is used up are left out by name.
    Refuses: WindowTooLong, WindowWithoutWorkingDay, CapUsedUp (nobody is left).
    """
    if (need.window.last - need.window.first).days > LONGEST_DAYS:
        raise WindowTooLong(got=(need.window.last - need.window.first).days, most=LONGEST_DAYS)
    on = first_working_day(need.window, around.today, around.calendar)
    if on is None:
        window = need.window
        raise WindowWithoutWorkingDay(**{"from": window.first, "to": window.last})
    found = _fitting(need, near, around)
    into, on = (None, on) if found is None else (found[0].id, found[2])
    duties, out = seated(need.duties, around.caps, item=need.item, on=on, into=into)
    if not duties:
        raise CapUsedUp(departments=sorted({one.department for one in out}), year=on.year)
    seats = {duty.department for duty in duties}
    teams = tuple(team for team in need.teams if team.department in seats)
    fitted = replace(need, duties=duties, teams=teams, left_out=need.left_out + out)
    planned = _merged(*found, fitted) if found else _new(fitted, id_, on)
    return Decided(planned, says=(announced(planned),))


def plan_drawn(
    need: Need, near: Sequence[Visit], *, id_: VisitId, around: Surroundings
) -> Decided[Visit]:
    """Plan what a draw asks; where nobody may or can come, the target keeps a dropped visit.

    A draw leaves a trace of each drawn target: none is forgotten without its reason.
    """
    try:
        return plan(need, near, id_=id_, around=around)
    except (CapUsedUp, WindowWithoutWorkingDay) as no:
        out = tuple(LeftOut(duty.department, no.code, duty.origin) for duty in need.duties)
        made = _new(replace(need, left_out=need.left_out + out), id_, need.window.first)
        return Decided(replace(made, state=State.DROPPED))


def plan_all(
    needs: Sequence[tuple[Need, VisitId]],
    near: Mapping[TargetId, Sequence[Visit]],
    around: Mapping[tuple[RegionId, EntityId | None], Surroundings],
) -> list[Decided[Visit]]:
    """Plan what a draw asks at many targets, one after the other, each with the id of a new visit.

    An entity may have several targets in one draw: what the first uses of a cap, the next finds.
    """
    planned: list[Decided[Visit]] = []
    used = defaultdict[EntityId, list[Use]](list)
    for need, id_ in needs:
        here = around[need.region, need.subject]
        if need.subject is not None and used[need.subject]:
            here = replace(here, caps=here.caps.after(used[need.subject]))
        decided = plan_drawn(need, near.get(need.target, ()), id_=id_, around=here)
        planned.append(decided)
        if need.subject is not None:
            used[need.subject] += uses(decided.value, here.caps)
    return planned


def announced(visit: Visit) -> Fact:
    """Say what is planned."""
    return VisitPlanned(
        visit=visit.id,
        requests=visit.requests,
        target=visit.target,
        subject=visit.subject,
        region=visit.region,
        item=visit.item,
        codes14=visit.codes14,
        departments=visit.departments,
        on=visit.on,
        kind_=visit.kind,
    )


def _fitting(
    need: Need, near: Sequence[Visit], around: Surroundings
) -> tuple[Visit, Window, date] | None:
    """Find the earliest open visit at the target with a working day in both windows."""
    fits: list[tuple[date, VisitId, Visit, Window]] = []
    for visit in near:
        if visit.target != need.target or visit.state not in OPEN:
            continue
        both = visit.window.within(need.window)
        on = first_working_day(both, around.today, around.calendar)
        if on is None:
            continue
        stays = both.first <= visit.on <= both.last and visit.on >= around.today
        fits.append((visit.on if stays else on, visit.id, visit, both))
    if not fits:
        return None
    on, _, visit, both = min(fits, key=lambda fit: fit[:2])
    return visit, both, on


def _merged(visit: Visit, window: Window, on: date, need: Need) -> Visit:
    """Add duties; what was approved must be approved again, since more is checked."""
    return replace(
        visit,
        state=State.PLANNED,
        subject=visit.subject or need.subject,
        item=visit.item or need.item,
        window=window,
        on=on,
        duties=(*visit.duties, *(duty for duty in need.duties if duty not in visit.duties)),
        teams=with_teams(visit.teams, need.teams),
        left_out=visit.left_out + need.left_out,
        version=visit.version + 1,
    )


def _new(need: Need, id_: VisitId, on: date) -> Visit:
    return Visit(
        id=id_,
        target=need.target,
        subject=need.subject,
        region=need.region,
        item=need.item,
        lead=need.lead,
        state=State.PLANNED,
        on=on,
        window=need.window,
        name=need.name,
        address=need.address,
        duties=need.duties,
        teams=with_teams((), need.teams),
        left_out=need.left_out,
    )
