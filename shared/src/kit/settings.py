"""Settings that every service has, read from the environment (`HELI_…`) or from a file of them.

A service's `settings.py` builds on this class where it needs more. Secrets may stand in files:
`HELI_SECRETS` names a folder with one file a setting, as Kubernetes mounts them.
"""

import os
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceSettings(BaseSettings):
    """What a service needs to run: where its database, NATS and keys are, and where it listens."""

    model_config = SettingsConfigDict(
        env_prefix="HELI_",
        frozen=True,
        extra="ignore",
        secrets_dir=os.environ.get("HELI_SECRETS"),  # noqa: TID251 - settings are read here
    )

    mode: Literal["embedded", "production"] = "production"
    database_url: str = Field(description="postgresql+psycopg://… as the app role")
    nats_url: str = Field(description="nats://user:password@host:port")
    host: str = "127.0.0.1"
    port: int = 8000
    keys: Path = Field(description="JWKS file with the public keys of internal tokens")
    clock_offset_days: int = 0
    log: Literal["json", "console"] = "json"
    policy: Path | None = Field(
        default=None, description="TOML file of policy rows that stand before the shipped ones"
    )
    pool_size: int = Field(default=8, ge=1)

    @model_validator(mode="after")
    def _production_keeps_the_clock(self) -> Self:
        if self.mode == "production" and self.clock_offset_days:
            msg = "HELI_CLOCK_OFFSET_DAYS is for demonstrations: production keeps the real clock"
            raise ValueError(msg)
        return self
