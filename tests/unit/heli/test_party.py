"""A party of a draw: its secret is made on its own side, kept, and never overwritten."""

import hashlib
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.item_registry import DepartmentId
from heli import party
from heli.client import Client
from heli.draws import _Part
from heli.keep import Damaged
from heli.party import Secret
from joint_inspection.draw.domain.handles import Digest
from joint_inspection.draw.domain.parties import Reveal, commitment
from kit.testing import covers

JUSTICE = "justice-330000"
PLAN: dict[str, Any] = {"version": "heli-draw-1", "hash": "sha-256", "draw": "d1", "seats": 2}
PLAN_DIGEST = hashlib.sha256(
    json.dumps(PLAN, sort_keys=True, separators=(",", ":")).encode()
).hexdigest()


class Gateway:
    """As much of the gateway as a party talks to."""

    def __init__(self, *, department: str | None = JUSTICE) -> None:
        self.department = department
        self.draw: dict[str, Any] = {"plan_digest": PLAN_DIGEST, "commitments": [], "state": "x"}
        self.plan = dict(PLAN)
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v1")
        if path == "/oauth/token":
            return httpx.Response(200, json={"access_token": "t"})
        if request.method == "POST":
            self.sent.append((path, json.loads(request.read())))
            return httpx.Response(200, json=self.draw)
        known = {"/me": {"department": self.department}, "/draws/d1": self.draw}
        return httpx.Response(200, json=known.get(path, {"plan": self.plan}))

    def part(self, folder: Path) -> _Part:
        client = Client("http://gateway", "c", "s", transport=httpx.MockTransport(self))
        return _Part(client, "d1", JUSTICE, party.place(folder, "d1", JUSTICE))


@covers("R9.3")
def test_the_commitment_is_the_one_that_the_service_opens() -> None:
    secret = Secret(bytes(16), bytes(range(32)))
    theirs = Reveal(DepartmentId(JUSTICE), secret.salt, secret.secret)
    assert secret.commitment(JUSTICE, PLAN_DIGEST) == commitment(Digest(PLAN_DIGEST), theirs)


def test_no_two_secrets_are_the_same() -> None:
    assert Secret.made() != Secret.made()


def test_committing_sends_the_digest_alone_and_keeps_the_secret_for_its_owner(
    tmp_path: Path,
) -> None:
    gateway = Gateway()
    done = gateway.part(tmp_path).commit()
    file = Path(done["file"])
    assert gateway.sent == [("/draws/d1:commit", {"digest": done["digest"]})]
    assert file.stat().st_mode & 0o777 == 0o600
    kept = party.read(file)
    assert kept is not None
    assert kept.secret.commitment(JUSTICE, PLAN_DIGEST) == done["digest"]


def test_committing_again_sends_the_kept_secret_and_once_sent_nothing(tmp_path: Path) -> None:
    gateway = Gateway()
    first = gateway.part(tmp_path).commit()
    assert gateway.part(tmp_path).commit()["digest"] == first["digest"]
    gateway.draw["commitments"] = [{"party": JUSTICE, "digest": first["digest"]}]
    assert gateway.part(tmp_path).commit()["sent_before"]
    assert len(gateway.sent) == 2


def test_an_unrevealed_secret_of_another_plan_is_never_overwritten(tmp_path: Path) -> None:
    gateway = Gateway()
    file = Path(gateway.part(tmp_path).commit()["file"])
    before = file.read_bytes()
    gateway.plan["seats"] = 3
    canonical = json.dumps(gateway.plan, sort_keys=True, separators=(",", ":")).encode()
    gateway.draw["plan_digest"] = hashlib.sha256(canonical).hexdigest()
    with pytest.raises(party.SecretUnrevealed):
        gateway.part(tmp_path).commit()
    with pytest.raises(FileExistsError):
        party.keep_new(file, PLAN_DIGEST)
    assert file.read_bytes() == before


def test_a_commitment_made_elsewhere_is_named(tmp_path: Path) -> None:
    gateway = Gateway()
    gateway.draw["commitments"] = [{"party": JUSTICE, "digest": "ab" * 32}]
    with pytest.raises(party.CommitmentDiffers):
        gateway.part(tmp_path).commit()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "change", [{"seats": 3}, {"hash": "sm3"}, {"version": "heli-draw-2"}, {"draw": "d2"}]
)
def test_nobody_commits_to_a_plan_that_is_not_the_published_one(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    gateway = Gateway()
    gateway.plan |= change
    if "seats" not in change:  # a digest that fits does not help what is not known
        canonical = json.dumps(gateway.plan, sort_keys=True, separators=(",", ":")).encode()
        gateway.draw["plan_digest"] = hashlib.sha256(canonical).hexdigest()
    with pytest.raises(party.PlanNotAsPublished):
        gateway.part(tmp_path).commit()
    assert gateway.sent == []


def test_nobody_commits_before_the_freeze_or_for_another(tmp_path: Path) -> None:
    gateway = Gateway()
    gateway.draw["plan_digest"] = None
    with pytest.raises(party.NotFrozen):
        gateway.part(tmp_path).commit()
    for other in ("commerce-330100", None):
        with pytest.raises(party.NotYourParty):
            Gateway(department=other).part(tmp_path).commit()


def test_revealing_shows_the_secret_and_then_forgets_it(tmp_path: Path) -> None:
    gateway = Gateway()
    file = Path(gateway.part(tmp_path).commit()["file"])
    kept = party.read(file)
    assert kept is not None
    gateway.part(tmp_path).reveal()
    assert gateway.sent[-1] == ("/draws/d1:reveal", kept.secret.opened())
    assert not file.exists()
    with pytest.raises(party.NoSecret):
        gateway.part(tmp_path).reveal()


def test_a_damaged_secret_is_named_and_left_alone(tmp_path: Path) -> None:
    file = party.place(tmp_path, "d1", JUSTICE)
    file.write_text('{"plan_digest": "x", "salt": "zz", "secret": ""}', encoding="utf-8")
    with pytest.raises(Damaged):
        party.read(file)


def test_what_is_no_id_names_no_file(tmp_path: Path) -> None:
    with pytest.raises(party.NoSecret):
        party.place(tmp_path, "../d1", JUSTICE)
