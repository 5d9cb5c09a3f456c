"""One file as it is sent."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sheet:
    """One file as a department sends it (`None`: the administrator).

    `expect`: "new"; "again", the same file a second time; "corrected", some rows say otherwise.
    """

    department: str | None
    collection: str
    name: str
    media: str
    body: bytes
    rows: int
    expect: str = "new"
