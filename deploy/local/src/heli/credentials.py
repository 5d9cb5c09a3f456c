"""The keys and first credentials of a data folder, made at the first start."""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from joserfc.jwk import KeySet, OKPKey

from heli import keep
from heli.problems import Problem
from kit.crypto import new_ring

BOOTSTRAP: Final = "bootstrap.json"


class NotStarted(Problem):
    """There is nothing running on this data folder, or it was never started."""

    code = "not-started"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Files for the services: the private signing key is the gateway's alone."""

    signing: Path
    keys: Path
    bootstrap: Path
    columns: Path


def prepare(folder: Path) -> Credentials:
    """Make what is missing: the signing key, its public set, the first client, columns' keys."""
    made = Credentials(
        folder / "signing.json",
        folder / "keys.json",
        folder / BOOTSTRAP,
        folder / "column-keys.json",
    )
    if not made.signing.exists():
        key = OKPKey.generate_key("Ed25519", {"use": "sig"}, private=True, auto_kid=True)
        keep.write_json(made.signing, key.as_dict(private=True))
    key = OKPKey.import_key(keep.read_json(made.signing))
    keep.write_json(made.keys, KeySet([key]).as_dict(private=False))
    if not made.bootstrap.exists():
        first = {"client_id": "bootstrap", "client_secret": secrets.token_urlsafe(32)}
        keep.write_json(made.bootstrap, first)
    if not made.columns.exists():
        keep.write_json(made.columns, new_ring())
    return made


def bootstrap(folder: Path) -> tuple[str, str]:
    """Give id and secret of the first administrator."""
    kept = keep.read_json(folder / BOOTSTRAP)
    if not kept:
        raise NotStarted(folder=str(folder.absolute()))
    return kept["client_id"], kept["client_secret"]
