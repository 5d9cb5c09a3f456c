"""HTTP in, for a pool."""

import secrets

from contracts.acts import Act
from contracts.item_registry import DepartmentId
from contracts.joint_inspection import NewPool, PoolId, PoolView
from contracts.says import Decided
from joint_inspection.directory import store as directory
from joint_inspection.pool import domain, store
from joint_inspection.pool.domain import Pool, PoolEmpty, PoolMade
from kit import places
from kit.acts import conclude
from kit.clock import new_id
from kit.context import Caller, Now, Tx, router
from kit.lists import Asked, Page, shown

POOL_KEY_BYTES = 32

pools = router("/pools")


@pools.get("")
async def list_pools(tx: Tx, asked: Asked) -> Page[PoolView]:
    """List pools."""
    found, next_ = await store.page_pools(tx, asked)
    return shown(found, _pool, next_)


@pools.post("", status_code=201)
async def create_pool(new: NewPool, tx: Tx, caller: Caller, now: Now) -> PoolView:
    """Freeze a dated version of the directory: the targets that the caller sees, and inspectors."""
    department = DepartmentId(caller.department or caller.id)
    value = Pool(
        id=PoolId(new_id()),
        item=new.item,
        region=new.region,
        department=department,
        made_at=now,
        targets=0,
        inspectors=0,
        key=secrets.token_bytes(POOL_KEY_BYTES),
    )
    chain = await places.chain(tx, new.region)
    lines = [
        *await directory.lines_of(tx, new.item, chain),
        *([caller.line] if caller.line else []),
    ]
    agencies = await places.agencies_of(tx, lines)
    above = await places.chains(tx, [node for one in agencies for node in one.territory])
    serving = domain.serving(agencies, region=new.region, chain=chain, above=above)
    made = await store.add_pool(tx, value, [*serving, department])
    if not made.targets:
        raise PoolEmpty(item=new.item, region=new.region)
    view = _pool(made)
    said = PoolMade(made.id, made.item, made.region, made.targets, made.inspectors, view.key_digest)
    await conclude(tx, caller, Act(), before=None, decided=Decided(said))
    return view


def _pool(one: Pool) -> PoolView:
    return PoolView(
        id=one.id,
        item=one.item,
        region=one.region,
        department=one.department,
        made_at=one.made_at,
        targets=one.targets,
        inspectors=one.inspectors,
        key_digest=domain.key_digest(one.key),
    )
