"""For tests only: tokens that are not ours, and values that fit a column."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

from joserfc import jwt
from joserfc.jwk import OKPKey
from sqlalchemy import JSON, Column, Enum
from sqlalchemy.dialects.postgresql import ARRAY

from kit.crypto import Sealed

MOMENT: Final = datetime(2026, 3, 2, 8, tzinfo=UTC)
_FITTING: Final = {
    str: "x",
    int: 1,
    float: 1.0,
    bool: False,
    date: MOMENT.date(),
    datetime: MOMENT,
    bytes: b"x",
}

# Headers of tokens that somebody else made.
FORGED_HEADERS: Final[tuple[Mapping[str, Any], ...]] = (
    {"alg": "none"},
    {"alg": "HS256"},
    {"jku": "http://127.0.0.1:1/keys"},
    {"x5u": "https://127.0.0.1:1/keys"},
    {"kid": "../../../../dev/null"},
    {"kid": "' OR 1=1 --"},
    {"jwk": {"kty": "oct", "k": "AA"}},
)


def forged(key: OKPKey, audience: str, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    """Make a token as ours, but for some of its header and claims; None leaves a claim out.

    `alg: none` has no signature; HS256 is signed with our public key as if it were a secret;
    another key's name (`kid`, `jku`, `jwk`) comes with another key's signature.
    """
    ours = {"iss": "heli-gateway", "aud": audience, "sub": "bootstrap", "exp": 9_999_999_999}
    said = {name: value for name, value in {**ours, **claims}.items() if value is not None}
    head = {"alg": "Ed25519", "kid": key.kid, **header}
    text = b".".join(_coded(json.dumps(part).encode()) for part in (head, said))
    if head["alg"] == "none":
        return f"{text.decode()}."
    if head["alg"] == "HS256":
        secret = json.dumps(key.as_dict(private=False)).encode()
        mark = hmac.new(secret, text, hashlib.sha256).digest()
        return f"{text.decode()}.{_coded(mark).decode()}"
    signer = OKPKey.generate_key("Ed25519") if header else key
    return jwt.encode(head, said, signer, algorithms=["Ed25519"])


def _coded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def fitting(column: Column[Any]) -> Any:  # noqa: ANN401 - a bound value
    """Give something that a column takes."""
    match column.type:
        case Enum():
            return column.type.enums[0]
        case ARRAY():
            return []
        case JSON():
            return {}
        case Sealed():
            return "aes-gcm:1:eA=="
        case _:
            return _FITTING[column.type.python_type]
