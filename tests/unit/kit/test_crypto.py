"""Sealed columns: what opens them, what does not, and how keys change."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.dialects import postgresql

from kit import crypto
from kit.crypto import ALGORITHMS, CipherWrong, KeyMissing, Ring, SealBroken, Sealed

PLACE = "provisional_subject.raw/prov-1"


def write(path: Path, current: str, **keys: str) -> Ring:
    """Write a ring of keys by id, each with its algorithm; the key's bytes follow from its id."""
    kept: dict[str, Any] = {"current": current, "keys": {}}
    for id_, algorithm in keys.items():
        secret = (id_.encode() * 32)[: ALGORITHMS[algorithm].key_bytes]
        kept["keys"][id_] = {"algorithm": algorithm, "key": b64encode(secret).decode()}
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(kept), "utf-8")
    draft.replace(path)
    return Ring(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ring.json"


def test_every_cipher_gives_the_published_answers() -> None:
    crypto.prove()


def test_a_cipher_that_answers_otherwise_is_not_used(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(path, "k1", k1="aes-gcm")
    monkeypatch.setitem(ALGORITHMS, "sm4-gcm", ALGORITHMS["aes-gcm"])
    with pytest.raises((CipherWrong, ValueError)):
        Ring.load(path)


@pytest.mark.parametrize("algorithm", ["aes-gcm", "sm4-gcm"])
def test_a_sealed_value_says_its_cipher_and_opens_at_its_place_alone(
    path: Path, algorithm: str
) -> None:
    ring = write(path, "k1", k1=algorithm)
    sealed = ring.seal("某某 13812341234", PLACE)
    assert sealed.startswith(f"{algorithm}:k1:")
    assert sealed != ring.seal("某某 13812341234", PLACE)  # a nonce is used once
    assert ring.open(sealed, PLACE) == "某某 13812341234"
    with pytest.raises(SealBroken):
        ring.open(sealed, "provisional_subject.raw/prov-2")


def test_no_changed_byte_opens(path: Path) -> None:
    ring = write(path, "k1", k1="aes-gcm", k2="aes-gcm", k3="sm4-gcm")
    sealed = ring.seal("x", PLACE)
    head, _, body = sealed.rpartition(":")
    for at in range(0, len(body), 3):
        other = "A" if body[at] != "A" else "B"
        with pytest.raises(SealBroken):
            ring.open(f"{head}:{body[:at]}{other}{body[at + 1 :]}", PLACE)
    for wrong in (f"{head}:", f"{head}:***", f"aes-gcm:k2:{body}", f"sm4-gcm:k1:{body}"):
        with pytest.raises(SealBroken):
            ring.open(wrong, PLACE)
    with pytest.raises(KeyMissing):
        ring.open(f"aes-gcm:k9:{body}", PLACE)


def test_a_new_key_is_taken_without_a_restart_and_the_old_one_opens_what_it_sealed(
    path: Path,
) -> None:
    ring = write(path, "k1", k1="aes-gcm")
    old = ring.seal("x", PLACE)
    write(path, "k2", k1="aes-gcm", k2="sm4-gcm")
    new = ring.seal("x", PLACE)
    assert new.startswith("sm4-gcm:k2:")
    assert ring.open(old, PLACE) == ring.open(new, PLACE) == "x"


@pytest.mark.parametrize(
    "text", ["", "{}", '{"current": "1", "keys": {}}', '{"current": "1", "keys": {"1": {}}}', "[]"]
)
def test_a_ring_that_cannot_be_read_seals_nothing(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
    with pytest.raises(KeyMissing):
        Ring.load(path)
    path.unlink()
    with pytest.raises(KeyMissing):
        Ring.load(path)


@pytest.mark.parametrize("digest", ["hmac-sha256", "hmac-sm3"])
def test_equal_values_of_one_column_have_one_index(path: Path, digest: str) -> None:
    ring = write(path, "k1", k1="aes-gcm")
    one = ring.index("x", "t.c", digest)
    assert one.startswith(f"{digest}:k1:")
    assert one == ring.index("x", "t.c", digest)
    assert len({one, ring.index("y", "t.c", digest), ring.index("x", "t.d", digest)}) == 3


def test_a_sealed_column_takes_no_plain_text() -> None:
    bind = Sealed().bind_processor(postgresql.dialect())  # type: ignore[no-untyped-call]
    assert bind is not None
    assert bind(None) is None
    assert bind("aes-gcm:1:x") == "aes-gcm:1:x"
    with pytest.raises(ValueError, match="sealed"):
        bind("13812341234")


def test_a_ring_shows_no_key(path: Path) -> None:
    ring = write(path, "k1", k1="aes-gcm")
    ring.seal("x", PLACE)
    assert "k1k1" not in repr(ring) + repr(ring.keys)
