"""The composition root of clue-dispatch, the only place where its parts meet."""

from clue_dispatch.case import api as case
from clue_dispatch.clue import api as clue
from clue_dispatch.clue import events, store, timers
from clue_dispatch.schema import metadata
from clue_dispatch.settings import Settings
from kit.app import Service

service = Service(
    package="clue_dispatch",
    settings=Settings,
    metadata=metadata,
    routers=(clue.router, case.router),
    subscriptions=events.SUBSCRIPTIONS,
    invariants=(store.owned,),
    background=(timers.route_waiting,),
)

if __name__ == "__main__":
    service.main()
