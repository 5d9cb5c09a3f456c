"""What is counted, for Prometheus: one registry a process, read at `/metrics`.

Names begin with `heli_`; `operation` is method and path as in `contracts.roles`, so that no id and
no personal data stand in a label.
"""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_1_0_0 as MEDIA

__all__ = ["MEDIA", "written"]

REGISTRY: Final = CollectorRegistry()
REQUESTS: Final = Counter(
    "heli_requests", "Requests answered", ["operation", "status"], registry=REGISTRY
)
SECONDS: Final = Histogram(
    "heli_request_seconds",
    "Time from the first byte in to the last byte out",
    ["operation"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=REGISTRY,
)
IN_FLIGHT: Final = Gauge("heli_requests_in_flight", "Requests being answered", registry=REGISTRY)
SHED: Final = Counter(
    "heli_requests_shed", "Requests refused before they began", ["why"], registry=REGISTRY
)
RETRIES: Final = Counter(
    "heli_retries", "Requests sent again to a service", ["service"], registry=REGISTRY
)
HANDLED: Final = Counter(
    "heli_events_handled", "Events read from a stream", ["stream"], registry=REGISTRY
)
LAG: Final = Gauge(
    "heli_reader_lag_seconds",
    "Age of the last event handled, when it was",
    ["stream"],
    registry=REGISTRY,
)
OUTBOX: Final = Gauge("heli_outbox_waiting", "Events not yet published", registry=REGISTRY)
DEAD_LETTERS: Final = Gauge("heli_dead_letters", "Events parked", registry=REGISTRY)
JOBS: Final = Gauge("heli_jobs_open", "Imports not finished", registry=REGISTRY)
POOL: Final = Gauge("heli_pool_in_use", "Database connections taken", registry=REGISTRY)
LEADER: Final = Gauge("heli_leader", "1 in the process that reads and publishes", registry=REGISTRY)


def written() -> bytes:
    """Write all of it in Prometheus' text format."""
    return bytes(generate_latest(REGISTRY))
