"""Ratio and frequency of a random inspection, from an official's words to numbers and rules.

The lists (国发〔2019〕5号, 随机抽查事项清单) say them in words: a bound, a share or a number, a
period, for a level of government or a class of subjects, sometimes with an alternative. A sentence
of which a single word is not understood gives no rule at all: its words are left, with a reason. So
no number is ever invented, and none is lost.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from contracts.item_registry import (
    Bound,
    Period,
    Sampling,
    SamplingFlag,
    SamplingRule,
    Share,
    Unread,
    UnreadCode,
)
from item_registry.item.domain.wording import Kind, Token, cut, levels_of

_SEPARATE: Final = frozenset({Kind.STOP, Kind.OR, Kind.COMMA})
_QUANTITIES: Final = frozenset({Kind.SHARE, Kind.TIMES, Kind.COUNT})
_ONCE: Final = (*_QUANTITIES, Kind.BY, Kind.OF, Kind.PERIOD)
# Who decides instead of a number, the most telling first.
_DECIDED: Final = (
    (re.compile(r"由.*(?:部门|局|机关|所|站).*(?:确定|提出|制定|决定)"), UnreadCode.BY_AUTHORITY),
    (re.compile(r"《.*》"), UnreadCode.BY_DOCUMENT),
    (re.compile(r"(?:结合|随同|纳入).*(?:一并|同步|合并)"), UnreadCode.WITH_OTHER_ITEM),
    (re.compile(r"计划"), UnreadCode.BY_PLAN),
    (
        re.compile(r"(?:根据|按照?|视|结合|依).*(?:实际|情况|需要|风险|确定)"),
        UnreadCode.BY_CONDITIONS,
    ),
)
# Words that take something away from what a number beside them says.
_EXCEPT: Final = re.compile(r"[除但若如另]|不含|不包括|例外")
_NUMBER: Final = re.compile(r"[\d%‰‱]|分之")
_GRAVE: Final = (UnreadCode.NUMBER_UNREAD, UnreadCode.WORDS_UNREAD, UnreadCode.PERIOD_MISSING)


@dataclass(frozen=True, slots=True)
class _Said:
    """What a piece between commas says beside its number; the piece before lends what it lacks."""

    by: str | None = None
    of: str | None = None
    each: bool = False
    period: Period | None = None
    usual: bool = False
    as_needed: bool = False


@dataclass(frozen=True, slots=True)
class _Piece:
    """What stands between two commas, with the place it has in a choice."""

    tokens: tuple[Token, ...]
    choice: int | None = None
    alternative: int | None = None

    @property
    def start(self) -> int:
        return self.tokens[0].start

    @property
    def end(self) -> int:
        return self.tokens[-1].end

    def of_kind(self, *kinds: Kind) -> list[Token]:
        return [token for token in self.tokens if token.kind in kinds]


class _NotRead(Exception):
    """A piece is understood only in part."""


def read(text: str) -> Sampling:
    """Read a ratio or a frequency; every number of the text is in a rule or in what is left."""
    rules: list[SamplingRule] = []
    left: list[Unread] = []
    for sentence in _sentences(cut(text)):
        said, unread = _sentence(text, sentence)
        rules += said
        left += unread
    return Sampling(text=text, rules=tuple(rules), flag=_flag(left))


def _flag(left: Sequence[Unread]) -> SamplingFlag | None:
    if not left:
        return None
    grave = (code for code in _GRAVE if any(one.code is code for one in left))
    return SamplingFlag(code=next(grave, left[0].code), left=tuple(left))


def _sentences(tokens: Iterable[Token]) -> Iterator[list[_Piece]]:
    """Divide tokens into sentences of pieces; one that begins with `or` goes on with the last."""
    choices = 0
    for alternatives in _grouped(tokens):
        several = len(alternatives) > 1
        choices += several
        pieces = [
            _Piece(tuple(piece), choices if several else None, number if several else None)
            for number, pieces in enumerate(alternatives, start=1)
            for piece in pieces
        ]
        if pieces:
            yield pieces


def _grouped(tokens: Iterable[Token]) -> list[list[list[list[Token]]]]:
    """Give sentences → alternatives → pieces → tokens."""
    made: list[list[list[list[Token]]]] = [[[[]]]]
    ended = False
    for token in tokens:
        if token.kind is Kind.STOP:
            ended = True
        elif token.kind is Kind.OR:
            made[-1].append([[]])
            ended = False
        else:
            if ended:
                made.append([[[]]])
                ended = False
            if token.kind is Kind.COMMA:
                made[-1][-1].append([])
            else:
                made[-1][-1][-1].append(token)
    full = [
        [[_trimmed(piece) for piece in alternative if _trimmed(piece)] for alternative in sentence]
        for sentence in made
    ]
    return [sentence for sentence in full if any(sentence)]


def _trimmed(tokens: Sequence[Token]) -> list[Token]:
    return list(tokens) if any(token.end - token.start for token in tokens) else []


def _sentence(text: str, pieces: Sequence[_Piece]) -> tuple[list[SamplingRule], list[Unread]]:
    whole = _words(text, pieces[0].start, pieces[-1].end)
    if not any(piece.of_kind(*_QUANTITIES) for piece in pieces):
        return [], [_left(whole)]
    try:
        return _read_sentence(text, pieces)
    except _NotRead:
        return [], [Unread(code=UnreadCode.NUMBER_UNREAD, words=whole)]


def _left(words: str) -> Unread:
    if _NUMBER.search(words):
        return Unread(code=UnreadCode.NUMBER_UNREAD, words=words)
    found = (code for pattern, code in _DECIDED if pattern.search(words))
    return Unread(code=next(found, UnreadCode.WORDS_UNREAD), words=words)


def _read_sentence(text: str, pieces: Sequence[_Piece]) -> tuple[list[SamplingRule], list[Unread]]:
    rules: list[SamplingRule] = []
    left: list[Unread] = []
    said = _Said()
    since: int | None = None
    for piece in pieces:
        since = piece.start if since is None else since
        if piece.of_kind(Kind.OTHER) or not piece.of_kind(*_QUANTITIES, *_CONTEXT):
            left.append(_decided(text, piece))
            since = None
            continue
        said = _heard(text, piece, said)
        if not piece.of_kind(*_QUANTITIES):
            continue
        words = _words(text, since, piece.end)
        said = _lent(said, piece, rules)
        rules += _rules(piece, said, words)
        left += _without_period(piece, said, words)
        said, since = _Said(by=said.by, of=said.of, each=said.each), None
    if since is not None:
        raise _NotRead
    return rules, left


_CONTEXT: Final = (Kind.BY, Kind.OF, Kind.PERIOD, Kind.USUAL, Kind.NEEDED, Kind.FILLER)


def _decided(text: str, piece: _Piece) -> Unread:
    """Take a piece without a number that says who or what decides instead; refuses all others."""
    words = _words(text, piece.start, piece.end)
    unread = _left(words)
    sure = unread.code not in (UnreadCode.NUMBER_UNREAD, UnreadCode.WORDS_UNREAD)
    if piece.of_kind(*_QUANTITIES) or not sure or _EXCEPT.search(words):
        raise _NotRead
    return Unread(code=unread.code, words=words, choice=piece.choice, alternative=piece.alternative)


def _heard(text: str, piece: _Piece, before: _Said) -> _Said:
    """Add what a piece says to what the pieces before it said."""
    if any(len(piece.of_kind(kind)) > 1 for kind in _ONCE):
        raise _NotRead
    said = before
    for token in piece.tokens:
        words = _words(text, token.start, token.end)
        match token.kind:
            case Kind.BY:
                said = replace(said, by=words)
            case Kind.OF:
                said = replace(said, of=words, each=token.each)
            case Kind.PERIOD if token.unit is not None:
                period = Period(every=int(token.numbers[0]), unit=token.unit)
                said = replace(said, period=period)
            case Kind.USUAL:
                said = replace(said, usual=True)
            case Kind.NEEDED:
                said = replace(said, as_needed=True)
            case _:
                pass
    return said


def _lent(said: _Said, piece: _Piece, rules: Sequence[SamplingRule]) -> _Said:
    """Let a number of times have the period of the alternative before it: 每年1次或2次."""
    last = rules[-1] if rules else None
    if said.period or not piece.of_kind(Kind.TIMES) or last is None or last.times is None:
        return said
    same = piece.choice is not None and piece.choice == last.choice
    return replace(said, period=last.period) if same else said


def _without_period(piece: _Piece, said: _Said, words: str) -> list[Unread]:
    if said.period is not None or not piece.of_kind(Kind.TIMES):
        return []
    return [
        Unread(
            code=UnreadCode.PERIOD_MISSING,
            words=words,
            choice=piece.choice,
            alternative=piece.alternative,
        )
    ]


def _rules(piece: _Piece, said: _Said, words: str) -> list[SamplingRule]:
    """Make the rules of a piece: one, or the two ends of a range."""
    shares, times, counts = (
        numbers[0].numbers if (numbers := piece.of_kind(kind)) else ()
        for kind in (Kind.SHARE, Kind.TIMES, Kind.COUNT)
    )
    bounds = piece.of_kind(Kind.BEFORE) + _after(piece)
    totals, each = piece.of_kind(Kind.TOTAL), piece.of_kind(Kind.EACH)
    both = bool(shares and times)
    ranged = max(len(shares), len(times), len(counts)) > 1
    wrong = (
        len(bounds) > 1
        or (counts and (shares or times))
        or (both and (bounds or ranged))
        or (ranged and bounds)
        or (totals and (times or not shares))
        or (each and not both)
    )
    if wrong or len(totals) + len(each) > 1:
        raise _NotRead
    base = SamplingRule(
        words=words,
        bound=Bound.EXACTLY,
        period=said.period,
        by=said.by,
        levels=levels_of(said.by or ""),
        of=said.of,
        each=said.each,
        total=bool(totals),
        usual=said.usual,
        as_needed=said.as_needed,
        choice=piece.choice,
        alternative=piece.alternative,
    )
    if ranged:
        ends = zip((Bound.AT_LEAST, Bound.AT_MOST), range(2), strict=True)
        return [
            base.model_copy(update={"bound": bound} | _numbers(shares[n:], times[n:], counts[n:]))
            for bound, n in ends
        ]
    bound = bounds[0].bound if bounds else Bound.EXACTLY
    return [base.model_copy(update={"bound": bound} | _numbers(shares, times, counts))]


def _after(piece: _Piece) -> list[Token]:
    """Give 以上, 以内 and 左右, which bind only what stands right before them."""
    found = []
    for token, before in zip(piece.tokens[1:], piece.tokens, strict=False):
        if token.kind is Kind.AFTER:
            if before.kind not in (*_QUANTITIES, Kind.PERIOD):
                raise _NotRead
            found.append(token)
    if piece.tokens[0].kind is Kind.AFTER:
        raise _NotRead
    return found


def _numbers(
    shares: Sequence[Fraction], times: Sequence[Fraction], counts: Sequence[Fraction]
) -> dict[str, object]:
    share = Share(**_fraction(shares[0])) if shares else None
    return {
        "share": share,
        "times": int(times[0]) if times else None,
        "count": int(counts[0]) if counts else None,
    }


def _fraction(value: Fraction) -> dict[str, int]:
    return {"numerator": value.numerator, "denominator": value.denominator}


def _words(text: str, start: int, end: int) -> str:
    return text[start:end].strip()
