"""The exchange's work: batches made, rows read from their owners and posted, receipts fetched.

Only ids stay here. The full record is read from its owner each time, as `gateway:exchange` for the
purpose `report-up`, and goes straight to the platform.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final, TypeVar

import aiohttp
from joserfc.jwk import OKPKey
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.clue_dispatch import CaseView, ClueView
from contracts.credit_service import EntityId
from contracts.gateway import ReportKind
from contracts.item_registry import ROOT, ItemId, RegionId
from contracts.joint_inspection import VisitView
from contracts.roles import Role
from contracts.services import CLUE_DISPATCH, CREDIT_SERVICE, JOINT_INSPECTION
from gateway.exchange import store
from gateway.exchange.domain import report as domain
from gateway.exchange.domain import rows
from gateway.exchange.domain.report import Batch, BatchesUsedUp, BatchState, Report, Verdict
from gateway.exchange.domain.rows import Frame, Lacking, Party, Row
from gateway.forward.store import Reach, ServiceAway
from kit import entities, items, places, policy
from kit.acts import by_event, conclude
from kit.auth import Actor, mint, system
from kit.context import Context
from kit.db import Database, dealing
from kit.deadlines import shanghai_day
from kit.failures import is_outage
from kit.log import get

_IDLE_S: Final = 0.5
_AWAY: Final = timedelta(seconds=5)
_MENDED: Final = timedelta(minutes=10)  # how often what lacks something is looked at again
_PLATFORM_S: Final = aiohttp.ClientTimeout(total=30, sock_connect=5)
_ACCEPTED: Final = 202
_UNKNOWN: Final = 404
_FAULTY: Final = 422
_FAILED: Final = 500

V = TypeVar("V", VisitView, CaseView, ClueView)

_log = get(__name__)

_READER: Final = Actor(
    id="gateway:exchange",
    regions=(ROOT,),
    roles=frozenset({Role.AUDITOR}),
    purpose="report-up",
)


class PlatformAway(ConnectionError):
    """The platform does not answer, or not as agreed; the batch waits."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What the work needs: the database, the other services, the platform."""

    db: Database
    reach: Reach
    key: OKPKey
    platform: str

    @property
    def actor(self) -> Actor:
        """Act as the gateway itself."""
        return system(self.db.service)


async def report_up(context: Context) -> None:
    """Report for as long as the process lives; without a platform there is nothing to do."""
    platform: str | None = context.extras.platform
    if platform is None:
        return
    parts = context.extras
    exchange = Exchange(context.db, parts.reach, parts.door.issuer.key, platform.rstrip("/"))
    while True:
        try:
            moved = await turn(exchange)
        except Exception as no:
            if not is_outage(no):
                raise
            _log.warning("exchange_waits", error=repr(no))
            await asyncio.sleep(_AWAY.total_seconds())
        else:
            if not moved:
                await asyncio.sleep(_IDLE_S)


async def turn(exchange: Exchange) -> int:
    """Do what is due once; gives how many batches moved."""
    try:
        made = await _make(exchange)
    except BatchesUsedUp as no:  # what is posted already goes on; the rest waits for tomorrow
        _log.warning("batches_wait", **no.facts)
        made = 0
    async with exchange.db.begin(exchange.actor, "open batches") as tx:
        open_ = await store.open_batches(tx, dealing(tx).now)
    for batch in open_:
        work = _post if batch.state is BatchState.MADE else _receive
        await _tried(exchange, batch, work)
    return made + len(open_)


async def _tried(
    exchange: Exchange, batch: Batch, work: Callable[[Exchange, Batch], Awaitable[None]]
) -> None:
    """Work on one batch; one that cannot move now does not hold up the others."""
    try:
        await work(exchange, batch)
    except (PlatformAway, ServiceAway) as no:
        _log.warning("batch_waits", batch=batch.cd_batch, error=repr(no))
        async with exchange.db.begin(exchange.actor, "batch waits") as tx:
            await store.save_batch(tx, batch, now=dealing(tx).now, wait=_AWAY)


# Pending → a batch ---------------------------------------------------------------------------


async def _make(exchange: Exchange) -> int:
    async with exchange.db.begin(exchange.actor, "make batches") as tx:
        now = dealing(tx).now
        today = shanghai_day(now)
        senders: dict[str, list[Report]] = {}
        for report in await store.waiting(tx, now):
            source = await _source(tx, report, today)
            senders.setdefault(source, []).append(report)
        for source, reports in senders.items():
            await store.make_batch(tx, source, reports, day=today, now=now)
        return len(senders)


async def _source(tx: AsyncConnection, report: Report, today: date) -> str:
    """Give `cd_source`: the province's division and the department's id."""
    chain = await places.chain(tx, RegionId(report.region))
    spans = await store.divisions(tx, chain)
    province = rows.province_of(chain, spans, today) or ROOT
    return f"{province}|{report.department}"


# Made → posted -------------------------------------------------------------------------------


async def _post(exchange: Exchange, batch: Batch) -> None:
    async with exchange.db.begin(exchange.actor, "read batch") as tx:
        now = dealing(tx).now
        # What has its receipt keeps it when the platform lost the batch.
        reports = [one for one in await store.in_batch(tx, batch) if one.settled_at is None]
        frames = {one.id: await _frame(tx, one, shanghai_day(now)) for one in reports}
    written: dict[str, Row] = {}
    lacking: dict[str, str] = {}
    for one in reports:
        try:
            row = await _row(exchange, one, frames[one.id])
        except Lacking as no:
            lacking[one.id] = no.field
        else:
            day = shanghai_day(now)
            written[one.id] = rows.envelope(one, day, batch.cd_source, batch.cd_batch) | row
    fault = await _send(exchange, batch, list(written.values())) if written else None
    async with exchange.db.begin(exchange.actor, "post batch") as tx:
        after = replace(batch, state=BatchState.POSTED if written else BatchState.SETTLED)
        wait = domain.look_again(0)
        await store.save_batch(tx, after, now=dealing(tx).now, wait=wait)
        for one in reports:
            held = await store.lock(tx, one.id)
            if one.id in lacking:
                again = domain.lacking(held, lacking[one.id])
                await store.save(tx, again, look_at=now + _MENDED)
            else:
                await store.save(tx, domain.sent(held, batch))
    if fault is not None:
        verdicts = [replace(fault, cd_id=row["cd_id"]) for row in written.values()]
        await _settle(exchange, batch, verdicts)


async def _frame(tx: AsyncConnection, report: Report, today: date) -> Frame:
    chain = await places.chain(tx, RegionId(report.region))
    agency = (await places.agencies(tx, [report.department])).get(report.department)
    party = (await entities.known(tx, [report.subject])).get(EntityId(report.subject))
    held = policy.all_in_force(policy.load("gateway"), "exchange", today)
    return Frame(
        department_name=agency.name if agency else None,
        area=rows.area_of(chain, await store.divisions(tx, chain), today),
        party=Party(report.subject, party.name if party else None, party.kind if party else ""),
        item_name=None,
        submitted_on=today,
        words={row.key.removeprefix("exchange."): str(row.values["value"]) for row in held},
    )


async def _row(exchange: Exchange, report: Report, frame: Frame) -> Row:
    """Read the whole record from its owner and write the platform's row. Raises Lacking."""
    frame = await _named(exchange, frame)
    match report.kind:
        case ReportKind.INSPECTION:
            path = f"/visits/{report.record}"
            visit = await _record(exchange, JOINT_INSPECTION.name, path, VisitView)
            return rows.inspection(report, visit, await _with_item(exchange, frame, visit.item))
        case ReportKind.PENALTY:
            owner = CLUE_DISPATCH.name
            case = await _record(exchange, owner, f"/cases/{report.record}", CaseView)
            clue = await _record(exchange, owner, f"/clues/{case.clue}", ClueView)
            return rows.penalty(report, case, clue, await _with_item(exchange, frame, case.item))


async def _with_item(exchange: Exchange, frame: Frame, item: str | None) -> Frame:
    if item is None:
        return frame
    async with exchange.db.begin(exchange.actor, "find item") as tx:
        found = await items.known(tx, ItemId(item))
    return replace(frame, item_name=found.name if found else None)


async def _named(exchange: Exchange, frame: Frame) -> Frame:
    """Ask credit-service for a name that events do not carry: a sole trader's is personal."""
    if frame.party.name is not None:
        return frame
    body = await _read(exchange, CREDIT_SERVICE.name, f"/entities/{frame.party.id}")
    if body is None:
        return frame
    party = replace(frame.party, name=body.get("name"), kind=str(body.get("kind") or ""))
    return replace(frame, party=party)


async def _record(exchange: Exchange, service: str, path: str, view: type[V]) -> V:
    body = await _read(exchange, service, path)
    if body is None:
        raise Lacking(path.split("/")[1])
    try:
        return view.model_validate(body)
    except ValidationError as no:
        raise Lacking(".".join(str(part) for part in no.errors()[0]["loc"])) from no


async def _read(exchange: Exchange, service: str, path: str) -> dict[str, Any] | None:
    token = mint(exchange.key, _READER)
    answer = await exchange.reach.ask(service, path, token=token)
    if answer.status >= _FAILED:
        raise ServiceAway(service=service, status=answer.status)
    return answer.body if answer.ok and isinstance(answer.body, dict) else None


# The platform --------------------------------------------------------------------------------


async def _send(exchange: Exchange, batch: Batch, written: list[Row]) -> Verdict | None:
    """Post a batch; gives the verdict on all of it when the platform does not take its envelope."""
    body = {"cd_source": batch.cd_source, "cd_batch": batch.cd_batch, "rows": written}
    status, said = await _call(exchange, "POST", "/batches", body)
    if status == _ACCEPTED:
        return None
    if status == _FAULTY and isinstance(said, dict) and isinstance(said.get("detail"), dict):
        fault = said["detail"]
        return Verdict(
            "", delivered=False, field=str(fault.get("field")), code=str(fault.get("code"))
        )
    raise PlatformAway(status)


async def _receive(exchange: Exchange, batch: Batch) -> None:
    status, said = await _call(exchange, "GET", f"/batches/{batch.cd_batch}")
    if status == _UNKNOWN:
        async with exchange.db.begin(exchange.actor, "post again") as tx:
            lost = replace(batch, state=BatchState.MADE, looked=0)
            await store.save_batch(tx, lost, now=dealing(tx).now)
        return
    match status, said:
        case (200, {"rows": list(found)}):
            await _settle(exchange, batch, [v for row in found for v in _verdict(row)])
        case _:
            raise PlatformAway(status)


def _verdict(row: object) -> list[Verdict]:
    match row:
        case {"cd_id": str(cd_id), "state": "delivered"}:
            return [Verdict(cd_id, delivered=True)]
        case {"cd_id": str(cd_id), "state": "rejected", **more}:
            field, code = str(more.get("field") or ""), str(more.get("code") or "")
            return [Verdict(cd_id, delivered=False, field=field, code=code)]
        case _:
            return []


async def _call(exchange: Exchange, method: str, path: str, body: object = None) -> tuple[int, Any]:
    try:
        async with exchange.reach.session.request(
            method,
            exchange.platform + path,
            json=body,
            timeout=_PLATFORM_S,
            headers={"Content-Type": "application/json"},
        ) as answer:
            return answer.status, await answer.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as no:
        raise PlatformAway(repr(no)) from no


# Sent → delivered | rejected -----------------------------------------------------------------


async def _settle(exchange: Exchange, batch: Batch, verdicts: list[Verdict]) -> None:
    for verdict in verdicts:
        await _settle_one(exchange, batch, verdict)
    async with exchange.db.begin(exchange.actor, "look at batch") as tx:
        open_ = [one for one in await store.in_batch(tx, batch) if one.settled_at is None]
        looked = batch.looked + 1
        state = BatchState.POSTED if open_ else BatchState.SETTLED
        after = replace(batch, state=state, looked=looked)
        wait = domain.look_again(looked)
        await store.save_batch(tx, after, now=dealing(tx).now, wait=wait)


async def _settle_one(exchange: Exchange, batch: Batch, verdict: Verdict) -> None:
    """Take one receipt in a transaction whose cause is the fact that was reported."""
    async with exchange.db.begin(exchange.actor, "read cause") as tx:
        mine = [one for one in await store.in_batch(tx, batch) if one.cd_id == verdict.cd_id]
        if not mine or mine[0].settled_at is not None:
            return
        cause = await store.cause_of(tx, mine[0].id)
    async with exchange.db.begin(exchange.actor, "settle report", cause=cause) as tx:
        now = dealing(tx).now
        report = await store.lock(tx, mine[0].id)
        decided = domain.settled(report, verdict, now)
        await store.save(tx, decided.value)
        await conclude(tx, exchange.actor, by_event(now), before=report, decided=decided)
