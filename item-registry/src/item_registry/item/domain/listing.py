"""What an official list 随机抽查事项清单 says of an item: its words, its id, who inspects.

The words stand as they were sent (国发〔2019〕5号); numbers and lines are read from them beside.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from contracts.errors import Invalid
from contracts.item_registry import (
    ChangedItem,
    DutyRole,
    InspectingBody,
    ItemId,
    ItemKind,
    ItemRow,
    Line,
    Listed,
    NewDuty,
    NewItem,
    Sampling,
    Stage,
    UnreadCode,
)
from item_registry.item.domain.sampling import read
from kit.codes import normalise


@dataclass(frozen=True, slots=True)
class BodyName:
    """Words by which a list names the agencies of some lines (dictionary data with its basis)."""

    words: tuple[str, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """What a list says of an item; all of it may be left out."""

    number: str | None = None
    subitem: str | None = None
    inspecting_body: InspectingBody | None = None
    target: str | None = None
    ratio: Sampling | None = None
    frequency: Sampling | None = None
    method: str | None = None
    staff_requirement: str | None = None
    remark: str | None = None


UNLISTED: Final = Listing()


class RowIncomplete(Invalid):
    """A shared item is named by its id and has a lead (国办发〔2023〕1号, 五)."""

    code = "item-row-incomplete"


class ListedTwice(Invalid):
    """Two rows of one list name the same item and sub-item and say different things of it."""

    code = "item-listed-twice"


def id_of(row: ItemRow) -> ItemId:
    """Give the id of a row's item: its own, or one that follows from region, name and sub-item.

    So the same row lands on the same item whatever its number, and a corrected one corrects it.
    """
    if row.id is not None:
        return row.id
    named = (row.region, row.name, row.subitem or "")
    plain = ("".join(normalise(one).split()) for one in named)
    return ItemId(f"spot-{sha256(chr(0).join(plain).encode()).hexdigest()[:16]}")


def item_of(row: ItemRow, names: Collection[BodyName]) -> NewItem:
    """Spell out a row: the lead leads and the others cooperate at each stage.

    Where the row names no lead, the line that the words of the inspecting body tell leads the spot
    check, for these words speak of nothing else. Refuses: RowIncomplete.
    """
    if row.kind is ItemKind.SHARED:
        for field in ("id", "lead"):
            if getattr(row, field) is None:
                raise RowIncomplete(field=field, got=None, expected=f"{field} ≠ null")
    body = body_of(row.inspecting_body, names)
    told = body.line if body else None
    lead = row.lead or told
    stages = row.stages or ((Stage.SPOT_CHECK,) if row.lead is None else tuple(Stage))
    roles = dict.fromkeys(row.cooperating, DutyRole.COOPERATE)
    if lead is not None:
        roles |= {lead: DutyRole.LEAD}
    return NewItem(
        **{name: getattr(row, name) for name in Listed.model_fields},
        id=id_of(row),
        name=row.name,
        kind=row.kind,
        region=row.region,
        codes14=row.codes14,
        basis=row.basis,
        from_=row.from_,
        duties=tuple(
            NewDuty(stage=stage, line=line, role=role)
            for stage in dict.fromkeys(stages)
            for line, role in roles.items()
        ),
    )


def listing_of(said: Listed, names: Collection[BodyName], *, number: str | None = None) -> Listing:
    """Read what a list says."""
    return Listing(
        number=number,
        subitem=said.subitem,
        inspecting_body=body_of(said.inspecting_body, names),
        target=said.target,
        ratio=read(said.ratio) if said.ratio else None,
        frequency=read(said.frequency) if said.frequency else None,
        method=said.method,
        staff_requirement=said.staff_requirement,
        remark=said.remark,
    )


def relisted(before: Listing, change: ChangedItem, names: Collection[BodyName]) -> Listing:
    """Change what was said; a field left out stays, an empty one is taken away."""
    given = change.model_fields_set
    now = listing_of(change, names)
    fields = [name for name in Listed.model_fields if name in given]
    return replace(before, **{name: getattr(now, name) for name in fields})


def body_of(text: str | None, names: Collection[BodyName]) -> InspectingBody | None:
    """Tell the line of an inspecting body from its words, where they name one and no other."""
    if text is None:
        return None
    found = [name for name in names if any(word in text for word in name.words)]
    lines = tuple(dict.fromkeys(line for name in found for line in name.lines))
    if len(lines) == 1:
        return InspectingBody(text=text, line=lines[0], lines=lines)
    flag = UnreadCode.BODY_SEVERAL_LINES if lines else UnreadCode.BODY_UNKNOWN
    return InspectingBody(text=text, lines=lines, flag=flag)


def title_of(name: str, listing: Listing) -> str:
    """Name an item so that no other of its list is called the same."""
    return name if listing.subitem is None else f"{name}：{listing.subitem}"
