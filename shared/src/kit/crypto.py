"""Encrypted columns: the port to a cipher, a ring of keys, and a blind index for equality.

A sealed value names its algorithm and key, `aes-gcm:<key id>:<base64>`, so that a new key or
cipher (SM4-GCM, GB/T 32907-2016) stands beside old values. What it is bound to, `table.column/row`,
is authenticated with it: a value that was moved to another row does not open. Keys come from a
mounted file that is read again when it changes; each cipher proves itself at the start.
"""

import hashlib
import hmac
import json
import os
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import hmac as hmac_of
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from sqlalchemy import Text
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeDecorator
from typing_extensions import override

NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
_INDEX: Final = b"heli blind index\0"


class SealBroken(RuntimeError):
    """A sealed value does not open: a byte was changed, it was moved, or the key is another."""


class KeyMissing(RuntimeError):
    """There is no ring of keys, or it has not the key that a value names."""


class CipherWrong(RuntimeError):
    """A cipher of this machine does not give the published answers; nothing is sealed with it."""


@dataclass(frozen=True, slots=True)
class Algorithm:
    """A cipher with authentication: its block cipher, the length of its key, and its answer."""

    block: Callable[[bytes], Any]
    key_bytes: int

    def seal(self, key: bytes, nonce: bytes, text: bytes, bound: bytes) -> bytes:
        """Give ciphertext and tag."""
        made = Cipher(self.block(key), modes.GCM(nonce)).encryptor()
        made.authenticate_additional_data(bound)
        return made.update(text) + made.finalize() + made.tag

    def open(self, key: bytes, nonce: bytes, sealed: bytes, bound: bytes) -> bytes:
        """Give the text; raises InvalidTag."""
        text, tag = sealed[:-TAG_BYTES], sealed[-TAG_BYTES:]
        made = Cipher(self.block(key), modes.GCM(nonce, tag)).decryptor()
        made.authenticate_additional_data(bound)
        return made.update(text) + made.finalize()


ALGORITHMS: Final = {
    "aes-gcm": Algorithm(algorithms.AES, 32),
    "sm4-gcm": Algorithm(algorithms.SM4, 16),
}
DIGESTS: Final[dict[str, Callable[[], hashes.HashAlgorithm]]] = {
    "hmac-sha256": hashes.SHA256,
    "hmac-sm3": hashes.SM3,
}
# Known answers: NIST SP 800-38D test case 14, RFC 8998 A.1, RFC 4231 case 2, GB/T 32905 example 1.
_GCM: Final = (
    (
        "aes-gcm",
        "00" * 32,
        "00" * 12,
        "",
        "00" * 16,
        "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919",
    ),
    (
        "sm4-gcm",
        "0123456789abcdeffedcba9876543210",
        "00001234567800000000abcd",
        "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        "".join(8 * sign for sign in ("aa", "bb", "cc", "dd", "ee", "ff", "ee", "aa")),
        (
            "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"
            "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
            "83de3541e4c2b58177e065a9bf7b62ec"
        ),
    ),
)
_SHA256: Final = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
_SM3: Final = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


def prove() -> None:
    """Check the known answers of every cipher and digest; raises CipherWrong."""
    for name, *parts, right in _GCM:
        key, nonce, bound, text = map(bytes.fromhex, parts)
        if ALGORITHMS[name].seal(key, nonce, text, bound).hex() != right:
            raise CipherWrong(name)
    if _mac("hmac-sha256", b"Jefe", b"what do ya want for nothing?").hex() != _SHA256:
        raise CipherWrong("hmac-sha256")
    digest = hashes.Hash(hashes.SM3())
    digest.update(b"abc")
    if digest.finalize().hex() != _SM3:
        raise CipherWrong("hmac-sm3")


def _mac(name: str, key: bytes, text: bytes) -> bytes:
    made = hmac_of.HMAC(key, DIGESTS[name]())
    made.update(text)
    return made.finalize()


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a ring, and what it is used with."""

    id: str
    algorithm: str
    secret: bytes = field(repr=False)


@dataclass(slots=True)
class Ring:
    """The keys of a mounted file `{"current", "keys": {id: {"algorithm", "key": base64}}}`.

    The current one seals; all of them open. The file is read again when it has changed, so that
    a rotation needs no restart.
    """

    path: Path
    read_at: tuple[int, int] | None = None
    current: str = ""
    keys: dict[str, Key] = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, path: Path) -> "Ring":
        """Read a ring, after every cipher has proved itself; raises KeyMissing, CipherWrong."""
        prove()
        ring = cls(path)
        ring._look()
        return ring

    def _look(self) -> None:
        try:
            found = self.path.stat()
            changed = (found.st_mtime_ns, found.st_ino)
            if changed == self.read_at:
                return
            kept = json.loads(self.path.read_text("utf-8"))
            keys = {id_: _key(id_, one) for id_, one in kept["keys"].items()}
            keys[kept["current"]]  # the one that seals is among them
        except (OSError, ValueError, KeyError, TypeError) as no:
            raise KeyMissing(f"{self.path}: {type(no).__name__}") from None
        self.read_at, self.current, self.keys = changed, kept["current"], keys

    def seal(self, text: str, bound: str) -> str:
        """Seal a text for one place, `table.column/row`."""
        self._look()
        key = self.keys[self.current]
        nonce = os.urandom(NONCE_BYTES)
        sealed = ALGORITHMS[key.algorithm].seal(key.secret, nonce, text.encode(), bound.encode())
        return f"{key.algorithm}:{key.id}:{b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, bound: str) -> str:
        """Open what was sealed for a place; raises SealBroken, KeyMissing."""
        self._look()
        algorithm, _, rest = sealed.partition(":")
        id_, _, written = rest.partition(":")
        key = self.keys.get(id_)
        if key is None:
            raise KeyMissing(f"{bound}: key {id_!r}")
        try:
            if algorithm != key.algorithm:
                raise SealBroken(bound)
            raw = b64decode(written, validate=True)
            nonce, body = raw[:NONCE_BYTES], raw[NONCE_BYTES:]
            return ALGORITHMS[algorithm].open(key.secret, nonce, body, bound.encode()).decode()
        except (InvalidTag, ValueError) as no:
            raise SealBroken(bound) from no

    def index(self, text: str, column: str, digest: str = "hmac-sha256") -> str:
        """Give what finds equal values of a column without opening them; only under one key."""
        self._look()
        key = self.keys[self.current]
        own = hmac.new(key.secret, _INDEX + column.encode(), hashlib.sha256).digest()
        return f"{digest}:{key.id}:{_mac(digest, own, text.encode()).hex()}"


def _key(id_: str, kept: dict[str, str]) -> Key:
    secret = b64decode(kept["key"], validate=True)
    if ":" in id_ or len(secret) != ALGORITHMS[kept["algorithm"]].key_bytes:
        raise ValueError(id_)
    return Key(id_, kept["algorithm"], secret)


def new_ring() -> dict[str, Any]:
    """Make a ring with one fresh key, as its file holds it; no other ring has a key of its name."""
    key = b64encode(os.urandom(ALGORITHMS["aes-gcm"].key_bytes)).decode()
    name = os.urandom(4).hex()
    return {"current": name, "keys": {name: {"algorithm": "aes-gcm", "key": key}}}


def seal(tx: AsyncConnection, text: str | None, bound: str) -> str | None:
    """Seal a text with the service's keys for one place, `table.column/row`; nothing stays so."""
    return None if text is None else _ring(tx).seal(text, bound)


def unseal(tx: AsyncConnection, sealed: str | None, bound: str) -> str | None:
    """Open what `seal` gave; raises SealBroken, KeyMissing."""
    return None if sealed is None else _ring(tx).open(sealed, bound)


def _ring(tx: AsyncConnection) -> Ring:
    ring: Ring | None = tx.info["ring"]
    if ring is None:
        raise KeyMissing("HELI_COLUMN_KEYS")
    return ring


class Sealed(TypeDecorator[str]):
    """A column that holds sealed text alone: a store that forgot to seal fails before it writes."""

    impl: Any = Text
    cache_ok: bool | None = True

    @override
    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Refuse what does not name an algorithm."""
        if value is not None and value.split(":")[0] not in ALGORITHMS:
            msg = "a sealed column takes sealed text only"
            raise ValueError(msg)
        return value
