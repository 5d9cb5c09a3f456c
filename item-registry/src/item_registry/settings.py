"""Settings of item-registry: those that every service has."""

from kit.settings import ServiceSettings


class Settings(ServiceSettings):
    """item-registry needs nothing of its own."""
