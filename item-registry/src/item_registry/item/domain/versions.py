"""Rules of an item: a draft is written, published when it is whole, closed by its next version.

    draft ──publish──► published ──(the next version is published)──► closed

A published version never changes; what is new is a draft of the next version.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from contracts.errors import Conflict, Invalid, NeedsVersion, Refusal, Stale
from contracts.item_registry import (
    ChangedItem,
    Duty,
    DutyRole,
    ItemId,
    ItemKind,
    ItemPublished,
    ItemState,
    Line,
    Listed,
    NewDuty,
    NewItem,
    RegionId,
    Stage,
)
from contracts.says import Decided
from item_registry.item.domain.listing import (
    UNLISTED,
    BodyName,
    ListedTwice,
    Listing,
    listing_of,
    relisted,
    title_of,
)


@dataclass(frozen=True, slots=True)
class Item:
    """One version of an item, in force from its day until (not including) `to`."""

    id: ItemId
    version: int
    revision: int
    state: ItemState
    name: str
    kind: ItemKind
    region: RegionId
    codes14: tuple[str, ...]
    basis: str | None
    from_: date | None
    to: date | None
    duties: tuple[Duty, ...]
    listing: Listing = UNLISTED

    @property
    def title(self) -> str:
        """Give the name by which others know it."""
        return title_of(self.name, self.listing)

    @property
    def lacking(self) -> tuple[str, ...]:
        """Say for what it would not be published now: codes of refusals; a draft alone lacks."""
        draft = self.state is ItemState.DRAFT
        return tuple(dict.fromkeys(no.code for no in _lacks(self))) if draft else ()

    @property
    def mark(self) -> str:
        """Say which version and revision this is: the ETag of a draft."""
        return f"{self.version}.{self.revision}"


class ItemExists(Conflict):
    """The id is taken: a known item gets a new version."""

    code = "item-exists"


class NoDraft(Conflict):
    """The item has no draft: a published version never changes."""

    code = "item-no-draft"


class DraftExists(Conflict):
    """The next version is being drafted already."""

    code = "item-draft-exists"


class NothingPublished(Conflict):
    """A next version follows a published one."""

    code = "item-nothing-published"


class DutyTwice(Invalid):
    """A line has one role at a stage (国办发〔2023〕1号, 五)."""

    code = "duty-twice"


class BasisMissing(Conflict):
    """No item is published without its legal basis (国办发〔2023〕1号, 四)."""

    code = "item-basis-missing"


class LeadMissing(Conflict):
    """No item is published without a lead at each of its stages (国办发〔2023〕1号, 四, 五)."""

    code = "item-lead-missing"


class LeadTwice(Conflict):
    """One line leads at a stage (国办发〔2023〕1号, 五)."""

    code = "item-lead-twice"


class OneLineOnly(Conflict):
    """What one line supervises alone is not shared (国办发〔2023〕1号, 四)."""

    code = "item-one-line-only"


class SeveralLines(Conflict):
    """A spot-check item is one line's (国发〔2019〕5号, 随机抽查事项清单)."""

    code = "item-several-lines"


class DayMissing(Conflict):
    """A published version says from which day it holds."""

    code = "item-day-missing"


class DayNotCome(Conflict):
    """A version is published on the day on which it takes effect, or later."""

    code = "item-day-not-come"


class DayBeforeLast(Conflict):
    """A version takes effect after the one that it closes."""

    code = "item-day-before-last"


def draft(
    new: NewItem, names: Collection[BodyName] = (), *, number: str | None = None
) -> Decided[Item]:
    """Begin the first version; refuses DutyTwice.

    `names` tell the line of an inspecting body, `number` is the one that its list gives it.
    """
    return Decided(
        Item(
            id=new.id,
            version=1,
            revision=1,
            state=ItemState.DRAFT,
            name=new.name,
            kind=new.kind,
            region=new.region,
            codes14=new.codes14,
            basis=new.basis,
            from_=new.from_,
            to=None,
            duties=duties_of(new.duties, owner=f"{new.id}_1", region=new.region),
            listing=listing_of(new, names, number=number),
        )
    )


def revise(
    item: Item, change: ChangedItem, *, seen: str | None, names: Collection[BodyName] = ()
) -> Decided[Item]:
    """Change a draft that the caller has seen as it is.

    Refuses: NeedsVersion, NoDraft, Stale, DutyTwice.
    """
    if seen is None:
        raise NeedsVersion(item=item.id)
    if item.state is not ItemState.DRAFT:
        raise NoDraft(item=item.id)
    if seen != item.mark:
        raise Stale(item=item.id, seen=seen, now=item.mark)
    listed = {"duties", *Listed.model_fields}
    given = change.model_dump(exclude=listed, exclude_unset=True, by_alias=False)
    emptied = {name for name, value in given.items() if value is None} - {"basis", "from_"}
    given = {name: value for name, value in given.items() if name not in emptied}
    listing = relisted(item.listing, change, names)
    changed = replace(item, revision=item.revision + 1, listing=listing, **given)
    if change.duties is None:
        moved = (duty.model_copy(update={"region": changed.region}) for duty in item.duties)
        return Decided(replace(changed, duties=tuple(moved)))
    owner = f"{item.id}_{item.version}"
    rows = duties_of(change.duties, owner=owner, region=changed.region)
    return Decided(replace(changed, duties=rows))


def take_in(wanted: Item, before: Item | None) -> Decided[Item]:
    """Make or change the draft that a row of a list asks for; gives `before` where all is said."""
    if before is None:
        return Decided(wanted)
    filled = _filled(wanted, before)
    if _content(filled) == _content(before):
        return Decided(before)
    version, revision, since = before.version, before.revision + 1, filled.from_
    last = None
    if before.state is not ItemState.DRAFT:
        version, revision, since = before.version + 1, 1, wanted.from_
        last = before.from_
    owner = f"{wanted.id}_{version}"
    duties = _of_version(filled.duties, owner=owner, last=last)
    return Decided(replace(filled, version=version, revision=revision, from_=since, duties=duties))


def _filled(wanted: Item, before: Item) -> Item:
    """Keep what a row leaves out as it stands: most of it a person added for publishing.

    Its rows of the matrix stay, with their bases and days, where the row tells none or the same.
    """
    told = wanted.duties and _said(wanted.duties) != _said(before.duties)
    moved = (duty.model_copy(update={"region": wanted.region}) for duty in before.duties)
    return replace(
        wanted,
        codes14=wanted.codes14 or before.codes14,
        basis=wanted.basis or before.basis,
        from_=wanted.from_ or before.from_,
        duties=wanted.duties if told else tuple(moved),
    )


def once(item: Item, before: Item | None, listed: Collection[ItemId]) -> None:
    """Check that a list does not say two things of one item; refuses ListedTwice."""
    if item != before and item.id in listed:
        raise ListedTwice(field="name", got=item.title, expected="1")


def next_version(newest: Item) -> Decided[Item]:
    """Begin the next version as a copy of the published one, without its day.

    Refuses: DraftExists, NothingPublished.
    """
    match newest.state:
        case ItemState.DRAFT:
            raise DraftExists(item=newest.id, version=newest.version)
        case ItemState.CLOSED:
            raise NothingPublished(item=newest.id)
        case ItemState.PUBLISHED:
            pass
    version = newest.version + 1
    duties = _of_version(newest.duties, owner=f"{newest.id}_{version}", last=newest.from_)
    return Decided(
        replace(
            newest,
            version=version,
            revision=1,
            state=ItemState.DRAFT,
            from_=None,
            to=None,
            duties=duties,
        )
    )


def publish(item: Item, before: Item | None, *, on: date) -> Decided[Item]:
    """Put a draft in force from its day (国办发〔2023〕1号, 四, 五).

    Refuses: NoDraft, BasisMissing, DayMissing, DayNotCome, DayBeforeLast, LeadMissing, LeadTwice,
    OneLineOnly, SeveralLines.
    """
    if item.state is not ItemState.DRAFT:
        raise NoDraft(item=item.id)
    for no in _lacks(item):
        raise no
    since = _day(item, before, on)
    duties = tuple(
        duty.model_copy(update={"basis": duty.basis or item.basis, "from_": duty.from_ or since})
        for duty in item.duties
    )
    published = replace(item, state=ItemState.PUBLISHED, duties=duties)
    said = ItemPublished(
        item=item.id,
        item_version=item.version,
        name=item.title,
        kind_=item.kind,
        codes14=item.codes14,
        from_=since,
        duties=duties,
    )
    return Decided(published, says=(said,))


def close(before: Item, by: Item) -> Item:
    """End a version on the day on which the next takes effect."""
    return replace(before, state=ItemState.CLOSED, to=by.from_)


def duties_of(rows: Sequence[NewDuty], *, owner: str, region: RegionId) -> tuple[Duty, ...]:
    """Make the rows of the matrix that hold in a region; refuses DutyTwice.

    A row without a basis of its own waits for the item's, which it gets when it is published.
    """
    seen: set[tuple[Stage, Line]] = set()
    for row in rows:
        if (row.stage, row.line) in seen:
            raise DutyTwice(field="duties", got=f"{row.stage}, {row.line}", expected="1")
        seen.add((row.stage, row.line))
    return tuple(
        Duty(
            id=_duty_id(owner, row.stage, row.line),
            stage=row.stage,
            region=region,
            line=row.line,
            role=row.role,
            basis=row.basis or "",
            from_=row.from_,
            to=row.to,
        )
        for row in rows
    )


def _of_version(duties: Iterable[Duty], *, owner: str, last: date | None) -> tuple[Duty, ...]:
    """Copy duties; the day of one stays only where it is not that of the `last` version itself."""
    return tuple(
        duty.model_copy(
            update={
                "id": _duty_id(owner, duty.stage, duty.line),
                "from_": None if duty.from_ == last else duty.from_,
            }
        )
        for duty in duties
    )


def _duty_id(owner: str, stage: Stage, line: Line) -> str:
    return f"{owner}_{stage}_{line}"


def _day(item: Item, before: Item | None, on: date) -> date:
    if item.from_ is None:
        raise DayMissing(item=item.id)
    if item.from_ > on:
        raise DayNotCome(item=item.id, day=item.from_, today=on)
    if before is not None and before.from_ is not None and item.from_ <= before.from_:
        raise DayBeforeLast(item=item.id, day=item.from_, last=before.from_)
    return item.from_


def _lacks(item: Item) -> Iterable[Refusal]:
    """Give what stands in the way of publishing, whatever the day, the first thing first."""
    leads = [duty for duty in item.duties if duty.role is DutyRole.LEAD]
    led = [duty.stage for duty in leads]
    lines = {duty.line for duty in item.duties}
    missing = {duty.stage for duty in item.duties} - set(led)
    twice = sorted({stage for stage in led if led.count(stage) > 1})
    if item.basis is None:
        yield BasisMissing(item=item.id)
    if item.from_ is None:
        yield DayMissing(item=item.id)
    if missing or not leads:
        yield LeadMissing(item=item.id, stages=sorted(missing))
    if twice:
        yield LeadTwice(item=item.id, stages=twice)
    if item.kind is ItemKind.SHARED and len(lines) == 1:
        yield OneLineOnly(item=item.id, lines=sorted(lines))
    if item.kind is ItemKind.SPOT_CHECK and len(lines) > 1:
        yield SeveralLines(item=item.id, lines=sorted(lines))


def _content(item: Item) -> tuple[object, ...]:
    """Give what a list says of an item, whether drafted or published."""
    head = (item.name, item.kind, item.region, item.codes14, item.basis, item.from_)
    return (*head, _said(item.duties), item.listing)


def _said(duties: Iterable[Duty]) -> frozenset[tuple[object, ...]]:
    return frozenset((duty.stage, duty.line, duty.role) for duty in duties)
