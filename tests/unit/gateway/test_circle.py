"""The live picture: who says what to whom, and how it is drawn."""

import re
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gateway.console.domain.picture import ORDER, between, draw, said, width_of
from gateway.console.store import MINUTES, Pulse
from kit.clock import real_seconds

REGION = "item-registry.region.changed.v1"
RAISED = "risk-monitor.warning.raised.v1"
DELIVERED = "gateway.report.delivered.v1"
COMPLETED = "joint-inspection.draw.completed.v1"
CIRCLE = {
    REGION: [name for name in ORDER if name != "item-registry"],
    RAISED: ["clue-dispatch"],
    DELIVERED: [],
    COMPLETED: ["joint-inspection"],
}


def test_what_everybody_keeps_is_counted_at_its_owner_and_draws_no_arrows() -> None:
    assert between({REGION: 13}, CIRCLE) == {"risk-monitor>clue-dispatch": 0}
    assert said({REGION: 13}, "item-registry", CIRCLE) == (13, 13)


def test_an_arrow_goes_from_who_says_to_who_hears_and_never_to_itself() -> None:
    counts = {RAISED: 4, COMPLETED: 2, DELIVERED: 1}
    assert between(counts, CIRCLE) == {"risk-monitor>clue-dispatch": 4}
    assert said(counts, "gateway", CIRCLE) == (1, 0)


def test_every_arrow_begins_and_ends_outside_the_nodes() -> None:
    every = {f"{one}.thing.done.v1": [two for two in ORDER if two != one][:3] for one in ORDER}
    picture = draw(dict.fromkeys(every, 1), every)
    nodes = {node.name: node for node in picture.nodes}
    assert len(picture.arrows) == 18
    for arrow in picture.arrows:
        points = [tuple(map(float, one)) for one in re.findall(r"([\d.]+),([\d.]+)", arrow.path)]
        for x, y in (points[0], points[-1]):
            for name in (arrow.source, arrow.reader):
                assert abs(x - nodes[name].x) >= 78 or abs(y - nodes[name].y) >= 29


@given(count=st.integers(0, 10**9))
def test_more_events_never_make_a_thinner_arrow(count: int) -> None:
    assert width_of(count) <= width_of(count + 1) <= 7.5


def test_the_last_minutes_are_counted_and_older_ones_go() -> None:
    pulse = Pulse(frozenset({RAISED, REGION}))
    now = real_seconds()
    pulse.count(RAISED, now)
    pulse.count(RAISED, now - (MINUTES - 2) * 60)
    pulse.count(RAISED, now - (MINUTES + 1) * 60)
    pulse.count("stranger.thing.done.v1", now)
    assert pulse.told() == {RAISED: 2}
    assert len(pulse.minutes) <= MINUTES


def test_older_minutes_go_although_nobody_looks() -> None:
    pulse = Pulse(frozenset({RAISED}), {minute: Counter({RAISED: 1}) for minute in range(100)})
    pulse.count(RAISED, real_seconds() - MINUTES * 60)
    pulse.count(RAISED, real_seconds())
    assert len(pulse.minutes) == 1


def test_a_stream_that_is_heard_again_counts_once() -> None:
    pulse = Pulse(frozenset({RAISED, REGION}))
    pulse.count(RAISED, real_seconds())
    pulse.count(REGION, real_seconds())
    pulse.forget("risk-monitor")
    assert pulse.told() == {REGION: 1}
