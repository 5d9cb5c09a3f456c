"""Who finds a seat: a department whose yearly cap is used up loses its own, the others still come.

The cap itself is a rule of frequencies 检查频次 (国办发〔2024〕54号).
"""

from collections.abc import Iterable
from datetime import date

from contracts.item_registry import ItemId
from contracts.joint_inspection import VisitId
from joint_inspection.frequency.domain import Attended, Caps, CapUsedUp, Use
from joint_inspection.visit.domain.visits import Duty, LeftOut, State, Visit


def seated(
    duties: Iterable[Duty], caps: Caps, *, item: ItemId | None, on: date, into: VisitId | None
) -> tuple[tuple[Duty, ...], tuple[LeftOut, ...]]:
    """Part duties into those that find a seat and the departments that lose theirs."""
    kept: list[Duty] = []
    out: list[LeftOut] = []
    for duty in duties:
        if caps.full(duty.department, duty.purpose, item=item, on=on, into=into):
            out.append(LeftOut(duty.department, CapUsedUp.code, duty.origin))
        else:
            kept.append(duty)
    return tuple(kept), tuple(out)


def attended(visit: Visit) -> list[Attended]:
    """Say who attends a visit and for what; caps count by entity, and nothing that is dropped."""
    if visit.state is State.DROPPED or visit.subject is None:
        return []
    return [
        Attended(
            visit=visit.id,
            department=department,
            purpose=purpose,
            subject=visit.subject,
            region=visit.region,
            item=visit.item,
            year=visit.on.year,
        )
        for department, purpose in sorted({(d.department, d.purpose) for d in visit.duties})
    ]


def uses(visit: Visit, caps: Caps) -> list[Use]:
    """Say what a visit uses of its entity's caps."""
    return [
        Use(one.visit, one.department, one.year)
        for one in attended(visit)
        if one.purpose not in caps.outside
    ]
