"""Internal tokens and keys of scope."""

import base64
from dataclasses import replace
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import OKPKey

from contracts.roles import Role
from kit.auth import ALGORITHM, Actor, TokenRefused, Verifier, keys_of, mint
from kit.faking import FORGED_HEADERS, forged
from kit.testing import covers, key_pair

OFFICER = Actor("c1", "tax-330100", "tax", ("330100",), frozenset({Role.OFFICER}))


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Verifier, OKPKey]:
    path, key = key_pair(tmp_path)
    return Verifier.load(path), key


@covers("RX.2")
def test_an_officer_sees_the_own_line_and_department_and_an_overseer_all_lines() -> None:
    assert keys_of("tax-330100", "tax", ["330100"], [Role.OFFICER]) == ("tax-330100", "tax@330100")
    assert "*@330100" in keys_of("justice-330000", "justice", ["330100"], [Role.SUPERVISOR])


def test_a_token_says_again_who_it_was_made_for(pair: tuple[Verifier, OKPKey]) -> None:
    verifier, key = pair
    keys = ("tax-330100", "tax@330100")
    assert verifier.actor(mint(key, OFFICER)) == replace(OFFICER, keys=keys)


def test_a_token_signed_by_another_key_is_refused(pair: tuple[Verifier, OKPKey]) -> None:
    verifier, _ = pair
    other = OKPKey.generate_key("Ed25519", auto_kid=True)
    with pytest.raises(TokenRefused):
        verifier.actor(mint(other, OFFICER))


def test_a_token_with_no_algorithm_an_old_date_or_another_audience_is_refused(
    pair: tuple[Verifier, OKPKey],
) -> None:
    verifier, key = pair
    for claims in (
        {"iss": "heli-gateway", "aud": "heli-internal", "sub": "c1", "exp": 1},
        {"iss": "heli-gateway", "aud": "elsewhere", "sub": "c1", "exp": 9_999_999_999},
        {"iss": "stranger", "aud": "heli-internal", "sub": "c1", "exp": 9_999_999_999},
        {"iss": "heli-gateway", "aud": "heli-internal", "exp": 9_999_999_999},
        {
            "iss": "heli-gateway",
            "aud": "heli-internal",
            "sub": "c1",
            "exp": 9_999_999_999,
            "roles": ["of-a-later-version"],
        },
    ):
        token = jwt.encode({"alg": ALGORITHM, "kid": key.kid}, claims, key, algorithms=[ALGORITHM])
        with pytest.raises(TokenRefused):
            verifier.actor(token)
    crit = base64.urlsafe_b64encode(b'{"alg":"Ed25519","crit":1}').decode().rstrip("=")
    none = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJjMSJ9."
    for nonsense in ("", "a.b.c", none, f"{crit}.eyJzdWIiOiJjMSJ9.AA"):
        with pytest.raises(TokenRefused):
            verifier.actor(nonsense)


def test_the_public_key_set_holds_no_private_part(tmp_path: Path) -> None:
    path, _ = key_pair(tmp_path)
    assert '"d"' not in path.read_text("utf-8")


@covers("RX.2")
@pytest.mark.parametrize(
    ("header", "claims"),
    [
        *((header, {}) for header in FORGED_HEADERS),
        ({}, {"aud": "heli-api"}),
        ({}, {"aud": ["elsewhere"]}),
        ({}, {"exp": 1}),
        ({}, {"exp": "tomorrow"}),
        ({}, {"nbf": 9_999_999_998}),
    ],
)
def test_no_header_or_claim_makes_a_forged_token_hold(
    pair: tuple[Verifier, OKPKey], header: dict[str, object], claims: dict[str, object]
) -> None:
    verifier, key = pair
    with pytest.raises(TokenRefused):
        verifier.actor(forged(key, "heli-internal", header, claims))


def test_a_token_made_the_same_way_without_a_forgery_holds(pair: tuple[Verifier, OKPKey]) -> None:
    verifier, key = pair
    assert verifier.actor(forged(key, "heli-internal", {}, {})).id == "bootstrap"
