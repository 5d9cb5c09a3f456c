"""Rules of a cap: one at a time for a line, region and item (国办发〔2024〕54号)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from contracts.errors import Conflict, Invalid
from contracts.item_registry import CapPublished, ItemId, Line, NewCap, RegionId
from contracts.says import Decided


@dataclass(frozen=True, slots=True)
class Cap:
    """Inspections a year, in force from its day until (not including) `to`."""

    id: str
    line: Line
    region: RegionId
    item: ItemId | None
    per_year: int
    from_: date
    to: date | None
    basis: str
    version: int = 1


class EndsBeforeItBegins(Invalid):
    """A cap ends after the day on which it begins."""

    code = "cap-ends-before-it-begins"


class Overlaps(Conflict):
    """Two caps for the same line, region and item cannot hold on one day."""

    code = "cap-overlaps"


def publish(id_: str, new: NewCap, others: Sequence[Cap]) -> tuple[Decided[Cap], tuple[Cap, ...]]:
    """Publish a cap; one of the `others` (same line, region, item) in force then ends that day.

    Gives the decision, and what it closes. Refuses: EndsBeforeItBegins, Overlaps.
    """
    if new.to is not None and new.to <= new.from_:
        raise EndsBeforeItBegins(field="to", got=new.to, expected=f"> {new.from_}")
    cap = Cap(id=id_, **dict(new))
    meeting = [one for one in others if _meet(one, cap)]
    later = [one for one in meeting if one.from_ >= cap.from_]
    if later:
        raise Overlaps(cap=later[0].id, day=later[0].from_)
    closed = tuple(replace(one, to=cap.from_, version=one.version + 1) for one in meeting)
    says = tuple(_said(one) for one in (*closed, cap))
    return Decided(cap, says=says), closed


def _meet(one: Cap, other: Cap) -> bool:
    return (one.to is None or one.to > other.from_) and (other.to is None or other.to > one.from_)


def _said(cap: Cap) -> CapPublished:
    return CapPublished(
        cap=cap.id,
        line=cap.line,
        region=cap.region,
        item=cap.item,
        per_year=cap.per_year,
        from_=cap.from_,
        to=cap.to,
        basis=cap.basis,
    )
