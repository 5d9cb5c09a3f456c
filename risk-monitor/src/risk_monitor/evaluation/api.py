"""HTTP in, for evaluations: what a model found, also where it could not know."""

from datetime import date
from typing import Any

from contracts.risk_monitor import EvaluationView, EvidenceState, Found, ModelId, Summary
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
    return Page(items=[_view(row._asdict()) for row in rows], next=next_)


def _view(row: dict[str, Any]) -> EvaluationView:
    lacking = store.lacks(row["lacking"])
    degraded = sorted({one.source for one in lacking})
    return EvaluationView.model_validate(row | {"degraded": degraded, "lacking": lacking})


@evaluations.get("/{model_id}/evaluations:summary")
async def summarise_evaluations(
    model_id: ModelId,
    tx: Tx,
    state: EvidenceState | None = None,
    kind: str | None = None,
    month: date | None = None,
) -> Summary:
    """Count what a model found: of each kind what is so, what not, and what lacks whose data."""
    model = await models.get(tx, model_id)
    items = [
        Found.model_validate(one)
        for one in await store.counted(tx, model.model, state=state, kind=kind, month=month)
    ]
    return Summary(model=model.model, items=items)
