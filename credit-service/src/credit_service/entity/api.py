"""HTTP in, for an entity: load, decide, save and announce; no rule stands here."""

from typing import Annotated

from fastapi import Query

from contracts.acts import Act
from contracts.credit_service import EntityId, EntityKind, EntityNew, EntityView
from contracts.says import Decided
from credit_service.entity import domain, store
from credit_service.entity.domain import Entity
from kit.acts import conclude
from kit.clock import new_id
from kit.codes import verifiable
from kit.context import Caller, Tx
from kit.context import router as routes
from kit.lists import Asked, Page

router = routes("/entities")


def _shown(
    entity: Entity, aliases: tuple[EntityId, ...] = (), asked: EntityId | None = None
) -> EntityView:
    return EntityView(
        id=entity.id,
        version=entity.version,
        name=entity.name,
        kind=entity.kind,
        status=entity.status,
        verifiable=verifiable(entity.id),
        alias_of=entity.alias_of,
        aliases=aliases,
        asked=asked if asked != entity.id else None,
        registration_office=entity.registration_office,
        jurisdiction_office=entity.jurisdiction_office,
        region=entity.region,
        address=domain.open_address(entity),
    )


@router.post("", status_code=201)
async def register_entity(new: EntityNew, tx: Tx, caller: Caller) -> EntityView:
    """Register an entity, or bring it up to date: the same content again changes nothing."""
    id_ = domain.registrable(new.code)
    domain.placed(new.region, await store.regions(tx, [new.region]))
    await store.hold(tx)
    before = (await store.known(tx, [id_])).get(id_)
    after = domain.registered(id_, new, before)
    changed = [after] if after is not before else []
    parcels = domain.parcels(changed)
    says = domain.announced(parcels, [new_id() for _ in parcels])
    await store.save(tx, changed)
    await conclude(tx, caller, Act(), before=before, decided=Decided(after, says=says))
    return _shown(after)


@router.get("")
async def list_entities(
    tx: Tx,
    asked: Asked,
    kind: Annotated[EntityKind | None, Query(description="类别")] = None,
    name: Annotated[str | None, Query(description="名称 the beginning of the name")] = None,
) -> Page[EntityView]:
    """List entities by id."""
    rows, next_ = await store.listed(tx, kind, name, asked)
    return Page(items=[_shown(entity) for entity in rows], next=next_)


@router.get("/{entity_id}")
async def get_entity(entity_id: str, tx: Tx) -> EntityView:
    """Give the core of an entity: an id or a code; what became another is followed, and said."""
    id_ = domain.identified(entity_id)
    entity, aliases = await store.followed(tx, id_)
    return _shown(entity, aliases, id_)
