"""SQL of a warning: what it was when it was last raised."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from clue_dispatch.warning.tables import raised_warning
from contracts.credit_service import EntityId
from contracts.errors import NotFound
from contracts.item_registry import ItemId, RegionId
from contracts.risk_monitor import Level, WarningRaised
from kit.inbox import sequence


async def remember(tx: AsyncConnection, event: WarningRaised) -> None:
    """Keep a warning as it was last raised."""
    values = {
        "warning": event.warning,
        "item": event.item,
        "subject": event.subject,
        "region": event.region,
        "level": event.level,
        "kind": event.kind_,
        "model": f"{event.model}/{event.model_version}",
        "version": sequence(tx),
    }
    row = insert(raised_warning).values(values)
    newer = row.excluded.version > raised_warning.c.version
    upsert = row.on_conflict_do_update(
        index_elements=[raised_warning.c.warning], set_=values, where=newer
    )
    await tx.execute(upsert)


@dataclass(frozen=True, slots=True)
class RaisedWarning:
    """A warning as it was last raised."""

    warning: str
    item: ItemId
    subject: EntityId
    region: RegionId
    level: Level
    kind: str
    model: str


async def last_raised(tx: AsyncConnection, warning: str) -> RaisedWarning:
    """Give a warning as it was last raised; raises NotFound."""
    columns = (raised_warning.c[name] for name in RaisedWarning.__dataclass_fields__)
    query = select(*columns).where(raised_warning.c.warning == warning)
    row = (await tx.execute(query)).one_or_none()
    if row is None:
        raise NotFound(warning=warning)
    return RaisedWarning(*row)
