"""The composition root of credit-service."""

from credit_service.entity import api as entity_api
from credit_service.entity import jobs as entity_jobs
from credit_service.grade import api as grade_api
from credit_service.grade import store as grade_store
from credit_service.grade import timers as grade_timers
from credit_service.indicator_system import api as indicator_system_api
from credit_service.record import api as record_api
from credit_service.record import events as record_events
from credit_service.record import jobs as record_jobs
from credit_service.schema import metadata
from credit_service.settings import Settings
from credit_service.subject import api as subject_api
from credit_service.subject import events as subject_events
from kit.app import Service

service = Service(
    package="credit_service",
    settings=Settings,
    metadata=metadata,
    routers=(
        entity_api.router,
        subject_api.router,
        record_api.router,
        record_api.of_entity,
        grade_api.router,
        indicator_system_api.router,
    ),
    subscriptions=record_events.SUBSCRIPTIONS + subject_events.SUBSCRIPTIONS,
    imports=entity_jobs.IMPORTS + record_jobs.IMPORTS,
    invariants=(grade_store.explained, grade_store.stands),
    timers=grade_timers.TIMERS,
)

if __name__ == "__main__":
    service.main()
