"""Recognising the header of a table: names in any order and in the forms that people write.

Pure and small: the child process that reads a workbook loads it too.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

# The header is looked for in so many rows: above it stand a title, a period, who filled it in.
HEAD_ROWS: Final = 20
# So many columns of a table are read: a header of commas alone must not hold a process up.
COLUMNS: Final = 2_000
# The column that an error workbook adds; when it comes back it says nothing.
REASON: Final = {"zh": "错误原因", "en": "What is wrong"}

_BRACKETS: Final = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|【[^【】]*】|〔[^〔〕]*〕|\{[^{}]*\}")
_MARKS: Final = re.compile(r"[\s*※:：﻿]+")
_TOTALS: Final = frozenset(
    {"合计", "总计", "小计", "累计", "共计", "本页合计", "本页小计", "total", "subtotal"}
)

Known = Mapping[str, tuple[str, int]]


def word(cell: object) -> str:
    """Write a header's cell so that forms of one name are equal: no blanks, stars, line breaks."""
    text = unicodedata.normalize("NFKC", "" if cell is None else str(cell))
    return _MARKS.sub("", text).casefold()


def bare(cell: object) -> str:
    """Write it without what stands in brackets, such as a unit."""
    return word(_BRACKETS.sub("", unicodedata.normalize("NFKC", "" if cell is None else str(cell))))


_REASONS: Final = frozenset(word(name) for name in REASON.values())


def is_reason(cell: object) -> bool:
    """Say whether a column is the one that an error workbook adds."""
    return word(cell) in _REASONS


def places(cells: Sequence[Any], known: Known) -> dict[str, int]:
    """Give where each field stands; of two columns that could be it, the better name counts."""
    found: dict[str, tuple[int, int]] = {}
    for at, cell in enumerate(cells[:COLUMNS]):
        field = known.get(word(cell)) or known.get(bare(cell))
        if field is not None and field[1] < found.get(field[0], (1 << 30, 0))[0]:
            found[field[0]] = (field[1], at)
    return {name: at for name, (_, at) in found.items()}


def is_header(cells: Sequence[Any], known: Known, needed: frozenset[str]) -> bool:
    """Say whether a row is the header: it names every needed field, and one at least."""
    found = places(cells, known).keys()
    return bool(found) and needed <= found


def header_at(rows: Sequence[Sequence[Any]], known: Known, needed: Iterable[str]) -> int | None:
    """Give which row is the header, the first that is one."""
    must = frozenset(needed)
    found = (at for at, cells in enumerate(rows[:HEAD_ROWS]) if is_header(cells, known, must))
    return next(found, None)


def likeliest(rows: Sequence[Sequence[Any]], known: Known) -> int:
    """Give which row comes nearest to a header, the first of equals."""
    return max(range(len(rows)), key=lambda at: (len(places(rows[at], known)), -at), default=0)


def is_total(cells: Sequence[Any], needed: Iterable[int]) -> bool:
    """Say whether a row is a sum 合计: it begins with that word, or lacks what every row needs."""
    words = [word(cell) for cell in cells]
    if not any(one in _TOTALS for one in words):
        return False
    first = next(one for one in words if one)
    return first in _TOTALS or any(
        at >= len(words) or not words[at] or words[at] in _TOTALS for at in needed
    )
