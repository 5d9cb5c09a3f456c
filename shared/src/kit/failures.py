"""What a failure of the database means: an outage, a value that cannot be, a lost race, a scope.

Sorted by SQLSTATE (PostgreSQL, appendix A). What is none of these is a bug and stays one.
"""

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from contracts.errors import Conflict, Forbidden, Invalid, Refusal, Unavailable

__all__ = ["PoolTimeout", "is_outage", "is_slow", "refusal_of"]


class Unstorable(Invalid):
    """A value that no column can hold: a NUL, half a character, a number past its range."""

    code = "value-unstorable"


class Collided(Conflict):
    """Another request made or removed the same thing at the same moment."""

    code = "requests-collided"


class OutsideYourScope(Forbidden):
    """The row would be one that the caller may not see: row-level security keeps it out."""

    code = "outside-your-scope"


def refusal_of(error: BaseException) -> Refusal | None:
    """Give the refusal that a failure means, or None for a bug."""
    if is_outage(error):
        return Unavailable()
    if isinstance(error, UnicodeEncodeError):
        return Unstorable(said=str(error)[:200])
    if not isinstance(error, DBAPIError):
        return None
    state = getattr(error.orig, "sqlstate", None) or ""
    if state[:2] == "22" or (not state and type(error.orig).__name__ == "DataError"):
        return Unstorable(said=str(error.orig)[:200])
    if state in {"23503", "23505", "23P01"}:
        return Collided()
    return OutsideYourScope() if state == "42501" else None


def is_outage(error: BaseException) -> bool:
    """Say whether a failure is the database's own: connection, deadlock, lock, shutdown.

    SQLSTATE classes 08 and 57, and 40001, 40P01, 55P03, 53xxx; or no connection at all.
    """
    if isinstance(error, (PoolTimeout, OSError)):
        return True
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        # The driver has kinds of its own below this one, such as for a connect that took too long.
        return error.connection_invalidated or isinstance(error, OperationalError)
    return state[:2] in {"08", "53", "57"} or state in {"40001", "40P01", "55P03"}


def is_slow(error: BaseException) -> bool:
    """Say whether a statement took too long (57014): an outage, or the statement's own fault.

    Who would try it again for ever asks this too, and after a few times takes it for a failure.
    """
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) == "57014"
