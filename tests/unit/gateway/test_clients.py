"""Clients and what proves them."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from contracts.gateway import ClientId
from contracts.item_registry import DepartmentId, RegionId
from contracts.roles import ANY, PUBLIC, Role
from gateway.identity.domain import (
    AlreadyRevoked,
    Client,
    OutsideYourRegion,
    RolesNeverMeet,
    claims,
    digest,
    made,
    operations_of,
    proves,
    revoke,
    secret_of,
)

NOW = datetime(2026, 3, 3, tzinfo=UTC)
KEY = b"a private key"
ID = ClientId("0197")
CLIENT = Client(
    id=ID,
    secret_digest=digest(secret_of(KEY, ID)),
    department=DepartmentId("tax-330100"),
    region=RegionId("330100"),
    roles=(Role.OFFICER,),
    made_by="bootstrap",
    created_at=NOW,
)
CHAIN = ("330100", "330000", "000000")


def test_a_secret_proves_its_client_and_no_other() -> None:
    assert proves(CLIENT, secret_of(KEY, ID))
    assert not proves(CLIENT, secret_of(KEY, ClientId("0198")))
    assert not proves(CLIENT, secret_of(b"another key", ID))
    assert not proves(CLIENT, "")
    assert not proves(None, "")


def test_a_revoked_client_proves_nothing() -> None:
    revoked = revoke(CLIENT, at=NOW).value
    assert not proves(revoked, secret_of(KEY, ID))
    with pytest.raises(AlreadyRevoked):
        revoke(revoked, at=NOW)


@pytest.mark.parametrize("regions", [("000000",), ("330000",), ("330100",)])
def test_an_administrator_makes_clients_at_and_below_its_region(regions: tuple[str, ...]) -> None:
    assert made(CLIENT, by_regions=regions, chain=CHAIN).value == CLIENT


def test_nobody_gives_access_above_or_beside_its_own_region() -> None:
    with pytest.raises(OutsideYourRegion):
        made(CLIENT, by_regions=("330200",), chain=CHAIN)
    with pytest.raises(OutsideYourRegion):
        made(replace(CLIENT, region=RegionId("330000")), by_regions=("330100",), chain=CHAIN[1:])


def test_nobody_gives_access_as_a_department_that_serves_places_beside_its_own_region() -> None:
    served = (CHAIN, ("330200", "330000", "000000"))
    assert made(CLIENT, by_regions=("330000",), chain=CHAIN, served=served).value == CLIENT
    with pytest.raises(OutsideYourRegion) as no:
        made(CLIENT, by_regions=("330100",), chain=CHAIN, served=served)
    assert no.value.facts == {"region": "330200", "yours": ["330100"]}


def test_administrator_and_auditor_never_meet_in_one_client() -> None:
    with pytest.raises(RolesNeverMeet):
        made(replace(CLIENT, roles=(Role.ADMIN, Role.AUDITOR)), by_regions=("000000",), chain=CHAIN)


def test_an_access_token_says_only_whom_it_is_for() -> None:
    said = claims(ID, 1_000)
    assert said == {
        "iss": "heli-gateway",
        "aud": "heli-api",
        "sub": "0197",
        "iat": 1_000,
        "exp": 4_600,
    }


def test_operations_are_shown_by_their_outside_names_once() -> None:
    table = {
        "a": {"GET /things": ANY, "POST /things": frozenset({Role.LEAD}), "GET /audit": ANY},
        "gateway": {"GET /joined/audit": ANY, "POST /oauth/token": PUBLIC},
    }
    assert operations_of([Role.OFFICER], table) == ("GET /api/v1/audit", "GET /api/v1/things")
