"""SQL of a draw: functions from a connection to values."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Row, func, select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.credit_service import EntityId, GradeChanged
from contracts.errors import NotFound
from contracts.joint_inspection import PoolId
from joint_inspection.draw.domain import plan as plans
from joint_inspection.draw.domain.handles import Digest
from joint_inspection.draw.domain.parties import Commitment, Reveal
from joint_inspection.draw.domain.preparing import Asked, Directory
from joint_inspection.draw.domain.result import Result, carry_out, result_digest, result_to_bytes
from joint_inspection.draw.domain.rounds import Draw, DrawId, State, seed_of
from joint_inspection.draw.tables import commitment, draw, draw_list, grade, reveal
from joint_inspection.pool import store as pools
from kit import entities as known
from kit import timers
from kit.checks import Check
from kit.deadlines import Due
from kit.lists import Paging, page
from kit.replicas import Replica, upsert

REPLICAS = (Replica.of_table(GradeChanged, grade),)

_ASKED = TypeAdapter(Asked)
_RESULT = TypeAdapter(Result)
_VALUE = (
    draw.c.id,
    draw.c.series,
    draw.c.department,
    draw.c.region,
    draw.c.state,
    draw.c.version,
    draw.c.plan,
    draw.c.plan_digest,
    draw.c.result_digest,
    draw.c.silent,
)


async def lock(tx: AsyncConnection, id_: DrawId) -> Draw:
    """Read one and hold it until the transaction ends; raises NotFound."""
    query = select(*_VALUE).where(draw.c.id == id_).with_for_update()
    row = (await tx.execute(query)).one_or_none()
    if row is None:
        raise NotFound(draw=id_)
    return await _draw(tx, row)


async def get(tx: AsyncConnection, id_: DrawId) -> Draw:
    """Read one; raises NotFound."""
    row = (await tx.execute(select(*_VALUE).where(draw.c.id == id_))).one_or_none()
    if row is None:
        raise NotFound(draw=id_)
    return await _draw(tx, row)


async def page_draws(
    tx: AsyncConnection, asked: Paging, *, series: str | None, state: State | None
) -> tuple[list[Draw], str | None]:
    """List draws."""
    query = select(*_VALUE)
    if series is not None:
        query = query.where(draw.c.series == series)
    if state is not None:
        query = query.where(draw.c.state == state)
    rows, next_ = await page(tx, query, by=(draw.c.id,), asked=asked)
    return [await _draw(tx, row) for row in rows], next_


async def last_frozen(tx: AsyncConnection, series: str) -> Draw | None:
    """Read the frozen draw before the next one in a series; nobody freezes beside us meanwhile."""
    await tx.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(series, 0))))
    query = select(*_VALUE).where(draw.c.series == series, draw.c.frozen_at.is_not(None))
    query = query.order_by(draw.c.frozen_at.desc(), draw.c.id.desc()).limit(1)
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else await _draw(tx, row)


async def _draw(tx: AsyncConnection, row: Row[*tuple[Any, ...]]) -> Draw:
    cells = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's name for a row's columns by name
    given = select(commitment.c.party, commitment.c.digest, commitment.c.at).where(
        commitment.c.draw == cells["id"]
    )
    shown = select(reveal.c.party, reveal.c.salt, reveal.c.secret).where(
        reveal.c.draw == cells["id"]
    )
    raw = cells.pop("plan")
    return Draw(
        **cells,
        plan=None if raw is None else plans.from_bytes(raw),
        commitments=tuple(
            Commitment(*one) for one in await tx.execute(given.order_by(commitment.c.party))
        ),
        reveals=tuple(Reveal(*one) for one in await tx.execute(shown.order_by(reveal.c.party))),
    )


async def add(tx: AsyncConnection, value: Draw, asked: Asked) -> None:
    """Write a new draw with what was asked."""
    cells = {
        name: getattr(value, name)
        for name in ("id", "series", "department", "region", "state", "version")
    }
    row = insert(draw).values(
        **cells, pool=asked.pool, asked=_ASKED.dump_python(asked, mode="json"), silent=[]
    )
    await tx.execute(row)


async def save(tx: AsyncConnection, value: Draw, *, frozen_at: datetime | None = None) -> None:
    """Write back what a round changed."""
    raw = None if value.plan is None else plans.to_bytes(value.plan)
    cells: dict[str, object] = {
        "state": value.state,
        "version": value.version,
        "plan": raw,
        "plan_digest": value.plan_digest,
        "result_digest": value.result_digest,
        "silent": list(value.silent),
    }
    if frozen_at is not None:
        cells["frozen_at"] = frozen_at
    await tx.execute(draw.update().where(draw.c.id == value.id).values(**cells))
    for one in value.commitments:
        row = insert(commitment).values(
            draw=value.id, party=one.party, digest=one.digest, at=one.at
        )
        await tx.execute(row.on_conflict_do_nothing())
    for shown in value.reveals:
        values = {"party": shown.party, "salt": shown.salt, "secret": shown.secret}
        await tx.execute(insert(reveal).values(draw=value.id, **values).on_conflict_do_nothing())
    await _keep_time(tx, value, begins=frozen_at is not None)


async def _keep_time(tx: AsyncConnection, value: Draw, *, begins: bool) -> None:
    """Keep the timer that voids a draw once a party was silent until `reveal_by`."""
    ended = value.state in {State.COMPLETED, State.ABANDONED}
    if value.plan is None or not (begins or ended):
        return
    late = Due(value.plan.reveal_by + timedelta.resolution, provisional=False)
    before, after = (late, None) if ended else (None, late)
    step = timers.Step("draw.reveal", f"draw/{value.id}", None, before=before, after=after)
    await timers.keep(tx, [step])


async def save_result(tx: AsyncConnection, id_: DrawId, result: Result) -> None:
    """Write the result's exact bytes."""
    change = draw.update().where(draw.c.id == id_)
    await tx.execute(change.values(result=result_to_bytes(result)))


async def asked_of(tx: AsyncConnection, id_: DrawId) -> Asked:
    """Read what the initiating department asked."""
    row = (await tx.execute(select(draw.c.asked).where(draw.c.id == id_))).scalar_one()
    return _ASKED.validate_python(row)


async def asked_of_many(tx: AsyncConnection, ids: Sequence[DrawId]) -> dict[DrawId, Asked]:
    """Read what was asked of several draws."""
    query = select(draw.c.id, draw.c.asked).where(draw.c.id.in_(list(ids)))
    return {id_: _ASKED.validate_python(row) for id_, row in await tx.execute(query)}


async def result_of(tx: AsyncConnection, id_: DrawId) -> tuple[bytes, Result] | None:
    """Read a draw's result, if it has one: its exact bytes and what they say."""
    raw = (await tx.execute(select(draw.c.result).where(draw.c.id == id_))).scalar_one()
    return None if raw is None else (raw, _RESULT.validate_json(raw))


async def add_lists(tx: AsyncConnection, id_: DrawId, texts: Mapping[Digest, str]) -> None:
    """Write the lists of a plan."""
    rows = [{"draw": id_, "digest": digest, "text": text} for digest, text in texts.items()]
    await tx.execute(insert(draw_list), rows)


async def lists_of(tx: AsyncConnection, id_: DrawId) -> dict[Digest, str]:
    """Read the lists of a draw by digest."""
    query = select(draw_list.c.digest, draw_list.c.text).where(draw_list.c.draw == id_)
    return dict((await tx.execute(query)).all())


async def opened(tx: AsyncConnection, id_: PoolId) -> Directory:
    """Open a pool: its key, its targets and inspectors as they stood."""
    pool = await pools.get_pool(tx, id_)
    return Directory(
        pool.id,
        pool.key,
        await pools.pool_targets(tx, id_),
        await pools.pool_inspectors(tx, id_),
    )


async def grades(
    tx: AsyncConnection, entities: AbstractSet[EntityId], system: str | None
) -> dict[EntityId, str]:
    """Give the grade of each entity, under one system or the newest of all."""
    of = known.family(entities)
    query = (
        select(of.c.asked, grade.c.grade)
        .join(grade, grade.c.entity == of.c.id)
        .ext(distinct_on(of.c.asked))
        .order_by(of.c.asked, grade.c.valid_from.desc(), grade.c.version.desc())
    )
    if system is not None:
        query = query.where(grade.c.system == system)
    return {EntityId(one): word for one, word in await tx.execute(query)}


async def keep_grade(tx: AsyncConnection, event: GradeChanged, version: int) -> None:
    """Keep a grade as announced."""
    await upsert(tx, grade, "id", [event.model_dump(mode="json") | {"version": version}])


async def draws_recompute(tx: AsyncConnection) -> Check:
    """I5: every completed draw follows from its plan, lists and reveals."""
    query = select(draw.c.id, draw.c.result).where(draw.c.state == State.COMPLETED)
    bad: list[str] = []
    rows = (await tx.execute(query.order_by(draw.c.id))).all()
    for id_, stored in rows:
        value = await get(tx, id_)
        texts = await lists_of(tx, id_)
        try:
            if value.plan is None:
                bad.append(f"draw {id_}: plan")
                continue
            again = carry_out(value.plan, texts, seed_of(value))
        except (KeyError, ValueError, ArithmeticError) as no:
            bad.append(f"draw {id_}: {no!r}")
            continue
        if result_digest(again) != value.result_digest or result_to_bytes(again) != stored:
            bad.append(f"draw {id_}: result")
    return Check(name="I5 draws recompute to their results", ok=not bad, detail="; ".join(bad[:5]))
