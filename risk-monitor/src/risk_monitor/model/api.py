"""HTTP in, for a warning model."""

from contracts.acts import Act
from contracts.risk_monitor import ActivateModel, DraftModel, ModelId, ModelView
from contracts.says import Decided
from kit.acts import conclude, moment
from kit.context import Caller, Now, Tx, router
from kit.deadlines import shanghai_day
from kit.lists import Asked, Page, page
from risk_monitor.model import domain, store
from risk_monitor.signal.store import writing as signals
from risk_monitor.source import store as sources

models = router("/warning-models")


@models.get("")
async def list_models(tx: Tx, asked: Asked) -> Page[ModelView]:
    """List the versions of all models."""
    rows, next_ = await page(tx, store.listed(), by=store.LIST_ORDER, asked=asked)
    return Page(items=[ModelView.model_validate(store.value(row)) for row in rows], next=next_)


@models.post("", status_code=201)
async def draft_model(body: DraftModel, tx: Tx, caller: Caller, now: Now) -> ModelView:
    """Draft a new version; a condition that cannot be understood is refused with line:column."""
    version = await store.next_version(tx, body.model)
    streams = sources.streams_on(shanghai_day(now))
    model = domain.draft(body, version=version, by=caller.id, streams=streams)
    await store.add(tx, model)
    await conclude(tx, caller, Act(), before=None, decided=Decided(model))
    return ModelView.model_validate(model)


@models.get("/{model_id}")
async def get_model(model_id: ModelId, tx: Tx) -> ModelView:
    """Give one version."""
    return ModelView.model_validate(await store.get(tx, model_id))


@models.post("/{model_id}:activate")
async def activate_model(
    model_id: ModelId, act: ActivateModel, tx: Tx, caller: Caller, now: Now
) -> ModelView:
    """Put a draft in force, by a second person; everything known is judged anew (R8.1)."""
    model = await store.lock(tx, model_id)
    decided = domain.activate(model, by=caller.id, at=moment(act, now))
    await store.put_in_force(tx, decided.value)
    await signals.touch_all(tx)
    await conclude(tx, caller, act, before=model, decided=decided)
    return ModelView.model_validate(decided.value)
