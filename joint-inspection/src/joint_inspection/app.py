"""The composition root of joint-inspection: the only place where its parts meet."""

from joint_inspection.directory import api as directory
from joint_inspection.directory import jobs as directory_jobs
from joint_inspection.draw import api as draw
from joint_inspection.draw import events as draw_events
from joint_inspection.draw import store as draw_store
from joint_inspection.draw import timers as draw_timers
from joint_inspection.frequency import api as frequency
from joint_inspection.frequency import events as frequency_events
from joint_inspection.frequency import store as frequency_store
from joint_inspection.pool import api as pool
from joint_inspection.publication import api as publication
from joint_inspection.schema import metadata
from joint_inspection.settings import Settings
from joint_inspection.visit import api as visit
from joint_inspection.visit import events as visit_events
from joint_inspection.visit import jobs as visit_jobs
from joint_inspection.visit import timers as visit_timers
from kit.app import Service

service = Service(
    package="joint_inspection",
    settings=Settings,
    metadata=metadata,
    routers=(
        directory.targets,
        directory.inspectors,
        pool.pools,
        draw.draws,
        visit.visits,
        frequency.usage,
        publication.publications,
    ),
    subscriptions=(
        *frequency_events.SUBSCRIPTIONS,
        *visit_events.SUBSCRIPTIONS,
        *draw_events.SUBSCRIPTIONS,
    ),
    replicas=(*frequency_store.REPLICAS, *draw_store.REPLICAS),
    imports=(directory_jobs.TARGETS, directory_jobs.INSPECTORS, visit_jobs.VISITS),
    invariants=(draw_store.draws_recompute,),
    timers=draw_timers.TIMERS + visit_timers.TIMERS,
)

if __name__ == "__main__":
    service.main()
