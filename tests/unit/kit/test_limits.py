"""What a request may weigh, before anything parses it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from contracts.errors import TooLarge
from kit.limits import (
    JSON_DEPTH,
    JSON_KEYS,
    BodyIncomplete,
    BodyNotUtf8,
    JsonTooDeep,
    JsonTooManyKeys,
    check_json,
    counted,
    is_bulk,
)

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=20,
)


def depth(value: object) -> int:
    inner = (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    )
    return 0 if inner is None else 1 + max((depth(one) for one in inner), default=0)


@given(PLAIN)
def test_depth_is_counted_as_a_parser_would_whatever_stands_in_strings(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False).encode()
    if depth(value) <= JSON_DEPTH:
        check_json(text)
    for more in (0, 1):
        outer = JSON_DEPTH - depth(value) + more
        nested = b"[" * outer + text + b"]" * outer
        if more:
            with pytest.raises(JsonTooDeep):
                check_json(nested)
        else:
            check_json(nested)


def test_brackets_and_colons_inside_a_string_do_not_count() -> None:
    check_json(json.dumps({"text": "[{:" * 50_000 + '"\\'}).encode())


def test_ten_thousand_levels_and_too_many_keys_are_refused_by_name() -> None:
    with pytest.raises(JsonTooDeep):
        check_json(b"[" * 10_000 + b"]" * 10_000)
    with pytest.raises(JsonTooManyKeys) as no:
        check_json(json.dumps({str(n): 1 for n in range(JSON_KEYS + 1)}).encode())
    assert no.value.facts["got"] == JSON_KEYS + 1
    check_json(json.dumps({str(n): 1 for n in range(JSON_KEYS)}).encode())


def test_a_text_that_opens_many_strings_is_looked_at_once() -> None:
    check_json(b'"\\' * 300_000)
    check_json(b'{"a' * 20 + b'"\\"' * 300_000)


@pytest.mark.parametrize(
    "wrong",
    [b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xed\xa0\x80", b"\xff", b"\xe4\xb8"],
)
def test_overlong_forms_and_halves_of_characters_are_no_utf8(wrong: bytes) -> None:
    with pytest.raises(BodyNotUtf8) as no:
        check_json(b'{"name": "' + wrong + b'"}')
    assert no.value.facts["position"] == 11


@pytest.mark.parametrize(
    ("method", "path", "bulk"),
    [
        ("POST", "/warning-models:import", True),
        ("PATCH", "/items:import", False),
        ("POST", "/items/x:import", False),
        ("PATCH", "/items/x:import", False),
        ("POST", "/items:import/x", False),
    ],
)
def test_only_a_collection_that_is_posted_to_takes_a_file(
    method: str, path: str, *, bulk: bool
) -> None:
    assert is_bulk(method, path) is bulk


def coming(*parts: bytes, ends: bool = True) -> list[Message]:
    messages: list[Message] = [
        {"type": "http.request", "body": part, "more_body": True} for part in parts
    ]
    end = {"type": "http.request", "body": b""} if ends else {"type": "http.disconnect"}
    return [*messages, end]


async def read(messages: list[Message], expected: int | None, limit: int) -> int:
    waiting = iter(messages)

    async def receive() -> Message:
        return next(waiting)

    got = 0
    inner = counted(receive, expected, limit)
    while True:
        message = await inner()
        got += len(message.get("body", b""))
        if not message.get("more_body"):
            return got


async def test_a_body_is_counted_as_it_comes_and_its_promise_is_not_believed() -> None:
    assert await read(coming(b"12", b"34"), None, 4) == 4
    with pytest.raises(TooLarge) as no:
        await read(coming(b"12", b"345"), 2, 4)
    assert no.value.facts == {"limit": 4, "got": 5}
    with pytest.raises(TooLarge) as at_once:
        await read([], 5, 4)
    assert at_once.value.facts == {"limit": 4, "got": 5}


async def test_a_body_that_ends_before_its_promise_says_how_much_came() -> None:
    with pytest.raises(BodyIncomplete) as no:
        await read(coming(b"12", ends=False), 9, 100)
    assert no.value.facts == {"got": 2, "expected": 9}
