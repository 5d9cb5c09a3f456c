"""Parties of a draw: they commit, then reveal; the seed follows (heli-draw-1, freeze and seed).

The plan's digest enters as its 64 characters, like every digest; the seed itself is 32 bytes.
A party's secret is made on its own side and kept there until revealed; here it is a value.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from contracts.errors import Conflict
from contracts.item_registry import DepartmentId
from joint_inspection.draw.domain.handles import SALT_BYTES, Digest, digest, of_length

SECRET_BYTES = 32

_COMMIT = b"heli-draw-1/commit\0"
_SEED = b"heli-draw-1/seed\0"


@dataclass(frozen=True, slots=True)
class Commitment:
    """What a party has bound itself to, and when it arrived."""

    party: DepartmentId
    digest: Digest
    at: datetime


@dataclass(frozen=True, slots=True)
class Reveal:
    """A party's salt (16 bytes) and secret (32 bytes), shown after all have committed."""

    party: DepartmentId
    salt: bytes
    secret: bytes


class RevealDoesNotOpen(Conflict):
    """Salt and secret are not those that the party committed to."""

    code = "draw-reveal-does-not-open"


def commitment(plan: Digest, reveal: Reveal) -> Digest:
    """H("heli-draw-1/commit" ‖ 0 ‖ plan_digest ‖ party ‖ 0 ‖ salt ‖ secret); the digest in hex."""
    salt = of_length(reveal.salt, SALT_BYTES, field="salt")
    secret = of_length(reveal.secret, SECRET_BYTES, field="secret")
    return digest(_COMMIT + plan.encode() + reveal.party.encode() + b"\0" + salt + secret)


def check_opens(commitment_: Commitment, reveal: Reveal, *, plan: Digest) -> None:
    """Refuses RevealDoesNotOpen where a reveal is not what was committed."""
    if commitment(plan, reveal) != commitment_.digest:
        raise RevealDoesNotOpen(party=reveal.party)


def seed(plan: Digest, reveals: Iterable[Reveal]) -> bytes:
    """H("heli-draw-1/seed" ‖ 0 ‖ plan_digest ‖ secrets in order of party), without a beacon."""
    secrets = b"".join(each.secret for each in sorted(reveals, key=lambda each: each.party))
    return sha256(_SEED + plan.encode() + secrets).digest()
