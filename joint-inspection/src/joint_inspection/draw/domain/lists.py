"""Lists of a draw: their exact text and what it says (heli-draw-1, lists).

Lines ended by LF, strictly ascending, nothing twice. Writing sorts; reading refuses whatever is
not exactly so, since the digest of the text stands in the plan.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import lt
from typing import NamedTuple, cast

from contracts.errors import Invalid
from joint_inspection.draw.domain.handles import HEX64, ID, Handle

WEIGHT_MOST = 1_000_000
HANDLE_LENGTH = 64
_HEX = b"0123456789abcdef"
# What may stand in a line after its handle.
_NOTHING = ""
_WEIGHT = r"\t[1-9][0-9]{0,6}"
_REASON = rf"\t{ID}"
_LIMIT_AND_QUALIFICATION = rf"\t(?:0|[1-9][0-9]{{0,8}})\t{ID}"
_INSPECTOR = rf"\t{HEX64}"


class LineMalformed(Invalid):
    """A line is not of its list's form."""

    code = "draw-line-malformed"


class ListNotAscending(Invalid):
    """Lines stand in strictly ascending byte order."""

    code = "draw-list-not-ascending"


class ListedTwice(Invalid):
    """Nothing stands twice in a list."""

    code = "draw-listed-twice"


class WeightTooLarge(Invalid):
    """A weight is 1 to 1,000,000; 1 is unweighted."""

    code = "draw-weight-too-large"


class Inspector(NamedTuple):
    """An inspector as drawn from: most visits before others come first, and one qualification."""

    handle: Handle
    limit: int
    qualification: str


@dataclass(frozen=True, slots=True)
class Weighted:
    """The targets of one allocation, ascending, each with its weight."""

    handles: Sequence[Handle]
    weights: Sequence[int]

    def __len__(self) -> int:
        return len(self.handles)


def write_handles(handles: Iterable[Handle]) -> str:
    """Write a pool or joins."""
    return _text(handles)


def write_weighted(weights: Mapping[Handle, int]) -> str:
    """Write an allocation; a weight of 1 is unweighted."""
    return _text([f"{handle}\t{weight}" for handle, weight in weights.items()])


def write_left_out(reasons: Mapping[Handle, str]) -> str:
    """Write what a department leaves out, with the reason's code in the policy table."""
    return _text([f"{handle}\t{reason}" for handle, reason in reasons.items()])


def write_inspectors(inspectors: Iterable[Inspector]) -> str:
    """Write a department's inspectors."""
    return _text([f"{i.handle}\t{i.limit}\t{i.qualification}" for i in inspectors])


def write_recused(pairs: Iterable[tuple[Handle, Handle]]) -> str:
    """Write recusals 回避: target and inspector who never meet (penalty law, art. 43)."""
    return _text([f"{target}\t{inspector}" for target, inspector in pairs])


def _text(lines: Iterable[str]) -> str:
    """Put lines in order; handles are all of one length, so lines sort as their handles do."""
    ordered = sorted(lines)
    return "\n".join(ordered) + "\n" if ordered else ""


def read_handles(text: str, *, name: str) -> list[Handle]:
    """Read a pool or joins; refuses LineMalformed, ListNotAscending, ListedTwice."""
    return _read(text, _NOTHING, name=name)[0]


def read_weighted(text: str, *, name: str) -> Weighted:
    """Read an allocation; refuses what `read_handles` refuses, and WeightTooLarge."""
    handles, rests = _read(text, _WEIGHT, name=name)
    weights = {rest: int(rest) for rest in set(rests)}
    largest = max(weights.values(), default=1)
    if largest > WEIGHT_MOST:
        raise WeightTooLarge(list=name, got=largest, most=WEIGHT_MOST)
    return Weighted(handles, [weights[rest] for rest in rests])


def read_left_out(text: str, *, name: str) -> list[Handle]:
    """Read the handles left out; refuses what `read_handles` refuses."""
    return _read(text, _REASON, name=name)[0]


def read_inspectors(text: str, *, name: str) -> list[Inspector]:
    """Read a department's inspectors; refuses what `read_handles` refuses."""
    handles, rests = _read(text, _LIMIT_AND_QUALIFICATION, name=name)
    cells = [rest.split("\t") for rest in rests]
    return [
        Inspector(handle, int(limit), qualification)
        for handle, (_, limit, qualification) in zip(handles, cells, strict=True)
    ]


def read_recused(text: str, *, name: str) -> frozenset[tuple[Handle, Handle]]:
    """Read the pairs recused; refuses what `read_handles` refuses."""
    lines = _lines(text, name=name)
    targets, rests = _parts(lines, _INSPECTOR, name=name)
    _ascending(lines, name=name)
    return frozenset(zip(targets, [Handle(rest[1:]) for rest in rests], strict=True))


def _read(text: str, rest: str, *, name: str) -> tuple[list[Handle], list[str]]:
    handles, rests = _parts(_lines(text, name=name), rest, name=name)
    _ascending(handles, name=name)
    return handles, rests


def _lines(text: str, *, name: str) -> list[str]:
    lines = text.split("\n")
    if lines.pop():
        raise LineMalformed(list=name, line=len(lines) + 1, got="no LF at the end")
    return lines


def _parts(lines: Sequence[str], rest: str, *, name: str) -> tuple[list[Handle], list[str]]:
    """Cut each line after its handle and look at all handles together, at each rest once.

    Five times as fast as one match a line; only a list that fails is gone through line by line.
    """
    handles = [line[:HANDLE_LENGTH] for line in lines]
    rests = [line[HANDLE_LENGTH:] for line in lines]
    fits = re.compile(rest).fullmatch
    joined = "".join(handles)
    whole = len(joined) == HANDLE_LENGTH * len(handles) and joined.isascii()
    if not whole or joined.encode().translate(None, _HEX) or not all(map(fits, set(rests))):
        form = re.compile(HEX64 + rest).fullmatch
        at, bad = next((at, line) for at, line in enumerate(lines, 1) if not form(line))
        raise LineMalformed(list=name, line=at, got=bad[:200])
    return cast("list[Handle]", handles), rests


def _ascending(lines: Sequence[str], *, name: str) -> None:
    if all(map(lt, lines, lines[1:])):
        return
    seen: set[str] = set()
    for at, line in enumerate(lines, 1):
        if line in seen:
            raise ListedTwice(list=name, line=at, got=line)
        seen.add(line)
    at = next(at for at in range(1, len(lines)) if lines[at] < lines[at - 1])
    raise ListNotAscending(list=name, line=at + 1, got=lines[at])
