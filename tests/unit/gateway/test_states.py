"""Since when a service is ready, as far as its answers tell."""

from gateway.console.store import next_state


def test_a_service_is_ready_since_its_process_began() -> None:
    first = next_state(None, "risk-monitor", "ready", started=100.0, now=500.0)
    assert first.since == 100.0
    assert next_state(first, "risk-monitor", "ready", started=100.0, now=600.0) is first


def test_a_restarted_service_is_ready_since_its_new_start() -> None:
    first = next_state(None, "risk-monitor", "ready", started=100.0, now=500.0)
    again = next_state(first, "risk-monitor", "ready", started=590.0, now=600.0)
    assert again.since == 590.0


def test_a_service_that_was_unready_in_between_is_ready_since_it_was_seen_so() -> None:
    unready = next_state(None, "risk-monitor", "not-ready", started=100.0, now=500.0)
    again = next_state(unready, "risk-monitor", "ready", started=100.0, now=600.0)
    assert again.since == 600.0


def test_a_service_that_does_not_answer_is_away_since_it_was_seen_so() -> None:
    first = next_state(None, "risk-monitor", "ready", started=100.0, now=500.0)
    assert next_state(first, "risk-monitor", "away", started=None, now=600.0).since == 600.0
