"""Settings of joint-inspection: those that every service has."""

from kit.settings import ServiceSettings


class Settings(ServiceSettings):
    """Nothing beyond what every service needs."""
