"""What a person may set from outside, all with the prefix HELI_."""

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Variables of the environment that the command reads; options of the command come first."""

    model_config = SettingsConfigDict(env_prefix="HELI_", extra="ignore", frozen=True)

    data: Path = Path(".heli")
    gateway: str | None = None
    client_id: str | None = None
    client_secret: str | None = None
    pg_bin: Path | None = None
    nats_bin: Path | None = None
    database_url: str | None = None
    nats_url: str | None = None
    failpoints: bool = False
    archive: Path | None = None

    def changed(self, **given: object) -> "Settings":
        """Give these settings with what was given on the command line."""
        return self.model_copy(
            update={name: value for name, value in given.items() if value is not None}
        )
