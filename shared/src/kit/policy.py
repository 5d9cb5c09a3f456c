"""Policy as data: every limit, term, threshold and word with its dates, basis and approval.

Rows stand in `<package>/policy.toml`, one table a key with one entry for each time it held:

    approval = "shipped default, to be approved by the operator"

    [[clue.sign]]
    unit = "working_day"
    count = 1
    from = 2024-01-01
    basis = "…"

`to` is the first day on which a row no longer holds. `approval` says who put it in force; a row may
have its own, else the file's holds. An operator adds rows in a file of the same shape
(`HELI_POLICY`): on the days that they cover they stand before the shipped ones. What was begun
under a row keeps what it said, whatever comes later: answers are given as of a day.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from contracts.errors import Conflict
from kit.deadlines import Term, TermImpossible, Unit

_SHAPE: Final = frozenset({"from", "to", "basis", "approval"})
_TERM: Final = frozenset({"unit", "count"})


class NoPolicy(Conflict):
    """No row of the policy table holds on that day."""

    code = "no-policy"


class PolicyWrong(ValueError):
    """A policy file cannot be taken as it is; says everything that is wrong in it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One value that held from a day until (not including) another, why, and by whose approval."""

    key: str
    values: Mapping[str, Any]
    from_: date
    to: date | None
    basis: str
    approval: str
    shipped: bool = True

    def holds(self, on: date) -> bool:
        """Say whether it holds on a day."""
        return self.from_ <= on and (self.to is None or on < self.to)


# The operator's files, by package: said once when a process starts.
_added: Final[dict[str, Path]] = {}


def use(package: str, path: Path | None) -> tuple[Row, ...]:
    """Read a service's table with the rows that an operator adds; refuses PolicyWrong."""
    _added.pop(package, None)
    if path is not None:
        _added[package] = path
    load.cache_clear()
    return load(package)


@cache
def load(package: str) -> tuple[Row, ...]:
    """Read a service's policy table; keys are dotted (`clue.sign`). Refuses PolicyWrong."""
    shipped = read(files(package).joinpath("policy.toml").read_text("utf-8"), f"{package}/policy")
    path = _added.get(package)
    if path is None:
        return shipped
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as no:
        raise PolicyWrong(f"{path}: {no}") from no
    return added(shipped, read(text, str(path)), str(path))


def read(text: str, name: str) -> tuple[Row, ...]:
    """Read one file; refuses PolicyWrong with every row that has not the shape, or overlaps."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as no:
        raise PolicyWrong(f"{name}: {no}") from no
    approval = table.pop("approval", "")
    entries = list(_entries("", table))
    wrong = [f"{key}: {why}" for key, entry in entries for why in _faults(entry, approval)]
    if wrong:
        raise PolicyWrong(f"{name}: " + "; ".join(wrong))
    rows = tuple(_row(key, entry, approval) for key, entry in entries)
    _require_apart(rows, name)
    return rows


def added(shipped: Sequence[Row], more: Sequence[Row], name: str) -> tuple[Row, ...]:
    """Put an operator's rows before the shipped ones, day by day; refuses PolicyWrong.

    A row must have the shape of what is shipped under its key, or of the rows beside it: a new
    density, say, is made like the densities that there are.
    """
    wrong = [f"{row.key}: {why}" for row in more for why in _unlike(row, shipped)]
    if wrong:
        raise PolicyWrong(f"{name}: " + "; ".join(wrong))
    rest = list(shipped)
    for row in more:
        rest = [part for one in rest for part in _outside(one, row)]
    place = {row.key: n for n, row in reversed([*enumerate(shipped)])}  # the first that fits counts
    rows = [*(replace(row, shipped=False) for row in more), *rest]
    return tuple(sorted(rows, key=lambda row: place.get(row.key, len(shipped))))


def in_force(rows: Sequence[Row], key: str, on: date) -> Row:
    """Give the row of a key that holds on a day; refuses NoPolicy."""
    for row in rows:
        if row.key == key and row.holds(on):
            return row
    raise NoPolicy(key=key, on=on.isoformat())


def all_in_force(rows: Sequence[Row], prefix: str, on: date) -> tuple[Row, ...]:
    """Give every row below a key that holds on a day, in the order of the file."""
    return tuple(row for row in rows if row.holds(on) and row.key.startswith(f"{prefix}."))


def term_of(row: Row) -> Term:
    """Read a row that is a term: `unit`, `count`, `first_day_counts`, `roll_forward`."""
    values = row.values
    return Term(
        Unit(values["unit"]),
        values["count"],
        first_day_counts=values.get("first_day_counts", False),
        roll_forward=values.get("roll_forward", True),
    )


def _entries(prefix: str, table: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    for name, value in table.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from _entries(f"{key}.", value)
        else:
            yield from ((key, entry) for entry in (value if isinstance(value, list) else [value]))


def _row(key: str, entry: Mapping[str, Any], approval: str) -> Row:
    values = {name: value for name, value in entry.items() if name not in _SHAPE}
    by = entry.get("approval", approval)
    return Row(key, values, entry["from"], entry.get("to"), entry["basis"], by)


def _faults(entry: object, approval: object) -> Iterable[str]:
    """Say what of the shape is missing in an entry."""
    if not isinstance(entry, Mapping):
        yield f"rows are written [[key]] with from and basis, not {entry!r}"
        return
    begins, ends = entry.get("from"), entry.get("to")
    if type(begins) is not date:
        yield f"from is {begins!r}, expected a date such as 2024-01-01"
    elif ends is not None and (type(ends) is not date or ends <= begins):
        yield f"to is {ends}, expected a date after {begins}"
    for name, said in (
        ("basis", entry.get("basis")),
        ("approval", entry.get("approval", approval)),
    ):
        if not isinstance(said, str) or not said.strip():
            yield f"{name} is {said!r}, expected words: 依据 law and article, 批准 by whom and when"
    if entry.keys() >= _TERM:
        try:
            Term(entry["unit"], entry["count"])
        except (TermImpossible, TypeError) as no:
            yield f"no term: {no.facts if isinstance(no, TermImpossible) else no}"


def _require_apart(rows: Sequence[Row], name: str) -> None:
    """Let one row of a key follow another without holding twice on a day, or leaving days out."""
    wrong: list[str] = []
    for one, other in pairwise(sorted(rows, key=lambda row: (row.key, row.from_))):
        if one.key == other.key and one.to != other.from_:
            over = one.to is None or one.to > other.from_
            what = "two rows hold from" if over else f"no row holds from {one.to} to"
            wrong.append(f"{one.key}: {what} {other.from_}")
    if wrong:
        raise PolicyWrong(f"{name}: " + "; ".join(wrong))


def _unlike(row: Row, shipped: Sequence[Row]) -> Iterable[str]:
    """Say in which values a row differs in kind from those that it stands for."""
    above = row.key.rpartition(".")[0]
    beside = [one for one in shipped if above and one.key.rpartition(".")[0] == above]
    like = [one for one in shipped if one.key == row.key] or beside
    if not like:
        yield "no such key"
        return
    kinds = {name: type(value) for one in like for name, value in one.values.items()}
    needed = set.intersection(*(set(one.values) for one in like))
    for name in sorted(needed - row.values.keys()):
        yield f"{name} is missing"
    for name, value in row.values.items():
        optional = bool if name in {"first_day_counts", "roll_forward"} else None
        kind = kinds.get(name, optional if kinds.keys() >= _TERM else None)
        if kind is None:
            yield f"{name} is unknown, expected {', '.join(sorted(kinds))}"
        elif type(value) is not kind:
            yield f"{name} is {value!r}, expected {kind.__name__} such as {_example(like, name)!r}"


def _example(like: Sequence[Row], name: str) -> object:
    return next((one.values[name] for one in like if name in one.values), True)


def _outside(row: Row, over: Row) -> Iterable[Row]:
    """Give what is left of a row beside another of its key: the days before, the days after."""
    if row.key != over.key:
        yield row
        return
    if row.from_ < over.from_:
        yield replace(row, to=over.from_ if row.to is None else min(row.to, over.from_))
    if over.to is not None and (row.to is None or over.to < row.to):
        yield replace(row, from_=max(row.from_, over.to))
