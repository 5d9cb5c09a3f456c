"""A party of a draw 抽取: the secret that it makes and keeps on its own side (heli-draw-1, freeze).

The server never makes a secret and never sees one before it is revealed. Until then it stands in a
file of its own, which is never overwritten: without it a sent commitment can never be opened.
"""

import hashlib
import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from heli import keep
from heli.problems import Problem

FOLDER: Final = "parties"
_VERSION: Final = "heli-draw-1"
_HASH: Final = "sha-256"
_SALT_BYTES: Final = 16
_SECRET_BYTES: Final = 32
_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")


class NotYourParty(Problem):
    """A commitment is bound to its party: nobody sends another's."""

    code = "draw-not-your-party"


class NotFrozen(Problem):
    """There is no plan yet that a party could bind itself to."""

    code = "draw-not-frozen"


class PlanNotAsPublished(Problem):
    """The plan that everybody can read is not the one whose digest the gateway gives."""

    code = "draw-plan-not-as-published"


class SecretUnrevealed(Problem):
    """A secret of another plan stands where the new one would go."""

    code = "draw-secret-unrevealed"


class CommitmentDiffers(Problem):
    """The party is bound already, by a secret that is not here."""

    code = "draw-commitment-differs"


class NoSecret(Problem):
    """Nothing is kept that could be revealed."""

    code = "draw-no-secret"


@dataclass(frozen=True, slots=True)
class Secret:
    """What a party keeps on its own side until it reveals."""

    salt: bytes
    secret: bytes

    @classmethod
    def made(cls) -> Self:
        """Make one by the system's source of randomness."""
        return cls(secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_SECRET_BYTES))

    def commitment(self, party: str, plan_digest: str) -> str:
        """H("heli-draw-1/commit" ‖ 0 ‖ plan_digest ‖ party ‖ 0 ‖ salt ‖ secret), in hex."""
        head = b"heli-draw-1/commit\0" + plan_digest.encode() + party.encode() + b"\0"
        return hashlib.sha256(head + self.salt + self.secret).hexdigest()

    def opened(self) -> dict[str, str]:
        """Give what a reveal sends."""
        return {"salt": self.salt.hex(), "secret": self.secret.hex()}


@dataclass(frozen=True, slots=True)
class Kept:
    """A secret in its file, with the plan that it is bound to."""

    file: Path
    plan_digest: str
    secret: Secret


def place(folder: Path, draw: str, party: str) -> Path:
    """Name the file of a party's secret for a draw; refuses NoSecret for what is no id."""
    if not (_ID.fullmatch(draw) and _ID.fullmatch(party)):
        raise NoSecret(folder=str(folder), draw=draw, party=party)
    return folder / f"{draw}.{party}.json"


def read(file: Path) -> Kept | None:
    """Read a kept secret; None where there is none. Refuses keep.Damaged."""
    found = keep.read_json(file)
    if not found:
        return None
    try:
        secret = Secret(bytes.fromhex(found["salt"]), bytes.fromhex(found["secret"]))
        return Kept(file, str(found["plan_digest"]), secret)
    except (LookupError, TypeError, ValueError) as no:
        raise keep.Damaged(file=str(file), reason=repr(no)) from no


def keep_new(file: Path, plan_digest: str) -> Kept:
    """Make a secret and keep it; on disk before anybody hears of it, and never over another."""
    secret = Secret.made()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as text:
        json.dump({"plan_digest": plan_digest, **secret.opened()}, text, indent=2)
        text.flush()
        os.fsync(text.fileno())
    folder = os.open(file.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
    return Kept(file, plan_digest, secret)


def plan_digest_of(document: Mapping[str, Any], *, said: str, draw: str) -> str:
    """Compute the digest of the published plan; refuses PlanNotAsPublished where it differs.

    (The plan's JSON has ASCII keys and integers only: sorted and compact, it is RFC 8785.)
    """
    plan = document.get("plan")
    known = isinstance(plan, dict) and (plan.get("version"), plan.get("hash")) == (_VERSION, _HASH)
    canonical = json.dumps(plan, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    computed = hashlib.sha256(canonical.encode()).hexdigest()
    if not known or computed != said or not plan or plan.get("draw") != draw:
        raise PlanNotAsPublished(draw=draw, computed=computed, said=said)
    return computed


def secret_for(file: Path, plan_digest: str, *, party: str, draw: str, sent: str | None) -> Kept:
    """Give the secret to commit with: the kept one, else a new one.

    Refuses: SecretUnrevealed, CommitmentDiffers.
    """
    kept = read(file)
    if kept is not None and kept.plan_digest != plan_digest:
        raise SecretUnrevealed(file=str(file), party=party)
    ours = None if kept is None else kept.secret.commitment(party, plan_digest)
    if sent is not None and sent != ours:
        raise CommitmentDiffers(party=party, draw=draw, sent=sent, file=str(file))
    return kept or keep_new(file, plan_digest)
