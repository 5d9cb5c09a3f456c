"""Joined lists: pages of several services merged by time, and the place where the next begins.

Every service has its own cursor, of which only it knows the meaning; a place is that cursor and how
many rows of its page were already given. Rows are only ever added, so a page read again starts
with the same rows.
"""

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts.errors import Invalid

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where one service's list goes on: after its cursor, then `skip` rows further."""

    cursor: str | None = None
    skip: int = 0


@dataclass(frozen=True, slots=True)
class Walk:
    """A walk through several lists: the places of those that have more, and the page size."""

    size: int
    places: Mapping[str, Place]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One page of one service."""

    items: tuple[Row, ...]
    next: str | None


def begin(services: Iterable[str], size: int) -> Walk:
    """Start at the beginning of every list."""
    return Walk(size, {service: Place() for service in services})


def step(
    walk: Walk, leaves: Mapping[str, Leaf], limit: int, key: Callable[[Row], Any]
) -> tuple[list[Row], Walk | None]:
    """Merge the pages at a walk's places: at most `limit` rows in order, and where it goes on.

    A service without a page did not answer and keeps its place; when only such are left, the walk
    ends. It also stops where a list's page is used up, for its next rows may come first.
    """
    at = {service: walk.places[service].skip for service in leaves}
    given: list[Row] = []
    while len(given) < limit:
        heads = {s: leaf.items[at[s]] for s, leaf in leaves.items() if at[s] < len(leaf.items)}
        waiting = any(leaf.next is not None and s not in heads for s, leaf in leaves.items())
        if waiting or not heads:
            break
        first = min(heads, key=lambda s: (key(heads[s]), s))
        given.append(heads[first])
        at[first] += 1
    places = {service: _after(walk, service, leaf, at[service]) for service, leaf in leaves.items()}
    going = {service: place for service, place in places.items() if place is not None}
    if not going:
        return given, None
    silent = {s: place for s, place in walk.places.items() if s not in leaves}
    return given, Walk(walk.size, going | silent)


def _after(walk: Walk, service: str, leaf: Leaf, used: int) -> Place | None:
    if used < len(leaf.items):
        return Place(walk.places[service].cursor, used)
    return None if leaf.next is None else Place(leaf.next)


def by_time(field: str) -> Callable[[Row], datetime]:
    """Order rows by a moment in them; `a.b` is `b` in `a`."""

    def moment(row: Row) -> datetime:
        value: Any = row
        for name in field.split("."):
            value = value[name]
        return datetime.fromisoformat(value)

    return moment


def cursor_of(walk: Walk) -> str:
    """Write a walk as one opaque cursor."""
    places = {service: [place.cursor, place.skip] for service, place in walk.places.items()}
    text = json.dumps([walk.size, places], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def walk_of(cursor: str, services: Iterable[str]) -> Walk:
    """Read a cursor that was made here; refuses any other."""
    try:
        size, places = json.loads(base64.urlsafe_b64decode(cursor.encode() + b"=="))
        found = {str(s): Place(_text(after), int(skip)) for s, (after, skip) in places.items()}
        walk = Walk(int(size), found)
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as no:
        raise _unreadable(cursor) from no
    if not found.keys() <= set(services) or not walk.size > 0 or min(_skips(walk)) < 0:
        raise _unreadable(cursor)
    return walk


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _skips(walk: Walk) -> list[int]:
    return [place.skip for place in walk.places.values()] or [-1]


def _unreadable(cursor: str) -> Invalid:
    return Invalid(field="cursor", got=cursor[:80], expected="`next` of this list")
