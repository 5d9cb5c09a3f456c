"""What a plan and its lists must be before they are frozen: refused, never clipped (heli-draw-1).

This first form draws jointly, with SHA-256, without beacon, stand-ins, cycles and redraws; each
of these is refused by its name.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain, pairwise

from contracts.errors import Invalid
from joint_inspection.draw.domain import lists
from joint_inspection.draw.domain.handles import (
    Digest,
    Handle,
    digest,
    well_formed_digest,
    well_formed_id,
)
from joint_inspection.draw.domain.plan import SHA_256, Allocation, Department, Mode, Plan

PARTIES_LEAST = 2  # of the protocol itself: one party alone could choose the seed
SEATS_MOST = 100  # far above any lawful visit: it keeps a typing error from running for hours


class NotInThisForm(Invalid):
    """A part of heli-draw-1 that this first form does not carry out: fact `part` names it."""

    code = "draw-part-not-offered"


class ListMissing(Invalid):
    """The plan names a list that is not there, or another text stands under its digest."""

    code = "draw-list-missing"


class NumberOutOfRange(Invalid):
    """Seats and n are at least 1, a reserve at least 0."""

    code = "draw-number-out-of-range"


class PlanNotAscending(Invalid):
    """Departments, strata and parties ascend strictly, so that a plan has one form."""

    code = "draw-plan-not-ascending"


class TooFewTargets(Invalid):
    """n and reserve together are more than the targets listed: refused, never clipped."""

    code = "draw-too-few-targets"


class OneDepartmentDraws(Invalid):
    """In a joint draw exactly one department, the initiating one, draws targets."""

    code = "draw-one-department-draws"


class PoolNotCovered(Invalid):
    """For the department that draws, each pool handle stands once: allocated or left out."""

    code = "draw-pool-not-covered"


class OutsideThePool(Invalid):
    """A department joins or leaves out a target that is not in the pool."""

    code = "draw-outside-the-pool"


class PartiesTooFew(Invalid):
    """A draw has two parties at least."""

    code = "draw-parties-too-few"


class PartiesOfOneOrgan(Invalid):
    """Each party is another organ: a department 机关 is a party once."""

    code = "draw-parties-of-one-organ"


class NobodyDisinterested(Invalid):
    """One party at least is a department that neither draws nor joins."""

    code = "draw-nobody-disinterested"


def check(plan: Plan, texts: Mapping[Digest, str]) -> None:
    """Let a plan pass that may be frozen with these lists; refuses whatever is named above."""
    _first_form(plan)
    _ids(plan)
    _ascending("department", [each.department for each in plan.departments])
    _parties(plan)
    _one_draws(plan.departments)
    pool = lists.read_handles(_text(texts, plan.pool, name="pool"), name="pool")
    for department in plan.departments:
        _department(department, plan, pool, texts)
    lists.read_recused(_text(texts, plan.recused, name="recused"), name="recused")


def _first_form(plan: Plan) -> None:
    if plan.mode is not Mode.JOINT:
        raise NotInThisForm(part="mode", got=plan.mode)
    if plan.hash != SHA_256:
        raise NotInThisForm(part="hash", got=plan.hash)
    if plan.beacon is not None:
        raise NotInThisForm(part="beacon", got=plan.beacon.source)
    if plan.stand_ins:
        raise NotInThisForm(part="stand_ins", got=plan.stand_ins)


def _ids(plan: Plan) -> None:
    for field in ("series", "draw", "directory"):
        well_formed_id(getattr(plan, field), field=field)
    for field in ("pool", "pool_key", "recused"):
        well_formed_digest(getattr(plan, field), field=field)
    if plan.previous is not None:
        well_formed_digest(plan.previous, field="previous")
    for party in plan.parties:
        well_formed_id(party, field="party")
    for department in plan.departments:
        well_formed_id(department.department, field="department")
        well_formed_id(department.qualification, field="qualification")
        for allocation in department.allocations:
            well_formed_id(allocation.stratum, field="stratum")


def _parties(plan: Plan) -> None:
    if len(plan.parties) < PARTIES_LEAST:
        raise PartiesTooFew(got=plan.parties)
    twice = sorted(party for party, times in Counter(plan.parties).items() if times > 1)
    if twice:
        raise PartiesOfOneOrgan(party=twice[0])
    _ascending("party", plan.parties)
    concerned = {
        each.department for each in plan.departments if each.allocations or each.joins is not None
    }
    if concerned.issuperset(plan.parties):
        raise NobodyDisinterested(parties=plan.parties)


def _one_draws(departments: Sequence[Department]) -> None:
    drawing = [each.department for each in departments if each.allocations]
    if len(drawing) != 1:
        raise OneDepartmentDraws(got=drawing)


def _department(
    department: Department,
    plan: Plan,
    pool: Sequence[Handle],
    texts: Mapping[Digest, str],
) -> None:
    who = department.department
    _number(department.seats, least=1, most=SEATS_MOST, field=f"seats of {who}")
    name = f"inspectors of {who}"
    lists.read_inspectors(_text(texts, department.inspectors, name=name), name=name)
    name = f"left out by {who}"
    left_out = lists.read_left_out(_text(texts, department.left_out, name=name), name=name)
    joins: Sequence[Handle] = ()
    # Who joins the whole pool names the pool's own list, which has been read.
    if department.joins is not None and department.joins != plan.pool:
        name = f"joins of {who}"
        joins = lists.read_handles(_text(texts, department.joins, name=name), name=name)
    _inside(chain(joins, left_out), pool, department=who)
    if department.allocations:
        _ascending("stratum", [each.stratum for each in department.allocations])
        allocated = [_allocated(who, each, texts) for each in department.allocations]
        _covers(pool, [*allocated, left_out], department=who)


def _allocated(who: str, allocation: Allocation, texts: Mapping[Digest, str]) -> Collection[Handle]:
    name = f"stratum {allocation.stratum} of {who}"
    _number(allocation.n, least=1, field=f"n of {name}")
    _number(allocation.reserve, least=0, field=f"reserve of {name}")
    listed = lists.read_weighted(_text(texts, allocation.list, name=name), name=name)
    if allocation.n + allocation.reserve > len(listed):
        raise TooFewTargets(
            department=who,
            stratum=allocation.stratum,
            n=allocation.n,
            reserve=allocation.reserve,
            listed=len(listed),
        )
    return listed.handles


def _covers(
    pool: Sequence[Handle], parts: Iterable[Collection[Handle]], *, department: str
) -> None:
    together = sorted(chain.from_iterable(parts))
    if together == pool:
        return
    outside = set(together).difference(pool)
    if outside:
        raise OutsideThePool(department=department, handle=min(outside))
    times = Counter(together)
    handle = next(handle for handle in pool if times[handle] != 1)
    raise PoolNotCovered(department=department, handle=handle, times=times[handle])


def _inside(handles: Iterable[Handle], pool: Sequence[Handle], *, department: str) -> None:
    some = set(handles)
    outside = some.difference(pool) if some else some
    if outside:
        raise OutsideThePool(department=department, handle=min(outside))


def _number(value: int, *, least: int, most: int | None = None, field: str) -> None:
    if value < least or (most is not None and value > most):
        raise NumberOutOfRange(field=field, got=value, least=least)


def _ascending(kind: str, values: Sequence[str]) -> None:
    for before, after in pairwise(values):
        if before >= after:
            raise PlanNotAscending(kind=kind, before=before, after=after)


def _text(texts: Mapping[Digest, str], wanted: Digest, *, name: str) -> str:
    text = texts.get(wanted)
    if text is None or digest(text) != wanted:
        raise ListMissing(list=name, digest=wanted)
    return text
