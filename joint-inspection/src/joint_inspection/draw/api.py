"""HTTP in, for a draw: asked, frozen, committed, revealed; its file is public."""

import asyncio
import secrets

from fastapi import Response

from contracts.acts import Act
from contracts.errors import NotFound
from contracts.item_registry import DepartmentId
from contracts.joint_inspection import (
    CommitmentView,
    CommitSecret,
    DrawPart,
    DrawView,
    NewDraw,
    Opening,
    PoolId,
    RevealSecret,
    StaffView,
    StratumAsked,
)
from contracts.roles import Role
from contracts.says import Decided
from joint_inspection.directory import store as directory
from joint_inspection.draw import store
from joint_inspection.draw.domain import plan as plans
from joint_inspection.draw.domain import preparing, rounds
from joint_inspection.draw.domain.handles import salt_of, target_handles
from joint_inspection.draw.domain.parties import Reveal
from joint_inspection.draw.domain.plan import Beacon
from joint_inspection.draw.domain.preparing import Asked as Wanted
from joint_inspection.draw.domain.preparing import Part, Stratum
from joint_inspection.draw.domain.result import carry_out, file_to_bytes
from joint_inspection.draw.domain.rounds import Draw, DrawId, State
from joint_inspection.pool import store as pools
from joint_inspection.visit import store as visits
from joint_inspection.visit.domain import visits as visit
from kit.acts import conclude
from kit.auth import Actor
from kit.clock import new_id
from kit.context import Caller, Now, Tx, router
from kit.lists import Asked, Page, shown

_OPAQUE_BYTES = 4

draws = router("/draws")


@draws.get("")
async def list_draws(
    tx: Tx, asked: Asked, series: str | None = None, state: State | None = None
) -> Page[DrawView]:
    """List draws."""
    found, next_ = await store.page_draws(tx, asked, series=series, state=state)
    asks = await store.asked_of_many(tx, [one.id for one in found])
    return shown(found, lambda one: _view(one, asks[one.id]), next_)


@draws.post("", status_code=201)
async def create_draw(new: NewDraw, tx: Tx, caller: Caller) -> DrawView:
    """Ask for a joint draw over a pool; nothing is fixed before the freeze."""
    wanted = _wanted(new)
    preparing.check_asked(wanted, by=_department(caller))
    pool = await pools.get_pool(tx, new.pool)
    preparing.check_pool(pool, by=_department(caller))
    decided = rounds.draft(
        id_=DrawId(new_id()),
        series=new.series,
        department=new.initiating.department,
        region=pool.region,
        cycle=new.cycle,
        redraw_of=None if new.redraw_of is None else DrawId(new.redraw_of),
    )
    await store.add(tx, decided.value, wanted)
    await conclude(tx, caller, Act(), before=None, decided=decided)
    return _view(decided.value, wanted)


@draws.get("/{draw_id}")
async def get_draw(draw_id: DrawId, tx: Tx) -> DrawView:
    """Give one draw."""
    return _view(await store.get(tx, draw_id), await store.asked_of(tx, draw_id))


@draws.get("/{draw_id}/file", response_class=Response)
async def get_draw_file(draw_id: DrawId, tx: Tx) -> Response:
    """Give what anybody can check: plan, lists, commitments, reveals, result."""
    draw = await store.get(tx, draw_id)
    if draw.plan is None:
        raise NotFound(draw=draw_id)
    result = await store.result_of(tx, draw_id)
    body = await asyncio.to_thread(
        file_to_bytes,
        plans.to_bytes(draw.plan),
        await store.lists_of(tx, draw_id),
        commitments=draw.commitments,
        reveals=draw.reveals,
        result=None if result is None else result[0],
    )
    return Response(body, media_type="application/json")


@draws.get("/{draw_id}/openings")
async def list_openings(draw_id: DrawId, tx: Tx, caller: Caller) -> Page[Opening]:
    """Open the handles of visited targets to those who see the visits; a supervisor opens all."""
    await store.get(tx, draw_id)
    pool = await pools.get_pool(tx, (await store.asked_of(tx, draw_id)).pool)
    found = await visits.of_draw(tx, draw_id)
    seen = [one for one in found if visit.opens(one, all_=Role.SUPERVISOR in caller.roles)]
    handles = target_handles(pool.key, [one.target for one in seen])
    items = [
        Opening(
            handle=handles[one.target],
            target=one.target,
            salt=salt_of(pool.key, one.target).hex(),
            visit=one.id,
        )
        for one in seen
    ]
    return Page(items=items, next=None)


@draws.get("/{draw_id}/inspectors")
async def list_draw_inspectors(draw_id: DrawId, tx: Tx) -> Page[StaffView]:
    """List the inspectors of a draw's departments: drawn from, or left out and why."""
    asked = await store.asked_of(tx, (await store.get(tx, draw_id)).id)
    items = [
        StaffView(
            inspector=one.id, department=one.department, valid_until=one.valid_until, left_out=why
        )
        for one, why in preparing.staff_of(asked, await store.opened(tx, asked.pool))
    ]
    return Page(items=items, next=None)


@draws.post("/{draw_id}:freeze")
async def freeze(draw_id: DrawId, act: Act, tx: Tx, caller: Caller, now: Now) -> DrawView:
    """Freeze plan and lists; they are public from now on."""
    draw = await store.lock(tx, draw_id)
    asked = await store.asked_of(tx, draw_id)
    last = await store.last_frozen(tx, draw.series)
    pool = await store.opened(tx, asked.pool)
    officers = await directory.get_inspectors(tx, [one.id for one in pool.inspectors])
    pool = preparing.recused_since(pool, officers.values())
    entities = frozenset(one.entity for one in pool.targets if one.entity is not None)
    # What goes over every target is worked out beside: other requests are answered meanwhile.
    plan, texts = await asyncio.to_thread(
        preparing.prepare,
        asked,
        pool,
        await store.grades(tx, entities, asked.grade_system),
        await pools.gone(tx, asked.pool),
        draw=draw.id,
        series=draw.series,
        previous=None if last is None else last.plan_digest,
    )
    decided = rounds.freeze(draw, plan, texts, by=_department(caller), last=last, at=now)
    await store.add_lists(tx, draw_id, texts)
    await store.save(tx, decided.value, frozen_at=now)
    await conclude(tx, caller, act, before=draw, decided=decided)
    return _view(decided.value, asked)


@draws.post("/{draw_id}:commit")
async def commit(draw_id: DrawId, act: CommitSecret, tx: Tx, caller: Caller, now: Now) -> DrawView:
    """Send a party's commitment, under its own credentials."""
    draw = await store.lock(tx, draw_id)
    decided = rounds.commit(draw, party=_department(caller), digest=act.digest, at=now)
    await store.save(tx, decided.value)
    await conclude(tx, caller, act, before=draw, decided=decided)
    return _view(decided.value, await store.asked_of(tx, draw_id))


@draws.post("/{draw_id}:reveal")
async def reveal(draw_id: DrawId, act: RevealSecret, tx: Tx, caller: Caller, now: Now) -> DrawView:
    """Show a party's salt and secret; with the last one the result follows."""
    draw = await store.lock(tx, draw_id)
    party = _department(caller)
    shown_ = Reveal(party, bytes.fromhex(act.salt), bytes.fromhex(act.secret))
    decided = await _completed(tx, rounds.reveal(draw, shown_, at=now))
    await store.save(tx, decided.value)
    await conclude(tx, caller, act, before=draw, decided=decided)
    return _view(decided.value, await store.asked_of(tx, draw_id))


async def _completed(tx: Tx, decided: Decided[Draw]) -> Decided[Draw]:
    draw = decided.value
    if draw.state is not State.REVEALED or draw.plan is None:
        return decided
    lists = await store.lists_of(tx, draw.id)
    result = await asyncio.to_thread(carry_out, draw.plan, lists, rounds.seed_of(draw))
    await store.save_result(tx, draw.id, result)
    completed = rounds.complete(draw, result)
    return Decided(completed.value, says=(*decided.says, *completed.says))


@draws.post("/{draw_id}:abandon")
async def abandon(draw_id: DrawId, act: Act, tx: Tx, caller: Caller, now: Now) -> DrawView:
    """Give a draw up with a reason, or declare it void for silence."""
    draw = await store.lock(tx, draw_id)
    preparing.check_reason(act.reason)
    decided = rounds.abandon(draw, by=_department(caller), at=now)
    await store.save(tx, decided.value)
    await conclude(tx, caller, act, before=draw, decided=decided)
    return _view(decided.value, await store.asked_of(tx, draw_id))


def _department(caller: Actor) -> DepartmentId:
    return DepartmentId(caller.department or caller.id)


def _wanted(new: NewDraw) -> Wanted:
    beacon = new.beacon
    return Wanted(
        pool=PoolId(new.pool),
        initiating=_part(new.initiating),
        cooperating=tuple(_part(part) for part in new.cooperating),
        strata=tuple(_stratum(stratum) for stratum in new.strata),
        grade_system=new.grade_system,
        parties=tuple(sorted(new.parties)),
        reveal_by=new.reveal_by,
        visits_from=new.visits_from,
        visits_to=new.visits_to,
        mode=new.mode,
        hash=new.hash,
        beacon=None if beacon is None else Beacon(beacon.source, beacon.round, beacon.after),
        stand_ins=new.stand_ins,
    )


def _part(part: DrawPart) -> Part:
    return Part(
        department=part.department,
        codes14=tuple(sorted(part.codes14)),
        items=part.items,
        seats=part.seats,
        qualification=part.qualification,
        limit=part.limit,
    )


def _stratum(stratum: StratumAsked) -> Stratum:
    """Give a stratum an opaque id: a telling one would say which class a handle is in."""
    opaque = secrets.token_hex(_OPAQUE_BYTES)
    return Stratum(opaque, stratum.grades, stratum.n, stratum.reserve, stratum.weights)


def _view(draw: Draw, asked: Wanted) -> DrawView:
    return DrawView(
        id=draw.id,
        series=draw.series,
        department=draw.department,
        region=draw.region,
        pool=asked.pool,
        state=draw.state,
        parties=asked.parties,
        reveal_by=asked.reveal_by,
        plan_digest=draw.plan_digest,
        commitments=tuple(CommitmentView.model_validate(one) for one in draw.commitments),
        revealed=tuple(one.party for one in draw.reveals),
        silent=draw.silent,
        result_digest=draw.result_digest,
    )
