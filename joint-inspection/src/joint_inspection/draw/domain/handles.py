"""Blind handles 盲号: what stands in lists, keys and results instead of ids (heli-draw-1, handles).

The salt opens one handle, the pool key all; the plan holds only a digest of the pool key.
"""

import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NewType, cast

from contracts.errors import Invalid

Digest = NewType("Digest", str)
Handle = NewType("Handle", str)

ID = r"[0-9A-Za-z_-]{1,64}"
HEX64 = r"[0-9a-f]{64}"
ID_MOST = 64
POOL_KEY_BYTES = 32
SALT_BYTES = 16

_OF_IDS = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-"
_AT_ONCE = 4096  # ids hashed in one go: they stay in the processor's cache
_TARGET = b"heli-draw-1/target\0"
_INSPECTOR = b"heli-draw-1/inspector\0"
_POOL = b"heli-draw-1/pool\0"


class IdMalformed(Invalid):
    """An id is 1 to 64 characters of `[0-9A-Za-z_-]`, so that byte order is the only order."""

    code = "draw-id-malformed"


class DigestMalformed(Invalid):
    """A digest is 64 lower-case hexadecimal characters."""

    code = "draw-digest-malformed"


class BytesWrongLength(Invalid):
    """Pool key, salt and secret have fixed lengths in bytes."""

    code = "draw-bytes-wrong-length"


def well_formed_id(value: str, *, field: str) -> str:
    """Give back an id; refuses IdMalformed."""
    if not re.fullmatch(ID, value):
        raise IdMalformed(field=field, got=value)
    return value


def well_formed_digest(value: str, *, field: str) -> Digest:
    """Give back a digest; refuses DigestMalformed."""
    if not re.fullmatch(HEX64, value):
        raise DigestMalformed(field=field, got=value)
    return Digest(value)


def of_length(value: bytes, length: int, *, field: str) -> bytes:
    """Give back bytes of exactly `length`; refuses BytesWrongLength."""
    if len(value) != length:
        raise BytesWrongLength(field=field, got=len(value), expected=length)
    return value


def digest(content: bytes | str) -> Digest:
    """H over bytes, or over a text in UTF-8."""
    raw = content.encode() if isinstance(content, str) else content
    return Digest(sha256(raw).hexdigest())


def pool_key_digest(pool_key: bytes) -> Digest:
    """Say in the plan which pool key it is: H("heli-draw-1/pool" ‖ 0 ‖ pool_key)."""
    return digest(_POOL + of_length(pool_key, POOL_KEY_BYTES, field="pool_key"))


def salt_of(pool_key: bytes, id_: str) -> bytes:
    """Give the salt that opens one handle: the first 16 bytes of H(pool_key ‖ 0 ‖ id)."""
    return sha256(pool_key + b"\0" + id_.encode()).digest()[:SALT_BYTES]


def target_handles(pool_key: bytes, ids: Iterable[str]) -> dict[str, Handle]:
    """Give each target's handle by its id; refuses IdMalformed, BytesWrongLength."""
    return _handles(_TARGET, pool_key, ids)


def inspector_handles(pool_key: bytes, ids: Iterable[str]) -> dict[str, Handle]:
    """Give each inspector's handle by id; refuses IdMalformed, BytesWrongLength."""
    return _handles(_INSPECTOR, pool_key, ids)


def opens_target(handle: Handle, *, id_: str, salt: bytes) -> bool:
    """Say whether this id and salt are the ones behind a target's handle."""
    return sha256(_TARGET + id_.encode() + b"\0" + salt).hexdigest() == handle


def handles_in_order(pool_key: bytes, ids: Sequence[str]) -> list[Handle]:
    """Give the targets' handles, one an id; refuses IdMalformed, BytesWrongLength."""
    return _hashed(_TARGET, pool_key, ids)


def _handles(kind: bytes, pool_key: bytes, ids: Iterable[str]) -> dict[str, Handle]:
    listed = list(ids)
    return dict(zip(listed, _hashed(kind, pool_key, listed), strict=True))


def _hashed(kind: bytes, pool_key: bytes, ids: Sequence[str]) -> list[Handle]:
    start = of_length(pool_key, POOL_KEY_BYTES, field="pool_key") + b"\0"
    # A copy of a begun hash is cheaper than a new one, and hashing takes most of a freeze.
    salt_begun, handle_begun = sha256(start).copy, sha256(kind).copy
    handles: list[str] = []
    add = handles.append
    for at in range(0, len(ids), _AT_ONCE):
        for raw in _raws(ids[at : at + _AT_ONCE]):
            salt = salt_begun()
            salt.update(raw)
            handle = handle_begun()
            handle.update(b"%b\0%.16b" % (raw, salt.digest()))  # SALT_BYTES of it
            add(handle.hexdigest())
    # A call of Handle() for each would take as long as a third hash.
    return cast("list[Handle]", handles)


def _raws(ids: Sequence[str]) -> list[bytes]:
    """Give ids as bytes; one look at all together is far faster than one match an id."""
    joined = "\n".join(ids).encode(errors="replace")
    raws = joined.split(b"\n")
    fits = len(raws) == len(ids) and all(raws) and max(map(len, raws)) <= ID_MOST
    if not fits or joined.translate(None, _OF_IDS + b"\n"):
        for id_ in ids:
            well_formed_id(id_, field="id")
    return raws
