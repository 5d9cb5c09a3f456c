"""risk-monitor: what it is made of. `python -m risk_monitor.app serve | migrate | describe`."""

from kit.app import Service
from risk_monitor.evaluation import api as evaluation_api
from risk_monitor.evaluation import jobs as evaluation_jobs
from risk_monitor.grade import events as grade_events
from risk_monitor.grade import store as grade_store
from risk_monitor.model import api as model_api
from risk_monitor.schema import metadata
from risk_monitor.settings import Settings
from risk_monitor.signal import api as signal_api
from risk_monitor.signal import jobs as signal_jobs
from risk_monitor.source import api as source_api
from risk_monitor.waiting import store as waiting_store
from risk_monitor.warning import api as warning_api
from risk_monitor.warning import events as warning_events

service = Service(
    package="risk_monitor",
    settings=Settings,
    metadata=metadata,
    routers=(
        signal_api.signals,
        source_api.sources,
        model_api.models,
        evaluation_api.evaluations,
        warning_api.warnings,
    ),
    subscriptions=grade_events.SUBSCRIPTIONS + warning_events.SUBSCRIPTIONS,
    replicas=(grade_store.REPLICA,),
    imports=(signal_jobs.SIGNALS,),
    invariants=(waiting_store.nothing_waits, evaluation_jobs.evidence_stands),
    background=(evaluation_jobs.evaluate,),
)

if __name__ == "__main__":
    service.main()
