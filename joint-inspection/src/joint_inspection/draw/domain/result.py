"""What a draw yields, from plan, lists and seed alone, and the file that anybody can check."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from contracts.item_registry import DepartmentId
from joint_inspection.draw.domain import lists
from joint_inspection.draw.domain.handles import Digest, Handle, digest
from joint_inspection.draw.domain.inspectors import EmptySeat, Staff, Team, qualified, seat
from joint_inspection.draw.domain.parties import Commitment, Reveal
from joint_inspection.draw.domain.plan import Department, Plan, instant, written
from joint_inspection.draw.domain.sampling import in_key_order, sample


@dataclass(frozen=True, slots=True)
class Drawn:
    """The targets of one allocation, taken and in reserve, each in the order drawn."""

    department: DepartmentId
    stratum: str
    taken: tuple[Handle, ...]
    reserve: tuple[Handle, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """Targets by department and stratum, teams by department and visit, seats left empty."""

    allocations: tuple[Drawn, ...]
    inspectors: tuple[Team, ...]
    empty: tuple[EmptySeat, ...]


def carry_out(plan: Plan, texts: Mapping[Digest, str], seed: bytes) -> Result:
    """Draw targets, then inspectors; the same for everybody who has plan, lists and seed."""
    allocations = tuple(
        drawn for department in plan.departments for drawn in _drawn(department, texts, seed)
    )
    taken = frozenset(target for each in allocations for target in each.taken)
    # Who joins the whole pool comes to every drawn target.
    joined = {plan.pool: taken}
    for each in plan.departments:
        if each.joins is not None and each.joins not in joined:
            listed = lists.read_handles(texts[each.joins], name="joins")
            joined[each.joins] = taken.intersection(listed)
    staffs = [
        _staff(each, _visits(each, allocations, joined), texts, seed) for each in plan.departments
    ]
    recused = lists.read_recused(texts[plan.recused], name="recused")
    teams, empty = seat(staffs, recused=recused, seed=seed)
    return Result(allocations, teams, empty)


def result_to_bytes(result: Result) -> bytes:
    """Write the bytes that the result's digest is over (RFC 8785)."""
    return written(asdict(result))


def result_digest(result: Result) -> Digest:
    """H over the result's bytes."""
    return digest(result_to_bytes(result))


def file_to_bytes(
    plan: bytes,
    texts: Mapping[Digest, str],
    *,
    commitments: Iterable[Commitment],
    reveals: Iterable[Reveal],
    result: bytes | None,
) -> bytes:
    """Write the file of a draw as far as it has come; from the freeze on it is public."""
    parts = {
        "beacon": b"null",
        "commitments": written(
            [_entry(each.party, digest=each.digest, at=instant(each.at)) for each in commitments]
        ),
        "lists": written(dict(texts)),
        "plan": plan,
        "result": result or b"null",
        "reveals": written(
            [_entry(each.party, salt=each.salt.hex(), secret=each.secret.hex()) for each in reveals]
        ),
    }
    body = b",".join(b'"%s":%s' % (name.encode(), value) for name, value in parts.items())
    return b"{" + body + b"}"


def _entry(party: DepartmentId, **cells: str) -> Mapping[str, str]:
    return {"party": party, **cells}


def _drawn(department: Department, texts: Mapping[Digest, str], seed: bytes) -> Iterable[Drawn]:
    for allocation in department.allocations:
        listed = lists.read_weighted(texts[allocation.list], name=allocation.stratum)
        drawn = sample(listed, n=allocation.n, reserve=allocation.reserve, seed=seed)
        yield Drawn(department.department, allocation.stratum, drawn.taken, drawn.reserve)


def _visits(
    department: Department,
    allocations: Iterable[Drawn],
    joined: Mapping[Digest, frozenset[Handle]],
) -> set[Handle]:
    """One department's visits: what it drew itself, and the drawn targets that it joins."""
    own = (one.taken for one in allocations if one.department == department.department)
    visits = {target for taken in own for target in taken}
    return visits if department.joins is None else visits | joined[department.joins]


def _staff(
    department: Department, visits: Iterable[Handle], texts: Mapping[Digest, str], seed: bytes
) -> Staff:
    listed = lists.read_inspectors(texts[department.inspectors], name="inspectors")
    return Staff(
        department.department,
        department.seats,
        qualified(listed, department.qualification),
        in_key_order(seed, visits),
    )
