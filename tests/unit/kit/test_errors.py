"""Refusals as problems in two languages."""

import pytest
from pydantic import ValidationError

from contracts.acts import Act
from contracts.errors import Invalid, NotFound
from kit.acts import ActedInFuture
from kit.errors import Sentences, code_of, language_of, problem

SENTENCES = Sentences.load("kit")


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        (None, "zh"),
        ("", "zh"),
        ("en", "en"),
        ("en-GB,en;q=0.9,zh;q=0.8", "en"),
        ("zh-CN,en;q=0.5", "zh"),
        ("fr, en;q=0.3", "en"),
        ("de", "zh"),
        (";;q=x", "zh"),
        ("zh ; q=0.1 , en ; q=0.9", "en"),
        ("zh;q=\N{SUPERSCRIPT TWO},en", "zh"),
    ],
)
def test_the_language_is_the_one_that_the_caller_prefers(accept: str | None, language: str) -> None:
    assert language_of(accept) == language


def test_a_problem_names_the_field_what_was_got_and_what_would_be_right() -> None:
    refusal = ActedInFuture(field="acted_on", got="2027-01-01", expected="2026-01-01")
    body = problem(refusal, SENTENCES, "en")
    assert body["status"] == 422
    assert body["code"] == "acted-in-future"
    assert body["errors"] == [{"field": "acted_on", "got": "2027-01-01", "expected": "2026-01-01"}]
    assert "2027-01-01" in body["title"]


@pytest.mark.parametrize("value", [20260301, 20260301.0, "20260301", " 1772323200 "])
def test_bare_digits_are_no_moment_of_an_act(value: object) -> None:
    with pytest.raises(ValidationError):
        Act.model_validate({"acted_on": value})


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:00:00-08:00"])
def test_a_moment_of_an_act_lies_where_every_calendar_can_hold_it(value: str) -> None:
    with pytest.raises(ValidationError) as no:
        Act.model_validate({"acted_on": value})
    (detail,) = no.value.errors()
    assert code_of(detail["type"]) == "field-invalid"
    expected = SENTENCES.say(f"expected-{detail['type']}", "en", detail["ctx"])
    assert expected == "a moment in the years 1900 to 9998"


def test_facts_that_are_no_field_stand_beside_the_code() -> None:
    assert problem(NotFound(clue="c1"), SENTENCES, "zh")["clue"] == "c1"


def test_a_sentence_stands_even_when_a_fact_is_missing() -> None:
    assert "—" in problem(ActedInFuture(), SENTENCES, "zh")["title"]
    assert problem(Invalid(), SENTENCES, "zh")["title"].startswith("提交的内容有误")
