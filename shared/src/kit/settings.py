"""Settings that every service has, read from the environment (`HELI_…`) or from mounted files.

A service's `settings.py` builds on `ServiceSettings` where it needs more. Secrets belong in files,
not in variables or arguments that `ps` and dumps show: `HELI_SECRETS` names a folder with one file
a setting, called like its variable in small letters (`heli_database_url`), as Kubernetes mounts it.
"""

import os
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from kit.files import Files, store

_READ = SettingsConfigDict(
    env_prefix="HELI_",
    frozen=True,
    extra="ignore",
    secrets_dir=os.environ.get("HELI_SECRETS"),  # noqa: TID251 - settings are read here
)


class ServiceSettings(BaseSettings):
    """What a service needs to run: where its database, NATS and keys are, and where it listens."""

    model_config = _READ

    mode: Literal["embedded", "production"] = "production"
    database_url: str = Field(description="postgresql+psycopg://… as the app role")
    nats_url: str = Field(description="nats://user:password@host:port")
    host: str = "127.0.0.1"
    port: int = 8000
    keys: Path = Field(description="JWKS file with the public keys of internal tokens")
    clock_offset_days: int = 0
    log: Literal["json", "console"] = "json"
    outbox_days: int | None = Field(
        default=None, ge=31, description="announced events are kept so long; without it for ever"
    )
    column_keys: Path | None = Field(
        default=None, description="JSON file with the keys of sealed columns, where there are any"
    )
    policy: Path | None = Field(
        default=None, description="TOML file of policy rows that stand before the shipped ones"
    )
    pool_size: int = Field(default=8, ge=1)
    failpoints: Path | None = Field(default=None, description="for tests: see kit.failpoints")
    files: str | None = Field(default=None, description="where files are kept: kit.files")
    files_key: str = ""
    files_secret: SecretStr = SecretStr("")

    @model_validator(mode="after")
    def _files_can_be(self) -> Self:
        self.files_store()
        return self

    def files_store(self) -> Files | None:
        """Give the store of files, None where none is set; ValueError for what cannot be one."""
        if self.files is None:
            return None
        return store(self.files, self.files_key, self.files_secret.get_secret_value())

    at_once: int = Field(default=64, ge=1, description="requests answered at the same time")
    import_bytes: int = Field(default=1024**3, description="limit of an NDJSON or CSV upload")
    workbook_bytes: int = Field(default=50 * 1024**2, description="limit of a workbook upload")
    spool: Path | None = Field(
        default=None, description="folder where uploads wait until they are whole; absent: /tmp"
    )
    drain_pause_s: float = Field(
        default=0, ge=0, description="seconds from SIGTERM, unready, until no request is taken"
    )

    @model_validator(mode="after")
    def _production_keeps_the_clock(self) -> Self:
        if self.mode == "production" and self.clock_offset_days:
            msg = "HELI_CLOCK_OFFSET_DAYS is for demonstrations: production keeps the real clock"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _production_does_not_die_at_will(self) -> Self:
        if self.mode == "production" and self.failpoints:
            msg = "HELI_FAILPOINTS is for tests: production has no failpoints"
            raise ValueError(msg)
        return self


class MigrateSettings(BaseSettings):
    """What `migrate` needs; what is given on the command line comes first."""

    model_config = _READ

    owner_url: str = Field(description="postgresql+psycopg://… as the owner of the tables")
    app_role: str = Field(description="the role that `serve` comes as; it gets its grants")
    nats_admin_url: str | None = Field(
        default=None, description="NATS as the user that makes streams; absent: none are made"
    )
    replicas: int | None = Field(
        default=None,
        ge=1,
        le=5,
        description="copies of a stream: 3 on a cluster; absent: as many as it has, or 1",
    )
