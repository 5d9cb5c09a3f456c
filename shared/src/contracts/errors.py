"""Refusals: lawful answers that say no.

    Refusal
    ├── Malformed      400  not HTTP as its own headers promise, or not UTF-8
    ├── Unauthorized   401  no credential, or one that does not hold
    ├── Forbidden      403  known, but not allowed to do this
    ├── NotFound       404  not there, or out of the caller's scope
    ├── Conflict       409  the state of things does not allow it
    ├── Stale          412  If-Match names an older version
    ├── TooLarge       413  over a limit
    ├── Invalid        422  a value that cannot be: field, got, expected
    ├── NeedsVersion   428  If-Match is missing
    ├── TooMany        429  more at once than can be kept up with
    └── Unavailable    503  try again later

A service subclasses one of these beside the rule that raises it and gives a stable `code`. The
sentences for each code, Chinese and English, stand in a `problems.toml`: this package's siblings
`kit/problems.toml` for what all services share, `<package>/problems.toml` for a service's own.
Only `kit.errors` knows HTTP.
"""

from typing import ClassVar


class Refusal(Exception):
    """A lawful no, with a stable code and the facts that explain it."""

    code: ClassVar[str] = "refused"

    def __init__(self, **facts: object) -> None:
        super().__init__(self.code, facts)
        self.facts = facts


class Malformed(Refusal):
    """The request breaks its own promises before it can be read: facts `got` and `expected`."""

    code = "malformed"


class Unauthorized(Refusal):
    """There is no credential, or it does not hold."""

    code = "unauthorized"


class Forbidden(Refusal):
    """The caller is known but may not do this."""

    code = "forbidden"


class NotFound(Refusal):
    """There is no such thing in the caller's scope."""

    code = "not-found"


class Conflict(Refusal):
    """The state of things does not allow it."""

    code = "conflict"


class Stale(Refusal):
    """The caller saw an older version."""

    code = "stale"


class TooLarge(Refusal):
    """Over a limit: facts `limit` and `got`, in bytes or rows."""

    code = "too-large"


class Invalid(Refusal):
    """A value that cannot be: facts `field`, `got`, `expected`, maybe `suggestion`."""

    code = "invalid"


class NeedsVersion(Refusal):
    """A change of a draft must say which version it saw."""

    code = "needs-version"


class TooMany(Refusal):
    """More work than is kept up with; trying again later succeeds."""

    code = "too-many"


class Unavailable(Refusal):
    """Something needed is not there now; trying again later may succeed."""

    code = "unavailable"
