"""Settings of risk-monitor: those that every service has."""

from kit.settings import ServiceSettings


class Settings(ServiceSettings):
    """Nothing of its own yet."""
