"""What the gateway needs beside what every service needs."""

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from kit.settings import ServiceSettings


def _absent(value: object) -> object:
    return None if value == "" else value


Absent = BeforeValidator(_absent)


class Settings(ServiceSettings):
    """Where the others are, and the private key that signs internal and access tokens."""

    signing_key: Path = Field(description="JWK file with the private Ed25519 key of tokens")
    services: dict[str, str] = Field(description="service name → its address, as JSON")
    bootstrap: Annotated[Path | None, Absent] = Field(
        default=None,
        description="JSON file {client_id, client_secret} of a first administrator; absent: none",
    )
    platform_url: Annotated[str | None, Absent] = Field(
        default=None, description="the national platform's exchange; absent: reports stay pending"
    )
    demo_page: Annotated[Path | None, Absent] = Field(
        default=None,
        description="the HTML file that `heli demo` writes, shown at /demo if it is there",
    )
