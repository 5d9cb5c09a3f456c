"""SQL of warning models."""

from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Row, Select, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.errors import NotFound
from contracts.risk_monitor import Indicator, ModelId, ModelState, Rule
from risk_monitor.model.domain import Model
from risk_monitor.model.tables import warning_model

_INDICATORS = TypeAdapter(tuple[Indicator, ...])
_RULES = TypeAdapter(tuple[Rule, ...])
_LOCK = "warning_model"

LIST_ORDER = (warning_model.c.id,)


def listed() -> Select[Any]:
    """Select models as a list shows them, by id."""
    return select(*warning_model.c)


def value(row: Row[Any]) -> Model:
    """Make a model of its row."""
    fields = row._asdict()
    fields["indicators"] = _INDICATORS.validate_python(fields["indicators"])
    fields["rules"] = _RULES.validate_python(fields["rules"])
    return Model(**fields)


async def get(tx: AsyncConnection, id_: ModelId) -> Model:
    """Read one version; raises NotFound."""
    row = (await tx.execute(listed().where(warning_model.c.id == id_))).one_or_none()
    if row is None:
        raise NotFound(warning_model=id_)
    return value(row)


async def lock(tx: AsyncConnection, id_: ModelId) -> Model:
    """Read one version and hold its model until the transaction ends; raises NotFound."""
    model = await get(tx, id_)
    await _alone(tx, model.model)
    return await get(tx, id_)


async def next_version(tx: AsyncConnection, model: str) -> int:
    """Give the number of a model's next version and hold the model until the transaction ends."""
    await _alone(tx, model)
    last = select(func.max(warning_model.c.model_version)).filter_by(model=model)
    return int((await tx.execute(last)).scalar_one() or 0) + 1


async def _alone(tx: AsyncConnection, model: str) -> None:
    key = func.hashtextextended(f"{_LOCK}/{model}", 0)
    await tx.execute(select(func.pg_advisory_xact_lock(key)))


async def add(tx: AsyncConnection, model: Model) -> None:
    """Keep a new version."""
    fields = {name: getattr(model, name) for name in Model.__dataclass_fields__}
    fields["indicators"] = _INDICATORS.dump_python(model.indicators, mode="json")
    fields["rules"] = _RULES.dump_python(model.rules, mode="json")
    await tx.execute(insert(warning_model).values(**fields))


async def put_in_force(tx: AsyncConnection, model: Model) -> None:
    """Retire the version in force and put this one in its place."""
    before = warning_model.update().filter_by(model=model.model, state=ModelState.ACTIVE)
    await tx.execute(before.values(state=ModelState.RETIRED))
    change = warning_model.update().where(warning_model.c.id == model.id)
    await tx.execute(
        change.values(
            state=model.state, activated_by=model.activated_by, activated_at=model.activated_at
        )
    )


async def in_force(tx: AsyncConnection) -> list[Model]:
    """Give every model in force."""
    query = listed().filter_by(state=ModelState.ACTIVE).order_by(warning_model.c.id)
    return [value(row) for row in await tx.execute(query)]
