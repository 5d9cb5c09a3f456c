"""What a request may weigh, checked before anything parses it: bytes, UTF-8, depth, keys.

Bytes are counted as they come: a Content-Length is a promise, and is refused early when it says too
much, never trusted when it says little. Depth and keys are counted without parsing: parsers fail at
a few hundred levels, in ways of their own.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Final

from starlette.types import Message, Receive

from contracts.errors import Invalid, Malformed, TooLarge

JSON_BYTES: Final = 1024**2
JSON_DEPTH: Final = 32
JSON_KEYS: Final = 10_000
# Request line and headers together. h11 counts after each read while they are not whole, so beyond
# this and one read of asyncio's (256 KiB) more it always answers 400.
HEADER_BYTES: Final = 32 * 1024
# A caller that sends nothing for so long has gone, or never meant to.
IDLE_S: Final = 20.0

# A string, whole or cut off by the end: so each place is looked at once, whatever it holds.
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_IMPORT: Final = re.compile(r"/[a-z-]+:import")
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_OPENING: Final = frozenset(b"[{")


class BodyIncomplete(Malformed):
    """A body ended, or paused too long, before it was whole."""

    code = "body-incomplete"


class BodyNotUtf8(Malformed):
    """JSON is UTF-8 (RFC 8259 §8.1); overlong forms and halves of characters are none."""

    code = "body-not-utf8"


class JsonTooDeep(Invalid):
    """A JSON body has lists and objects in each other beyond any form of ours."""

    code = "json-too-deep"


class JsonTooManyKeys(Invalid):
    """A JSON body names more members than any form of ours."""

    code = "json-too-many-keys"


def is_bulk(method: str, path: str) -> bool:
    """Say whether a request brings a file: its reader counts the bytes by kind."""
    return method == "POST" and _IMPORT.fullmatch(path) is not None


def promised(headers: Mapping[bytes, bytes]) -> int | None:
    """Give the Content-Length, if there is a plausible one."""
    said = headers.get(b"content-length", b"")
    return int(said) if said.isdigit() else None


def counted(receive: Receive, expected: int | None, limit: int | None) -> Receive:
    """Count a body while it is read; `limit` is None where its reader has one of its own.

    Refuses: TooLarge, at once where the headers say so; BodyIncomplete.
    """
    if limit is not None and expected is not None and expected > limit:
        raise TooLarge(limit=limit, got=expected)
    got = 0
    whole = False

    async def read() -> Message:
        nonlocal got, whole
        if whole:
            return await receive()
        try:
            async with asyncio.timeout(IDLE_S):
                message = await receive()
        except TimeoutError as no:
            raise BodyIncomplete(got=got, expected=expected) from no
        if message["type"] == "http.disconnect":
            raise BodyIncomplete(got=got, expected=expected)
        got += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        if limit is not None and got > limit:
            raise TooLarge(limit=limit, got=got)
        return message

    return read


def check_json(body: bytes) -> None:
    """Check a JSON text before it is parsed. Refuses: BodyNotUtf8, JsonTooDeep, JsonTooManyKeys."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as no:
        wrong = body[no.start : no.start + 4].hex(" ")
        raise BodyNotUtf8(field="body", got=wrong, expected="UTF-8", position=no.start + 1) from no
    bare = _STRING.sub(b"", body)
    keys = bare.count(b":")
    if keys > JSON_KEYS:
        raise JsonTooManyKeys(field="body", got=keys, expected=f"≤ {JSON_KEYS}")
    depth = 0
    for byte in bare.translate(None, _NOT_BRACKETS):
        depth += 1 if byte in _OPENING else -1
        if depth > JSON_DEPTH:
            raise JsonTooDeep(field="body", got=f"> {JSON_DEPTH}", expected=f"≤ {JSON_DEPTH}")
