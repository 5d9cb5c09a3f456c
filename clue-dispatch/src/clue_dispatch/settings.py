"""Settings of clue-dispatch: those that every service has."""

from kit.settings import ServiceSettings


class Settings(ServiceSettings):
    """What clue-dispatch needs to run."""
