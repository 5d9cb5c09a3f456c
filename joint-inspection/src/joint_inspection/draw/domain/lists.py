"""Lists of a draw: their exact text and what it says (heli-draw-1, lists).

Lines ended by LF, strictly ascending, nothing twice. Writing sorts; reading refuses whatever is
not exactly so, since the digest of the text stands in the plan.
"""

import re
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import add, lt
from typing import NamedTuple, cast

from contracts.errors import Invalid
from joint_inspection.draw.domain.handles import HEX64, ID, Handle

WEIGHT_MOST = 1_000_000
HANDLE_LENGTH = 64
_HEX = b"0123456789abcdef"
_PIECE = 64 * 1024  # characters read at once: lines then stay in the processor's cache
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
class Flat:
    """Handles kept as few long texts: 65 bytes each, where a list of them takes 121."""

    pieces: Sequence[str]
    count: int

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Handle]:
        for piece in self.pieces:
            yield from cast("list[Handle]", piece.split("\n"))

    def __contains__(self, handle: object) -> bool:
        return any(handle == one for one in self)


@dataclass(frozen=True, slots=True)
class Weighted:
    """The targets of one allocation, ascending, each with its weight."""

    handles: Collection[Handle]
    weights: Sequence[int]

    def __len__(self) -> int:
        return len(self.handles)


def write_handles(handles: Iterable[Handle]) -> str:
    """Write a pool or joins."""
    return _text(handles)


def write_weighted(by_weight: Mapping[int, Iterable[Handle]]) -> str:
    """Write an allocation; a weight of 1 is unweighted."""
    return _marked(by_weight)


def write_left_out(by_reason: Mapping[str, Iterable[Handle]]) -> str:
    """Write what a department leaves out, with the reason's code in the policy table."""
    return _marked(by_reason)


def write_inspectors(inspectors: Iterable[Inspector]) -> str:
    """Write a department's inspectors."""
    return _text([f"{i.handle}\t{i.limit}\t{i.qualification}" for i in inspectors])


def write_recused(pairs: Iterable[tuple[Handle, Handle]]) -> str:
    """Write recusals 回避: target and inspector who never meet (penalty law, art. 43)."""
    return _text([f"{target}\t{inspector}" for target, inspector in pairs])


def _marked(by_mark: Mapping[int, Iterable[Handle]] | Mapping[str, Iterable[Handle]]) -> str:
    """Write each handle with its mark; one mark for all needs no line made for each handle."""
    if len(by_mark) > 1:
        return _text(f"{handle}\t{mark}" for mark, some in by_mark.items() for handle in some)
    for mark, handles in by_mark.items():
        ordered, end = sorted(handles), f"\t{mark}\n"
        return end.join(ordered) + end if ordered else ""
    return ""


def _text(lines: Iterable[str]) -> str:
    """Put lines in order; handles are all of one length, so lines sort as their handles do."""
    ordered = sorted(lines)
    return "\n".join(ordered) + "\n" if ordered else ""


def read_handles(text: str, *, name: str) -> list[Handle]:
    """Read a pool or joins; refuses LineMalformed, ListNotAscending, ListedTwice."""
    return _handles(text, _NOTHING, name=name)


def read_weighted(text: str, *, name: str) -> Weighted:
    """Read an allocation; refuses what `read_handles` refuses, and WeightTooLarge."""
    pieces: list[str] = []
    weights = array("I")
    of_rest: dict[str, int] = {}
    for handles, rests in _read(text, _WEIGHT, name=name):
        pieces.append("\n".join(handles))
        of_rest |= {rest: int(rest) for rest in set(rests).difference(of_rest)}
        weights.extend(map(of_rest.__getitem__, rests))
    largest = max(of_rest.values(), default=1)
    if largest > WEIGHT_MOST:
        raise WeightTooLarge(list=name, got=largest, most=WEIGHT_MOST)
    return Weighted(Flat(pieces, len(weights)), weights)


def read_left_out(text: str, *, name: str) -> list[Handle]:
    """Read the handles left out; refuses what `read_handles` refuses."""
    return _handles(text, _REASON, name=name)


def read_inspectors(text: str, *, name: str) -> list[Inspector]:
    """Read a department's inspectors; refuses what `read_handles` refuses."""
    found = []
    for handles, rests in _read(text, _LIMIT_AND_QUALIFICATION, name=name):
        for handle, rest in zip(handles, rests, strict=True):
            _, limit, qualification = rest.split("\t")
            found.append(Inspector(handle, int(limit), qualification))
    return found


def read_recused(text: str, *, name: str) -> frozenset[tuple[Handle, Handle]]:
    """Read the pairs recused; refuses what `read_handles` refuses."""
    return frozenset(
        (target, Handle(rest[1:]))
        for targets, rests in _read(text, _INSPECTOR, name=name)
        for target, rest in zip(targets, rests, strict=True)
    )


def _handles(text: str, rest: str, *, name: str) -> list[Handle]:
    return list(chain.from_iterable(handles for handles, _ in _read(text, rest, name=name)))


def _read(text: str, rest: str, *, name: str) -> Iterator[tuple[list[Handle], list[str]]]:
    """Cut a list piece by piece into handles and what stands behind each.

    All handles of a piece are looked at together, each rest once: many times as fast as one match
    a line. Only a list that fails is gone through line by line.
    """
    fits = re.compile(rest).fullmatch
    known: set[str] = set()
    before = ""
    for piece in _pieces(text):
        handles, rests = _cut(piece)
        new = set(rests) - known
        keys = list(map(add, handles, rests)) if rest is _INSPECTOR else handles
        if not (
            piece.endswith("\n")
            and _are_handles(handles)
            and all(map(fits, new))
            and before < keys[0]
            and all(map(lt, keys, keys[1:]))
        ):
            _refuse(text, rest, name=name)
        known |= new
        before = keys[-1]
        yield cast("list[Handle]", handles), rests


def _cut(piece: str) -> tuple[list[str], list[str]]:
    """Cut each line after its handle; at once where the same stands behind all of them."""
    mark = piece[HANDLE_LENGTH : piece.find("\n")]
    if piece.count(f"{mark}\n") == piece.count("\n"):
        handles = (piece.replace(f"{mark}\n", "\n") if mark else piece).split("\n")
        handles.pop()
        return handles, [mark] * len(handles)
    lines = piece.split("\n")
    lines.pop()
    return [line[:HANDLE_LENGTH] for line in lines], [line[HANDLE_LENGTH:] for line in lines]


def _pieces(text: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        end = text.find("\n", start + _PIECE) + 1 or len(text)
        yield text[start:end]
        start = end


def _are_handles(handles: Sequence[str]) -> bool:
    if set(map(len, handles)) != {HANDLE_LENGTH}:
        return False
    joined = "".join(handles)
    return joined.isascii() and not joined.encode().translate(None, _HEX)


def _refuse(text: str, rest: str, *, name: str) -> None:
    """Say what is wrong with a list, and in which line."""
    lines = text.split("\n")
    if lines.pop():
        raise LineMalformed(list=name, line=len(lines) + 1, got="no LF at the end")
    form = re.compile(HEX64 + rest).fullmatch
    for at, line in enumerate(lines, 1):
        if not form(line):
            raise LineMalformed(list=name, line=at, got=line[:200])
    keys = lines if rest is _INSPECTOR else [line[:HANDLE_LENGTH] for line in lines]
    seen: set[str] = set()
    for at, key in enumerate(keys, 1):
        if key in seen:
            raise ListedTwice(list=name, line=at, got=key)
        seen.add(key)
    at = next(at for at in range(1, len(keys)) if keys[at] < keys[at - 1])
    raise ListNotAscending(list=name, line=at + 1, got=keys[at])
