"""HTTP in, for evaluations: what a model found, also where it could not know."""

from datetime import date

from contracts.risk_monitor import EvaluationView, EvidenceState, ModelId
from kit import entities
from kit.context import Tx, router
from kit.lists import Asked, Page, page
from risk_monitor.evaluation import store
from risk_monitor.model import store as models
from risk_monitor.signal.domain import subject_id

evaluations = router("/warning-models")


@evaluations.get("/{model_id}/evaluations")
async def list_evaluations(
    model_id: ModelId,
    tx: Tx,
    asked: Asked,
    state: EvidenceState | None = None,
    month: date | None = None,
    subject: str | None = None,
) -> Page[EvaluationView]:
    """List what a model found, by month; each row says which version found it (R8.2, R8.3)."""
    model = await models.get(tx, model_id)
    ids = await entities.same(tx, subject_id(subject)) if subject else ()
    query = store.listed(model.model, state=state, month=month, subjects=ids)
    rows, next_ = await page(tx, query, by=store.LIST_ORDER, asked=asked)
    items = [EvaluationView.model_validate(row._asdict()) for row in rows]
    return Page(items=items, next=next_)
