"""Words of a ratio or frequency 抽查比例、抽查频次, cut into tokens that each mean one thing.

What no token means is `OTHER`: whoever reads the tokens must not read past it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final

from contracts.item_registry import Bound, PeriodUnit


class Kind(StrEnum):
    """What a token means."""

    SHARE = "share"
    TIMES = "times"
    COUNT = "count"
    PERIOD = "period"
    BEFORE = "before"
    AFTER = "after"
    BY = "by"
    OF = "of"
    USUAL = "usual"
    NEEDED = "needed"
    TOTAL = "total"
    EACH = "each"
    OR = "or"
    STOP = "stop"
    COMMA = "comma"
    FILLER = "filler"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Token:
    """A stretch of the text, what it means, and the numbers that it says (one, or a range)."""

    kind: Kind
    start: int
    end: int
    numbers: tuple[Fraction, ...] = ()
    unit: PeriodUnit | None = None
    bound: Bound | None = None
    each: bool = False


_WIDE: Final = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)} | {0x3000: " "}
_DIGITS: Final = {sign: value for value, sign in enumerate("零一二三四五六七八九")} | {
    "〇": 0,  # noqa: RUF001 - a numeral
    "两": 2,
}
_PLACES: Final = {"十": 10, "百": 100, "千": 1000, "万": 10000}
# Units that a period has at most: above stands a year of the calendar.
_LONGEST: Final = 50
_SIGNS: Final = {"%": 100, "‰": 1000, "‱": 10000}
_NUMERALS: Final = "〇零一二两三四五六七八九十百千"

_ARABIC: Final = r"(?<![\d.,])(?:\d{1,3}(?:,\d{3}){1,2}|\d{1,9})(?:\.\d{1,9})?(?![\d.]|,\d{3})"
_N: Final = rf"(?:{_ARABIC}|(?<![{_NUMERALS}])[{_NUMERALS}]+)"
_TO: Final = r"\s*(?:-|—|–|~|至|到)+\s*"
_UNIT: Final = r"(?:半年|年度?|季度?|月度?|周|星期|日|天)"
_IN: Final = r"(?:之?内)?"
# A stretch of time before a number of times: 两年不少于1次, 半年1次.
_THEN_TIMES: Final = rf"(?=\s*[^，,。;\d]{{0,6}}{_N}\s*次)"
_LEVEL: Final = r"(?:国家|省(?!略)|设区的?市|市(?!场)|州|县|区(?!域|间|别)|旗|乡镇?|镇|街道)"
# What may stand inside a name: no digit, no mark, no word that binds or counts.
_BINDING: Final = r"不[少低高多超得小大]|至少|至多|最[少多低高]|每|或|约|由|按|确定"
_NAME: Final = rf"(?:(?!{_BINDING})[一-鿿A-Za-z、])"
_SUBJECTS: Final = (
    r"(?:单位|企业|机构|场所|主体|经营者|生产者|销售者|使用者|对象|用户|商户|工商户|合作社)"
)
_CHECKED: Final = r"(?:的(?:监督)?检查)?"
_CHECK: Final = r"(?:随机|监督|日常)?(?:抽查|检查)"

# The order decides: what is longer or more certain comes first.
_WORDS: Final[Mapping[str, str]] = {
    "stop": r"[。;\n]",
    "or": r"、?(?:或者|或)",
    "parts": rf"(?P<of>{_N}|万)\s*分之\s*(?P<part>{_N})",
    "share": (rf"(?:(?P<low>{_N})\s*(?P<lowsign>[%‰‱])?{_TO})?(?P<high>{_N})\s*(?P<sign>[%‰‱])"),
    "whole": r"全覆盖|全部|全数",
    "each_of": (
        r"(?:对\s*)?(?:同一个?|每一?[个家户]|(?<=对)一[个家户])"
        rf"{_NAME}{{0,40}}{_SUBJECTS}{_CHECKED}"
    ),
    "validity": rf"在?(?:许可证?|备案|证书|资质|认证|合格证)的?有效期{_IN}",
    "per": rf"[每/]\s*每?\s*(?P<every>{_N})?\s*个?\s*(?P<unit>{_UNIT}){_IN}",
    "within": rf"在?(?:同一个?|一个?|全)\s*(?P<one>{_UNIT}){_IN}",
    "span": rf"(?P<length>{_N})\s*个?\s*(?P<long>{_UNIT})(?:之?内|{_THEN_TIMES})",
    "times": rf"(?:(?P<fewest>{_N}){_TO})?(?P<most>{_N})\s*次(?![性数日月年])",
    "bare": rf"(?:半年|年度|季度|月度)内?{_THEN_TIMES}",
    "count": (
        rf"(?:(?P<least>{_N}){_TO})?(?P<number>{_N})\s*"
        rf"(?:家次|户次|家|户|个|批次|台|件|处|名){_SUBJECTS}?"
    ),
    "at_least": r"不得?(?:少|低|小)于|至少|最少|最低|>=|≥",
    "at_most": r"不得?(?:超过|高于|多于|大于)|至多|最多|最高|<=|≤",
    "about": r"大?约|大概",
    "upwards": r"及?以上",
    "downwards": r"及?以下|以内|之内",
    "roughly": r"左右",
    "needed": r"(?:根据|按照?|视)实际(?:工作)?(?:需要|情况)(?=\s*,)",
    "usual": r"一般(?!风险|企业|单位|信用|行业|监管|经营)|原则上",
    "total": r"分次达到|分次完成|累计达到|累计|合计",
    "each": r"各(?!类|级|地)|每次",
    "by": (
        rf"{_LEVEL}(?:[、/和及与]?{_LEVEL})*级?(?:及?以[上下])?"
        rf"(?:{_NAME}{{0,16}}?(?:部门|机关|局|总?站所?|所))?"
    ),
    "risk": (
        r"(?:其中)?(?:[A-D](?:[、和][A-D])*[类级]|(?:较?高|中等?|较?低|一般)(?:信用)?风险)"
        rf"(?:的?{_NAME}{{0,12}}?{_SUBJECTS})?"
    ),
    "filler": (
        rf"{_CHECK}(?:比例|频次|频率)|{_CHECK}(?!单位|企业|对象|机构)|抽取|组织|开展|安排|进行|实施"
        r"|比例|频次|频率|总[数量]的?|应当?|须|为|的|对|按|\s+|[:\"“”]"
    ),
    "subjects": rf"(?:其中)?{_NAME}{{0,40}}{_SUBJECTS}{_CHECKED}",
    "comma": r"[,()、]|并?且",
}
_GRAMMAR: Final = re.compile("|".join(f"(?P<{name}>{words})" for name, words in _WORDS.items()))

_UNITS: Final[Mapping[str, PeriodUnit]] = {
    "半年": PeriodUnit.HALF_YEAR,
    "年": PeriodUnit.YEAR,
    "季": PeriodUnit.QUARTER,
    "月": PeriodUnit.MONTH,
    "周": PeriodUnit.WEEK,
    "星期": PeriodUnit.WEEK,
    "日": PeriodUnit.DAY,
    "天": PeriodUnit.DAY,
}
_LEVELS: Final = (("国家", 1), ("省", 2), ("市", 3), ("州", 3), ("县", 4), ("区", 4), ("旗", 4))
_TOWNS: Final = ("乡", "镇", "街道")


def cut(text: str) -> tuple[Token, ...]:
    """Cut a text into tokens that cover it without a gap."""
    return tuple(_cut(text.translate(_WIDE)))


def levels_of(words: str) -> tuple[int, ...]:
    """Tell the levels of government that words name: 1 nation to 5 town; 县级以上 is 1 to 4."""
    # 设区市 is one word for a city: its 区 is no district.
    plain = words.replace("设区的市", "市").replace("设区市", "市")
    found = {level for sign, level in _LEVELS if sign in plain}
    if any(sign in plain for sign in _TOWNS):
        found.add(5)
    if "以上" in plain and found:
        found = set(range(1, max(found) + 1))
    if "以下" in plain and found:
        found = set(range(min(found), 6))
    return tuple(sorted(found))


def number_of(words: str) -> Fraction | None:
    """Read a number in digits or in Chinese numerals; None where it is no lawful numeral."""
    plain = words.replace(",", "").strip()
    if re.fullmatch(r"\d+(?:\.\d+)?", plain):
        return Fraction(plain)
    value = _numeral(plain)
    return None if value is None else Fraction(value)


def _numeral(words: str) -> int | None:
    """Read 一 to 九千九百九十九, and a bare place (百 in 百分之) as itself."""
    if words in _PLACES:
        return _PLACES[words]
    total, digit, last = 0, None, 10**5
    for sign in words:
        if sign in _DIGITS:
            if digit:
                return None
            digit = _DIGITS[sign]
            continue
        place = _PLACES[sign]
        if place >= last or digit == 0 or (digit is None and (place != _PLACES["十"] or total)):
            return None
        total, digit, last = total + (digit or 1) * place, None, place
    return total + (digit or 0) if words else None


def _cut(text: str) -> Iterator[Token]:
    at = 0
    for found in _GRAMMAR.finditer(text):
        if found.start() > at:
            yield Token(Kind.OTHER, at, found.start())
        yield _token(found)
        at = found.end()
    if at < len(text):
        yield Token(Kind.OTHER, at, len(text))


_SIMPLE: Final[Mapping[str, tuple[Kind, Bound | None]]] = {
    "stop": (Kind.STOP, None),
    "or": (Kind.OR, None),
    "comma": (Kind.COMMA, None),
    "at_least": (Kind.BEFORE, Bound.AT_LEAST),
    "at_most": (Kind.BEFORE, Bound.AT_MOST),
    "about": (Kind.BEFORE, Bound.ABOUT),
    "upwards": (Kind.AFTER, Bound.AT_LEAST),
    "downwards": (Kind.AFTER, Bound.AT_MOST),
    "roughly": (Kind.AFTER, Bound.ABOUT),
    "needed": (Kind.NEEDED, None),
    "usual": (Kind.USUAL, None),
    "total": (Kind.TOTAL, None),
    "each": (Kind.EACH, None),
    "by": (Kind.BY, None),
    "risk": (Kind.OF, None),
    "subjects": (Kind.OF, None),
    "filler": (Kind.FILLER, None),
    "each_of": (Kind.OF, None),
}


def _token(found: re.Match[str]) -> Token:
    start, end = found.span()
    name = next(one for one in _WORDS if found[one] is not None)
    if name in _SIMPLE:
        kind, bound = _SIMPLE[name]
        return Token(kind, start, end, bound=bound, each=name == "each_of")
    kind, numbers = _counted(name, found)
    if None in numbers:
        return Token(Kind.OTHER, start, end)
    unit = _unit(name, found) if kind is Kind.PERIOD else None
    return Token(kind, start, end, tuple(one for one in numbers if one is not None), unit)


def _counted(name: str, found: re.Match[str]) -> tuple[Kind, tuple[Fraction | None, ...]]:
    """Give what is counted, and the numbers; None among them where they cannot be."""
    kind, numbers = Kind.PERIOD, _every(None)
    match name:
        case "parts":
            kind, numbers = Kind.SHARE, (_parts(found["part"], found["of"]),)
        case "share":
            kind, numbers = Kind.SHARE, _shares(found)
        case "whole":
            kind, numbers = Kind.SHARE, (Fraction(1),)
        case "times":
            kind, numbers = Kind.TIMES, _range(found["fewest"], found["most"])
        case "count":
            kind, numbers = Kind.COUNT, _range(found["least"], found["number"])
        case "per":
            numbers = _every(found["every"])
        case "span":
            numbers = _every(found["length"])
        case _:
            pass
    return kind, numbers


def _unit(name: str, found: re.Match[str]) -> PeriodUnit:
    if name == "validity":
        return PeriodUnit.VALIDITY
    words = next(one for one in (found["unit"], found["one"], found["long"], found[0]) if one)
    return next(unit for word, unit in _UNITS.items() if words.startswith(word))


def _every(words: str | None) -> tuple[Fraction | None, ...]:
    """Give how many units a period has; 2018年 is a year of the calendar and no period."""
    value = Fraction(1) if words is None else number_of(words)
    return (value if value is not None and 1 <= value <= _LONGEST else None,)


def _shares(found: re.Match[str]) -> tuple[Fraction | None, ...]:
    high = _parted(found["high"], _SIGNS[found["sign"]])
    if found["low"] is None:
        return (high,)
    low = _parted(found["low"], _SIGNS[found["lowsign"] or found["sign"]])
    return (low, high) if low is not None and high is not None and low < high else (None,)


def _parted(words: str, base: int) -> Fraction | None:
    value = number_of(words)
    return None if value is None or value > base else value / base


def _parts(part: str, of: str) -> Fraction | None:
    base, value = number_of(of), number_of(part)
    return value / base if base and value is not None and value <= base else None


def _range(low: str | None, high: str) -> tuple[Fraction | None, ...]:
    values = [number_of(one) for one in (low, high) if one is not None]
    good = [one for one in values if one is not None and one.denominator == 1]
    rising = len(good) == len(values) and good == sorted(set(good))
    return tuple(good) if rising else (None,)
