"""Policy as data: every limit, term and threshold with its dates and legal basis.

Rows stand in `<package>/policy.toml`, one table a key with one entry for each time it held:

    [[clue.sign]]
    value = 1
    unit = "working_day"
    from = 2024-01-01
    basis = "…"
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from contracts.errors import Conflict


class NoPolicy(Conflict):
    """No row of the policy table holds on that day."""

    code = "no-policy"


@dataclass(frozen=True, slots=True)
class Row:
    """One value that held from a day until (not including) another, and why."""

    key: str
    values: Mapping[str, Any]
    from_: date
    to: date | None
    basis: str


@cache
def load(package: str) -> tuple[Row, ...]:
    """Read a service's policy table; keys are dotted (`clue.sign`)."""
    table = tomllib.loads(files(package).joinpath("policy.toml").read_text("utf-8"))
    return tuple(_rows("", table))


def _rows(prefix: str, table: Mapping[str, Any]) -> Sequence[Row]:
    found: list[Row] = []
    for name, value in table.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping):
            found += _rows(f"{key}.", value)
            continue
        for entry in value:
            rest = {n: v for n, v in entry.items() if n not in {"from", "to", "basis"}}
            found.append(Row(key, rest, entry["from"], entry.get("to"), entry["basis"]))
    return found


def in_force(rows: Sequence[Row], key: str, on: date) -> Row:
    """Give the row of a key that holds on a day; refuses NoPolicy."""
    for row in rows:
        if row.key == key and row.from_ <= on and (row.to is None or on < row.to):
            return row
    raise NoPolicy(key=key, on=on.isoformat())


def all_in_force(rows: Sequence[Row], prefix: str, on: date) -> tuple[Row, ...]:
    """Give every row below a key that holds on a day, in the order of the file."""
    held = (row for row in rows if row.from_ <= on and (row.to is None or on < row.to))
    return tuple(row for row in held if row.key.startswith(f"{prefix}."))
