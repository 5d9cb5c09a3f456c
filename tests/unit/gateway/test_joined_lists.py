"""Lists joined from several services."""

import base64
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import Invalid
from gateway.compose.domain.walks import Leaf, Walk, begin, by_time, cursor_of, step, walk_of

Lists = Mapping[str, list[int]]
SERVICES = ("a", "b", "c")


def page(rows: list[int], cursor: str | None, size: int) -> Leaf:
    """Answer as a service does: rows after the cursor, and a cursor if there are more."""
    start = int(cursor) if cursor else 0
    more = start + size < len(rows)
    items = tuple({"n": row} for row in rows[start : start + size])
    return Leaf(items, str(start + size) if more else None)


def read(lists: Lists, *, limit: int, size: int) -> list[int]:
    walk: Walk | None = begin(lists, size)
    found: list[int] = []
    while walk is not None:
        walk = walk_of(cursor_of(walk), lists)
        leaves = {s: page(lists[s], place.cursor, walk.size) for s, place in walk.places.items()}
        items, walk = step(walk, leaves, limit, lambda row: row["n"])
        assert len(items) <= limit
        assert items or walk is None
        found += [int(item["n"]) for item in items]
    return found


@given(
    lists=st.fixed_dictionaries(
        {service: st.lists(st.integers(0, 50), max_size=20).map(sorted) for service in SERVICES}
    ),
    limit=st.integers(1, 7),
    size=st.integers(1, 7),
)
def test_walking_gives_every_row_once_and_in_order(lists: Lists, limit: int, size: int) -> None:
    expected = sorted(row for rows in lists.values() for row in rows)
    assert read(lists, limit=limit, size=size) == expected


def test_who_does_not_answer_keeps_its_place() -> None:
    walk = begin(("a", "b"), 2)
    items, rest = step(walk, {"a": page([1, 3, 5], None, 2)}, 2, lambda row: row["n"])
    assert [item["n"] for item in items] == [1, 3]
    assert rest is not None
    assert rest.places["b"] == walk.places["b"]


def test_the_walk_ends_when_only_silent_services_are_left() -> None:
    items, rest = step(begin(("a", "b"), 2), {"a": page([1], None, 2)}, 2, lambda row: row["n"])
    assert [item["n"] for item in items] == [1]
    assert rest is None


@pytest.mark.parametrize(
    "cursor",
    [
        *("", "x", "W10", "WzEse31d", "WzAseyJhIjpbbnVsbCwwXX1d"),
        base64.urlsafe_b64encode(b'[1e999,{"a":[null,0]}]').decode(),
        base64.urlsafe_b64encode(b"[" * 20_000).decode(),
    ],
    ids=range(7),
)
def test_a_cursor_that_was_not_made_here_is_refused(cursor: str) -> None:
    with pytest.raises(Invalid):
        walk_of(cursor, SERVICES)


def test_a_cursor_naming_a_stranger_is_refused() -> None:
    with pytest.raises(Invalid):
        walk_of(cursor_of(begin(("stranger",), 5)), SERVICES)


def test_moments_are_compared_as_moments_whatever_their_form() -> None:
    row: dict[str, Any] = {"envelope": {"time": "2026-03-03T00:00:00Z"}}
    later: dict[str, Any] = {"envelope": {"time": "2026-03-03T08:00:00.5+08:00"}}
    order = by_time("envelope.time")
    assert order(row) < order(later)
