"""Rules in CEL: three answers, and only a genuine True is a hit."""

import math
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit import expressions
from kit.expressions import Answer, BadExpression, Hit, NoHit, Undetermined, Variable
from kit.testing import covers

VARIABLES = (
    Variable("loss", "number"),
    Variable("count", "integer"),
    Variable("class", "text"),
    Variable("a", "flag"),
    Variable("b", "flag"),
    Variable("c", "flag"),
    Variable("months", "numbers"),
    Variable("licences", "texts"),
)
GOOD = {
    "loss": 0.5,
    "count": 3,
    "class": "D",
    "a": True,
    "b": False,
    "c": True,
    "months": [1.0, 2],
    "licences": ["成品油零售"],
}


def decide(source: str, **values: object) -> Answer:
    return expressions.compile(source, VARIABLES).decide(values)


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ("loss > 0.02 && count >= 3", Hit()),
        ("class == 'D' ? a : b", Hit()),
        ("months.exists(m, m > 1.5) && '成品油零售' in licences", Hit()),
        ("ratio(count, 2) == 1.5 && ratio(loss, 2.0) == 0.25 && count / 2 == 1", Hit()),
        ("loss > 0.5", NoHit()),
        ("licences.size() == 0", NoHit()),
    ],
)
def test_a_rule_over_known_values_is_a_hit_or_none(source: str, answer: Answer) -> None:
    assert expressions.compile(source, VARIABLES, gives="flag").decide(GOOD) == answer


@covers("R8.2")
def test_missing_data_is_never_a_hit_nor_safe() -> None:
    assert decide("loss > 0.02") == Undetermined("value-missing", ("loss",))
    assert decide("loss > 0.02", loss=None) == Undetermined("value-missing", ("loss",))
    assert decide("!a") == Undetermined("value-missing", ("a",))
    assert decide("a && b", b=True) == Undetermined("value-missing", ("a",))
    assert decide("a == a", a=None) == Undetermined("value-missing", ("a",))


def test_missing_data_on_which_the_answer_does_not_depend_leaves_it_standing() -> None:
    assert decide("a || b", a=True) == Hit()
    assert decide("b || a", a=True, b=None) == Hit()
    assert decide("a && b", b=False) == NoHit()
    assert decide("a", a=True, b="not a flag") == Hit()


@pytest.mark.parametrize(
    ("source", "name", "value", "reason"),
    [
        ("loss < 1.0", "loss", "0.5", "value-type"),
        ("loss < 2.0", "loss", True, "value-type"),
        ("loss != 1.0", "loss", math.nan, "value-not-finite"),
        ("loss > 1.0", "loss", math.inf, "value-not-finite"),
        ("loss > 1.0", "loss", 10**400, "value-not-finite"),
        ("loss != 1.0", "loss", Decimal("sNaN"), "value-not-finite"),
        ("count < 9", "count", 2.0, "value-type"),
        ("count > 9", "count", 2**63, "value-range"),
        ("a", "a", 1, "value-type"),
        ("a", "a", "true", "value-type"),
        ("class == 'D'", "class", "D\0x", "value-type"),
        ("class != 'D'", "class", "\ud800", "value-type"),
        ("class != 'D'", "class", b"D", "value-type"),
        ("months.all(m, m > 0.0)", "months", [1.0, None], "value-missing"),
        ("months.all(m, m > 0.0)", "months", 1.0, "value-type"),
        ("'x' in licences", "licences", ["x", 1], "value-type"),
    ],
)
def test_a_value_that_is_not_of_its_kind_is_undetermined(
    source: str, name: str, value: object, reason: str
) -> None:
    assert decide(source, **{name: value}) == Undetermined(reason, (name,))


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("ratio(loss, 0.0) > 1.0", "division-by-zero"),
        ("ratio(count, count - 3) > 1.0", "division-by-zero"),
        ("count / 0 > 1", "division-by-zero"),
        ("count % 0 > 1", "division-by-zero"),
        ("ratio(1e300, 1e-300) > 1.0", "result-range"),
        ("count * 9223372036854775807 > 1", "result-range"),
        ("months[7] > 1.0", "evaluation-failed"),
        ("class.matches('(')", "evaluation-failed"),
        ("count", "result-type"),
        ("class", "result-type"),
    ],
)
def test_what_cannot_be_computed_is_undetermined(source: str, reason: str) -> None:
    assert expressions.compile(source, VARIABLES).decide(GOOD) == Undetermined(reason)


@pytest.mark.parametrize(
    ("source", "where"),
    [
        ("loss > 'a'", "1:6"),
        ("loss > 1", "1:6"),
        ("a &&\n unknown", "2:2"),
        ("loss >", "1:7"),
        ("", "1:1"),
        ("ratio(loss / 2.0, 1.0) > 1.0", "1:12"),
        ("double('NaN') > loss", "1:7"),
    ],
)
def test_a_rule_that_cannot_be_understood_is_refused_where_it_fails(
    source: str, where: str
) -> None:
    with pytest.raises(BadExpression) as no:
        expressions.compile(source, VARIABLES)
    assert no.value.facts["field"] == "expression"
    assert str(no.value.facts["expected"]).startswith(f"{where} ")


@pytest.mark.parametrize(
    "source", ["1e999 > loss", "(" * 999 + "a" + ")" * 999, "a" * 200_000, "'\ud800' == class"]
)
def test_a_rule_that_is_too_large_or_unreadable_is_refused(source: str) -> None:
    with pytest.raises(BadExpression):
        expressions.compile(source, VARIABLES)


def test_a_rule_that_yields_something_else_than_asked_is_refused() -> None:
    with pytest.raises(BadExpression):
        expressions.compile("loss + 1.0", VARIABLES, gives="flag")


@pytest.mark.parametrize("name", ["a-b", "", "x y", "9a", "预警", "in"])
def test_a_variable_that_no_rule_could_name_is_refused(name: str) -> None:
    with pytest.raises(BadExpression):
        expressions.compile(f"{name} == 1", [Variable(name, "integer")])


def test_a_variable_is_declared_once() -> None:
    with pytest.raises(BadExpression):
        expressions.compile("a", [Variable("a", "flag"), Variable("a", "text")])


def test_a_rule_knows_what_it_needs() -> None:
    rule = expressions.compile(
        "months.exists(a, a > 1.0) && loss > 0.1 && class == 'count'", VARIABLES
    )
    assert [variable.name for variable in rule.needs] == ["loss", "class", "months"]


def test_indicators_may_be_named_with_dots() -> None:
    rule = expressions.compile("oil.loss > 0.1", [Variable("oil.loss", "number")])
    assert rule.decide({"oil.loss": 0.2}) == Hit()
    assert rule.decide({}) == Undetermined("value-missing", ("oil.loss",))


def test_a_computed_indicator_is_a_finite_number_or_undetermined() -> None:
    rule = expressions.compile("ratio(loss, double(count))", VARIABLES, gives="number")
    assert rule.number({"loss": Decimal("0.6"), "count": 3}) == pytest.approx(0.2)
    assert rule.number({"loss": 0.6, "count": 0}) == Undetermined("division-by-zero")
    assert rule.number({"loss": 0.6}) == Undetermined("value-missing", ("count",))
    assert expressions.compile("count + 1", VARIABLES).number({"count": 1}) == 2.0
    assert expressions.compile("loss * 1e300", VARIABLES).number({"loss": 1e300}) == Undetermined(
        "result-range"
    )
    assert expressions.compile("a", VARIABLES).number({"a": True}) == Undetermined("result-type")


def test_an_answer_cannot_be_taken_for_yes_or_no() -> None:
    for answer in (Hit(), NoHit(), Undetermined("value-missing")):
        with pytest.raises(TypeError):
            bool(answer)


def test_a_rule_that_would_run_for_ever_is_stopped() -> None:
    source = "months.all(x, months.all(y, months.all(z, x * y * z > 0.0)))"
    answer = decide(source, months=[1.0] * 1000)
    assert answer == Undetermined("evaluation-failed")


anything = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text()
    | st.lists(st.none() | st.booleans())
)
flags = {"a": st.none() | st.booleans(), "b": st.none() | st.booleans(), "c": st.none()}
rules = st.recursive(
    st.sampled_from(["a", "b", "c"]),
    lambda inner: (
        st.tuples(inner, st.sampled_from(["&&", "||", "=="]), inner).map(
            lambda part: f"({part[0]} {part[1]} {part[2]})"
        )
        | inner.map(lambda part: f"!({part})")
        | st.tuples(inner, inner, inner).map(lambda part: f"({part[0]} ? {part[1]} : {part[2]})")
    ),
    max_leaves=6,
)


@covers("R8.2")
@given(value=anything)
def test_nothing_but_true_is_a_hit(value: object) -> None:
    assert (decide("a", a=value) == Hit()) == (value is True)
    assert (decide("a", a=value) == NoHit()) == (value is False)


@covers("R8.2")
@given(rule=rules, values=st.fixed_dictionaries(flags))
def test_an_answer_on_missing_data_is_the_same_whatever_the_data_were(
    rule: str, values: dict[str, bool | None]
) -> None:
    answer = decide(rule, **values)
    absent = [name for name, value in values.items() if value is None]
    completed = [
        decide(rule, **values | dict(zip(absent, guess, strict=True)))
        for guess in product((True, False), repeat=len(absent))
    ]
    assert all(isinstance(each, Hit | NoHit) for each in completed)
    if isinstance(answer, Undetermined):
        assert answer.reason == "value-missing"
        assert set(answer.missing) <= set(absent)
        assert answer.missing
    else:
        assert set(map(type, completed)) == {type(answer)}
