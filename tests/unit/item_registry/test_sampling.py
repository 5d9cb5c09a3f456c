"""Ratios and frequencies in words: read where they are certain, left with a reason where not."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.item_registry import Bound, Period, PeriodUnit, Sampling, SamplingRule, Share
from contracts.item_registry import UnreadCode as Why
from item_registry.item.domain.sampling import read
from item_registry.item.domain.wording import levels_of, number_of

NEUTRAL = ("words", "levels")


def plain(rule: SamplingRule) -> dict[str, Any]:
    """Give what a rule says beyond its words, without what it leaves out."""
    said = rule.model_dump(mode="json", exclude=set(NEUTRAL), exclude_defaults=True)
    share = said.pop("share", None)
    period = said.pop("period", None)
    if share:
        said["share"] = f"{share['numerator']}/{share['denominator']}"
    if period:
        said["per"] = f"{period.get('every', 1)} {period['unit']}"
    return said


def rules(text: str) -> list[dict[str, Any]]:
    sampling = read(text)
    assert sampling.flag is None, sampling.flag
    return [plain(rule) for rule in sampling.rules]


def least(**other: object) -> dict[str, object]:
    return {"bound": "at_least"} | other


def most(**other: object) -> dict[str, object]:
    return {"bound": "at_most"} | other


def exactly(**other: object) -> dict[str, object]:
    return {"bound": "exactly"} | other


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("5%", [exactly(share="1/20")]),
        ("0.2\uff05", [exactly(share="1/500")]),
        ("抽查比例不少于2‰", [least(share="1/500")]),
        ("百分之五", [exactly(share="1/20")]),
        ("不低于百分之二十五", [least(share="1/4")]),
        ("三分之一", [exactly(share="1/3")]),
        ("不超过总数的2%", [most(share="1/50")]),
        ("5%以上", [least(share="1/20")]),
        ("10%左右", [{"bound": "about", "share": "1/10"}]),
        ("3%—5%", [least(share="3/100"), most(share="1/20")]),
        ("全覆盖", [exactly(share="1/1")]),
        ("不少于20家", [least(count=20)]),
        ("不少于1,200家/年", [least(count=1200, per="1 year")]),
        (
            "根据实际需要，一般不超过 10%/年。",
            [most(share="1/10", per="1 year", usual=True, as_needed=True)],
        ),
        ("市局抽查比例不少于30%", [least(share="3/10", by="市局")]),
        (
            "市级5%、县级10%",
            [exactly(share="1/20", by="市级"), exactly(share="1/10", by="县级")],
        ),
        (
            "10%（其中高风险企业不少于50%）",
            [exactly(share="1/10"), least(share="1/2", of="其中高风险企业")],
        ),
        (
            "5%或不少于20家",
            [
                exactly(share="1/20", choice=1, alternative=1),
                least(count=20, choice=1, alternative=2),
            ],
        ),
    ],
)
def test_a_ratio_in_words_becomes_its_bound_and_its_exact_share(
    text: str, said: list[dict[str, object]]
) -> None:
    assert rules(text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1次/年", [exactly(times=1, per="1 year")]),
        ("每年一次", [exactly(times=1, per="1 year")]),
        ("每年不少于两次", [least(times=2, per="1 year")]),
        ("每季度不超过十二次", [most(times=12, per="1 quarter")]),
        ("每半年1次", [exactly(times=1, per="1 half_year")]),
        ("半年1次", [exactly(times=1, per="1 half_year")]),
        ("每两年一次", [exactly(times=1, per="2 year")]),
        ("3年内至少1次", [least(times=1, per="3 year")]),
        ("1—2次/年", [least(times=1, per="1 year"), most(times=2, per="1 year")]),
        (
            "市级局每年组织1次；县级局每月组织1次",
            [
                exactly(times=1, per="1 year", by="市级局"),
                exactly(times=1, per="1 month", by="县级局"),
            ],
        ),
        (
            "每年1次20%；或者每年2次各10%",
            [
                exactly(times=1, share="1/5", per="1 year", choice=1, alternative=1),
                exactly(times=2, share="1/10", per="1 year", choice=1, alternative=2),
            ],
        ),
        (
            "每年1次33%；或者每年分次达到33%",
            [
                exactly(times=1, share="33/100", per="1 year", choice=1, alternative=1),
                exactly(total=True, share="33/100", per="1 year", choice=1, alternative=2),
            ],
        ),
        (
            "每年1次或2次",
            [
                exactly(times=1, per="1 year", choice=1, alternative=1),
                exactly(times=2, per="1 year", choice=1, alternative=2),
            ],
        ),
        (
            "高风险企业每年2次，低风险企业每两年1次",
            [
                exactly(times=2, per="1 year", of="高风险企业"),
                exactly(times=1, per="2 year", of="低风险企业"),
            ],
        ),
        (
            "在许可有效期内对同一个单位的检查不超过2次。",
            [most(times=2, per="1 validity", of="对同一个单位的检查", each=True)],
        ),
        (
            "对同一单位每2年抽查不超过1次",
            [most(times=1, per="2 year", of="对同一单位", each=True)],
        ),
        (
            "对同一用能产品生产单位，每年度抽查不超过2次",
            [most(times=2, per="1 year", of="对同一用能产品生产单位", each=True)],
        ),
    ],
)
def test_a_frequency_in_words_becomes_times_in_a_period(
    text: str, said: list[dict[str, object]]
) -> None:
    assert rules(text) == said


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("根据实际情况确定", Why.BY_CONDITIONS),
        ("按照分层次监管，根据风险高低，依法属地确定。", Why.BY_CONDITIONS),
        ("结合登记事项检查一并开展", Why.WITH_OTHER_ITEM),
        ("根据《随机抽查工作规程》确定。", Why.BY_DOCUMENT),
        ("由市级监管部门根据风险情况确定检查单位数量", Why.BY_AUTHORITY),
        ("按年度计划执行", Why.BY_PLAN),
        ("三成", Why.WORDS_UNREAD),
        ("—", Why.WORDS_UNREAD),
        ("低于5%", Why.NUMBER_UNREAD),
        ("不超过上一年的5%", Why.NUMBER_UNREAD),
        ("200%", Why.NUMBER_UNREAD),
        ("10% 20%", Why.NUMBER_UNREAD),
        ("不少于1-2次", Why.NUMBER_UNREAD),
        ("2018年起每年1次", Why.NUMBER_UNREAD),
        ("第一季度1次", Why.NUMBER_UNREAD),
        ("十几次", Why.WORDS_UNREAD),
        ("每年1.5次", Why.NUMBER_UNREAD),
        ("12345678901%", Why.NUMBER_UNREAD),
        ("每年不少于1次，但新设企业除外", Why.NUMBER_UNREAD),
        ("上一年度有违法记录的，每年不少于2次", Why.NUMBER_UNREAD),
        ("每年1次，县级", Why.NUMBER_UNREAD),
    ],
)
def test_what_is_not_certain_gives_no_rule_and_says_why(text: str, why: Why) -> None:
    sampling = read(text)
    assert (sampling.rules, sampling.flag and sampling.flag.code) == ((), why)
    assert sampling.text == text


def test_an_alternative_in_words_stands_beside_the_number() -> None:
    sampling = read("不低于3%或按专项计划确定")
    assert [plain(one) for one in sampling.rules] == [least(share="3/100", choice=1, alternative=1)]
    assert sampling.flag is not None
    assert [(one.code, one.words, one.choice, one.alternative) for one in sampling.flag.left] == [
        (Why.BY_PLAN, "按专项计划确定", 1, 2)
    ]


def test_what_an_authority_decides_stands_beside_the_number_of_another() -> None:
    sampling = read("省级不超过2%，市、县质监部门结合当地实际制定检查计划")
    assert [plain(one) for one in sampling.rules] == [most(share="1/50", by="省级")]
    assert sampling.flag is not None
    assert [one.words for one in sampling.flag.left] == ["市、县质监部门结合当地实际制定检查计划"]


def test_a_number_of_times_without_a_period_is_read_and_flagged() -> None:
    sampling = read("抽查2次")
    assert [plain(one) for one in sampling.rules] == [exactly(times=2)]
    assert sampling.flag is not None
    assert sampling.flag.code is Why.PERIOD_MISSING


def test_levels_of_government_are_told_from_the_words() -> None:
    assert levels_of("市、县级市场监督管理部门") == (3, 4)
    assert levels_of("县级以上") == (1, 2, 3, 4)
    assert levels_of("设区市") == (3,)
    assert levels_of("基层") == ()


@pytest.mark.parametrize(
    ("words", "value"),
    [("十", 10), ("十二", 12), ("二十", 20), ("一百零五", 105), ("两", 2), ("1,200", 1200)],
)
def test_numerals_are_read(words: str, value: int) -> None:
    assert number_of(words) == value


@pytest.mark.parametrize("words", ["二二", "百十", "零十", "十百"])
def test_what_is_no_numeral_is_no_number(words: str) -> None:
    assert number_of(words) is None


# Round trips -----------------------------------------------------------------------------------

BOUNDS = {
    Bound.EXACTLY: "{}",
    Bound.AT_LEAST: "不少于{}",
    Bound.AT_MOST: "不超过{}",
    Bound.ABOUT: "约{}",
}
UNITS = {
    PeriodUnit.YEAR: "年",
    PeriodUnit.HALF_YEAR: "半年",
    PeriodUnit.QUARTER: "季度",
    PeriodUnit.MONTH: "月",
    PeriodUnit.WEEK: "周",
}
WHO = st.sampled_from([None, "省级", "市局", "县级市场监管部门", "市、县级"])
WHOM = st.sampled_from([None, "高风险企业", "重点检查单位", "A类企业"])
periods = st.builds(Period, every=st.integers(1, 20), unit=st.sampled_from(list(UNITS)))


def per(period: Period) -> str:
    every = "" if period.every == 1 else str(period.every)
    gap = "个" if every and period.unit is not PeriodUnit.YEAR else ""
    return f"每{every}{gap}{UNITS[period.unit]}"


@given(
    hundredths=st.integers(0, 10_000),
    bound=st.sampled_from(list(Bound)),
    by=WHO,
    of=WHOM,
    period=st.none() | periods,
)
def test_every_share_comes_back_as_it_was_worded(
    *, hundredths: int, bound: Bound, by: str | None, of: str | None, period: Period | None
) -> None:
    worded = BOUNDS[bound].format(f"{hundredths // 100}.{hundredths % 100:02}%")
    text = f"{by or ''}{of or ''}{per(period) if period else ''}{worded}"
    (rule,) = read(text).rules
    assert rule.share is not None
    assert rule.share.numerator * 10_000 == hundredths * rule.share.denominator
    said = (rule.bound, rule.by, rule.of, rule.period, rule.words)
    assert said == (bound, by, of, period, text)


@given(times=st.integers(0, 999), bound=st.sampled_from(list(Bound)), by=WHO, period=periods)
def test_every_number_of_times_comes_back_as_it_was_worded(
    times: int, bound: Bound, by: str | None, period: Period
) -> None:
    text = f"{by or ''}{per(period)}{BOUNDS[bound].format(f'{times}次')}"
    sampling = read(text)
    (rule,) = sampling.rules
    assert (rule.times, rule.bound, rule.by, rule.period) == (times, bound, by, period)
    assert sampling.flag is None


pieces = st.sampled_from(
    [
        *("5%", "0.2%", "10", "2次", "1—2次", "20家", "一次", "百分之五", "/年", "每年", "每2年"),
        *("不少于", "不超过", "以上", "一般", "或", "；", "，", "、", "（", "）", "。", "各", "且"),
        *("市级", "县级局", "重点企业", "对同一单位", "按计划确定", "根据实际需要", "新设", "低于"),
        *("3", "\uff05", "%", "次", "年", " ", "抽查比例", "超过", "20", "0", ".", "-"),
    ]
)
texts = st.lists(pieces, min_size=1, max_size=9).map("".join)


def numbers(words: str) -> list[str]:
    return re.findall(r"\d+", words)


def kept(sampling: Sampling) -> list[str]:
    """Give the words of the rules and of what is left, each stretch once."""
    left = sampling.flag.left if sampling.flag else ()
    return list(dict.fromkeys([*(one.words for one in sampling.rules), *(o.words for o in left)]))


@given(text=texts)
def test_no_number_is_lost_every_one_stands_in_a_rule_or_in_what_is_left(text: str) -> None:
    stretches = kept(read(text))
    for number in numbers(text):
        assert any(number in numbers(words) for words in stretches), (number, stretches)


@given(text=texts)
def test_no_number_is_invented_every_one_of_a_rule_stands_in_its_words(text: str) -> None:
    for rule in read(text).rules:
        words = rule.words.replace("\uff05", "%")
        stand = set(map(int, numbers(words))) | ({1} if "一次" in words else set())
        said = {rule.times, rule.count} - {None}
        lent = rule.choice is not None and (rule.alternative or 0) > 1
        if rule.period and rule.period.every > 1 and not lent:
            said |= {rule.period.every}
        assert said <= stand, rule
        if rule.share is not None:
            assert any(rule.share == share for share in shares(words)), rule


def shares(words: str) -> list[Share]:
    """Read the percentages of some words in another way than the rules do."""
    ends = re.findall(r"(\d+)(?:\.(\d+))?\s*%", words)
    found = [(int(whole + part), 100 * 10 ** len(part)) for whole, part in ends]
    found += [(5, 100)] * words.count("百分之五")
    return [reduced(numerator, denominator) for numerator, denominator in found]


def reduced(numerator: int, denominator: int) -> Share:
    a, b = numerator, denominator
    while b:
        a, b = b, a % b
    return Share(numerator=numerator // a, denominator=denominator // a)


@given(text=st.text(max_size=60))
def test_any_text_at_all_is_kept_and_read_or_flagged(text: str) -> None:
    sampling = read(text)
    assert sampling.text == text
    assert sampling.rules or sampling.flag or not re.search(r"\w", text)
