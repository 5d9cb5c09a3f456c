"""Settings of credit-service: those of every service."""

from kit.settings import ServiceSettings


class Settings(ServiceSettings):
    """Nothing of its own yet."""
