"""Rules of a region's responsibilities: they hold within it and below the item's own region."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from contracts.errors import Invalid
from contracts.item_registry import ROOT, Duty, ItemId, RegionId, ResponsibilityChanged
from contracts.says import Decided

_LONGEST: Final = 64
_DIGEST: Final = 32


@dataclass(frozen=True, slots=True)
class Responsibility:
    """What a region adds to or overrides in an item's duties; `version` counts its changes."""

    id: str
    item: ItemId
    region: RegionId
    duties: tuple[Duty, ...]
    version: int


class NotBelowItem(Invalid):
    """A place overrides within its own region only, below the item's (国办发〔2023〕1号, 五)."""

    code = "responsibility-not-below-item"


def id_of(item: ItemId, region: RegionId) -> str:
    """Name what stands for an item in a region: `<item>_<region>`.

    Where an underscore of their own (or the length) would let two pairs share a name, a digest.
    """
    plain = f"{item}_{region}"
    if plain.count("_") == 1 and len(plain) <= _LONGEST:
        return plain
    return f"r-{sha256(f'{item} {region}'.encode()).hexdigest()[:_DIGEST]}"


def declare(
    before: Responsibility | None,
    duties: tuple[Duty, ...],
    *,
    item: ItemId,
    held_in: RegionId,
    chain: Sequence[RegionId],
) -> Decided[Responsibility]:
    """Say what a region (the first of `chain`) adds or overrides; it replaces what stood.

    `held_in` is the region of the item itself, whose own duties come with its versions.
    Refuses: NotBelowItem.
    """
    region = chain[0]
    if region == held_in or held_in not in (*chain, ROOT):
        raise NotBelowItem(field="region", got=region, expected=f"< {held_in}")
    id_ = id_of(item, region)
    if before is not None and before.duties == duties:
        return Decided(before)
    version = 1 if before is None else before.version + 1
    said = ResponsibilityChanged(id=id_, item=item, region=region, duties=duties)
    return Decided(Responsibility(id_, item, region, duties, version), says=(said,))
