"""The composition root of clue-dispatch, the only place where its parts meet."""

from clue_dispatch.case import api as case
from clue_dispatch.case import timers as case_timers
from clue_dispatch.clue import api as clue
from clue_dispatch.clue import events, timers
from clue_dispatch.clue.store import reading
from clue_dispatch.schema import metadata
from clue_dispatch.settings import Settings
from clue_dispatch.summary import api as summary
from clue_dispatch.ticket import jobs
from kit.app import Service

service = Service(
    package="clue_dispatch",
    settings=Settings,
    metadata=metadata,
    routers=(summary.router, clue.router, case.router),
    imports=jobs.IMPORTS,
    subscriptions=events.SUBSCRIPTIONS,
    invariants=(reading.owned,),
    timers=timers.TIMERS + case_timers.TIMERS,
)

if __name__ == "__main__":
    service.main()
