"""Comparing what an owner announced with what a reader has."""

from gateway.compose.domain.folds import (
    Fold,
    Invariant,
    compared,
    differing,
    in_flight,
    own_checks,
    questions,
    unequal,
)
from kit import checks, replicas

BUCKETS = ("0",) * replicas.BUCKETS


def fold(*rows: tuple[str, int, str], bucket: int | None = None) -> Fold:
    made = replicas.Fold(only=bucket)
    for id_, version, name in rows:
        made.add(id_, version, {"name": name})
    view = made.view()
    return Fold(view["count"], tuple(view["buckets"]), view["rows"])


SENT = {"name": "I1 outbox is published", "ok": True, "detail": "", "passing": True}
ANSWER = {
    "service": "clue-dispatch",
    "checks": [SENT],
    "handled": [
        {"stream": "risk-monitor", "types": ["t.v1"], "fields": [], "count": 0, "buckets": BUCKETS}
    ],
    "replicas": [
        {
            "stream": "item-registry",
            "types": ["r.v1"],
            "fields": ["id", "name"],
            "count": 0,
            "buckets": BUCKETS,
        }
    ],
    "jobs_open": 0,
}


def test_equal_rows_in_any_order_are_equal() -> None:
    one, other = ("a", 1, "x"), ("b", 2, "y")
    assert unequal(fold(one, other), fold(other, one)) == ()


def test_an_altered_a_lost_and_a_foreign_row_are_each_named() -> None:
    said, had = [("a", 1, "x"), ("b", 1, "y")], [("a", 1, "changed"), ("c", 1, "z")]
    text = ""
    for bucket in unequal(fold(*had), fold(*said)):
        text += differing(fold(*had, bucket=bucket), fold(*said, bucket=bucket)) + "; "
    assert "altered a" in text
    assert "lacks b" in text
    assert "unknown to the owner c" in text


def test_a_service_asks_one_question_for_each_stream_and_each_read_model() -> None:
    first, second = questions("clue-dispatch", ANSWER)
    assert (first.invariant, first.owner) == (Invariant.HANDLED, "risk-monitor")
    assert first.query == [("type", "t.v1")]
    assert second.query == [("type", "r.v1"), ("field", "id"), ("field", "name")]
    assert second.name == "I3 clue-dispatch keeps r.v1"


def test_a_difference_is_a_check_that_fails_and_says_where() -> None:
    question = questions("clue-dispatch", ANSWER)[0]
    found = compared(question, fold(("a", 1, "x")), "lacks a")
    assert (found.ok, found.detail) == (False, "0 of 1 rows; lacks a")
    assert compared(question, Fold(0, BUCKETS, {}), "").ok


def test_unsent_events_and_open_jobs_are_under_way() -> None:
    assert not in_flight(ANSWER)
    assert in_flight(ANSWER | {"jobs_open": 1})
    assert in_flight(ANSWER | {"checks": [SENT | {"ok": False}]})
    assert not in_flight(ANSWER | {"checks": [SENT | {"ok": False, "passing": False}]})


def test_own_checks_carry_the_services_name() -> None:
    assert own_checks("clue-dispatch", ANSWER)[0].name == f"clue-dispatch: {SENT['name']}"
    assert checks.outbox_sent.__doc__
