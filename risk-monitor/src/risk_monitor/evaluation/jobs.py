"""Heavy work, for evaluations: a loop that judges what batches touched, some subjects at a time."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.credit_service import EntityId
from contracts.item_registry import RegionId
from contracts.risk_monitor import ModelId, WarningId
from kit import places
from kit.acts import by_event, conclude
from kit.auth import system
from kit.checks import Check
from kit.clock import new_id
from kit.context import Context
from kit.db import Database, dealing
from kit.deadlines import shanghai_day
from kit.failures import is_outage
from kit.log import get
from risk_monitor.evaluation import domain, store
from risk_monitor.evaluation.domain import Reckoning, Setting, Verdict
from risk_monitor.evaluation.store import Subject
from risk_monitor.model import store as models
from risk_monitor.model.domain import Compiled, compiled
from risk_monitor.signal import store as signals
from risk_monitor.signal.store import Known
from risk_monitor.source import store as sources
from risk_monitor.waiting import store as waiting
from risk_monitor.warning import domain as warning
from risk_monitor.warning import store as warnings
from risk_monitor.warning.domain import Finding

SUBJECTS = 20
_PAUSE_S = 0.25
_OUTAGE_S = 1.0

_log = get(__name__)


@dataclass(frozen=True, slots=True)
class Judged:
    """One subject under one model: where it is, what was found, when its signals were accepted."""

    subject: Subject
    place: RegionId
    verdicts: Sequence[Verdict]
    accepted: Mapping[str, datetime]


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges what waits; models that were understood once are kept, for a version never changes."""

    database: Database
    understood: dict[ModelId, Compiled] = field(default_factory=dict)

    async def turn(self) -> bool:
        """Judge some subjects in one transaction, under the request that they stem from."""
        actor = system(self.database.service)
        async with self.database.begin(actor, "evaluate") as tx:
            due = await waiting.next_one(tx)
        if due is None:
            return False
        begin = self.database.begin(actor, "evaluate", traceparent=due.traceparent)
        async with begin as tx:
            since = await waiting.take(tx, due, SUBJECTS)
            subjects = await store.subjects_of(tx, since)
            known = await signals.known(tx, [id_ for one in subjects for id_ in one.ids])
            rows = {
                one.id: sorted(
                    (signal for id_ in one.ids for signal in known.get(id_, ())),
                    key=lambda signal: (signal.reading.from_, signal.reading.id),
                )
                for one in subjects
            }
            setting = await _setting(tx)
            for model in await models.in_force(tx):
                if model.id not in self.understood:
                    self.understood[model.id] = compiled(model, setting.streams)
                await self._under(tx, self.understood[model.id], setting, subjects, rows)
        return True

    async def _under(  # noqa: PLR0917 - what one turn has at hand
        self,
        tx: AsyncConnection,
        model: Compiled,
        setting: Setting,
        subjects: Sequence[Subject],
        rows: Mapping[EntityId, Sequence[Known]],
    ) -> None:
        """Judge some subjects under one model, keep what was found, raise what follows."""
        present = [subject for subject in subjects if rows[subject.id]]
        regions = {rows[subject.id][-1].region for subject in present}
        chains = await places.chains(tx, regions)
        judged = [_judged(model, setting, one, rows[one.id], chains) for one in present]
        lines = {
            region: await warnings.lines_of(tx, model.item, region)
            or {setting.streams[stream].line for stream in model.streams}
            for region in sorted(regions)
        }
        readers = {
            region: places.readers(chains.get(region, (region,)), sorted(found))
            for region, found in lines.items()
        }
        made = [
            store.row_of(
                model,
                one.subject.id,
                verdict,
                readers=readers[one.place],
                at=setting.now,
            )
            for one in judged
            for verdict in one.verdicts
        ]
        ids = [one.id for one in present]
        await store.save(tx, made, await store.standing(tx, model.model, ids))
        opened = await warnings.open_of(tx, ids)
        closed = await warnings.closed_until(tx, ids)
        for one in judged:
            await self._follow(tx, model, one, opened, closed)
        await warnings.save_all(tx, opened, {one.subject.id: readers[one.place] for one in judged})

    async def _follow(  # noqa: PLR0917 - what one turn has at hand
        self,
        tx: AsyncConnection,
        model: Compiled,
        one: Judged,
        opened: dict[warnings.Key, warning.Warning],
        closed: Mapping[warnings.Key, date],
    ) -> None:
        """Follow what was found month by month; what announces nothing is not an act."""
        for verdict in one.verdicts:
            key = (one.subject.id, model.model, verdict.kind)
            before = opened.get(key)
            decided = warning.follow(
                _finding(model, one, verdict),
                open_=before,
                closed_until=closed.get(key),
                id_=WarningId(new_id()),
                at=self.database.clock.now(),
            )
            if decided is None:
                continue
            opened[key] = decided.value
            if decided.says:
                about = dealing(tx)
                act = by_event(about.now)
                await conclude(tx, about.actor, act, before=before, decided=decided)


async def evaluate(context: Context) -> None:
    """Judge what waits, for as long as the process lives."""
    judge = Judge(context.db)
    while True:
        pause = _PAUSE_S
        try:
            if await judge.turn():
                continue
        except Exception as no:
            if not is_outage(no):
                raise
            _log.warning("evaluation_pauses", error=repr(no))
            pause = _OUTAGE_S
        await asyncio.sleep(pause)


async def _setting(tx: AsyncConnection) -> Setting:
    now = dealing(tx).now
    streams = sources.streams_on(shanghai_day(now))
    agencies = await places.agencies_of(tx, {one.line for one in streams.values()})
    served: dict[tuple[str, RegionId], list[str]] = {}
    for agency in agencies:
        for region in agency.territory:
            served.setdefault((agency.line, region), []).append(agency.id)
    return Setting(streams, await sources.heard_months(tx), served, now)


def _judged(  # noqa: PLR0917 - what one turn has at hand
    model: Compiled,
    setting: Setting,
    subject: Subject,
    rows: Sequence[Known],
    chains: Mapping[RegionId, Sequence[RegionId]],
) -> Judged:
    place = rows[-1].region
    readings = domain.by_stream((one.stream, one.reading) for one in rows)
    history = domain.history(setting, readings, chains.get(place, (place,)))
    months = domain.months_to_judge(setting, model.streams, readings, since=subject.since)
    return Judged(
        subject,
        place,
        Reckoning(model, history).verdicts(months),
        {one.reading.id: one.reading.received_at for one in rows},
    )


def _finding(model: Compiled, one: Judged, verdict: Verdict) -> Finding:
    rests_on = [one.accepted[id_] for said in verdict.evidence for id_ in said.signals]
    return Finding(
        model=model.model,
        model_version=model.version,
        item=model.item,
        subject=one.subject.id,
        region=one.place,
        kind=verdict.kind,
        month=verdict.month,
        state=verdict.state,
        level=verdict.level,
        evidence=verdict.evidence,
        degraded=verdict.degraded,
        accepted_at=max(rests_on or one.accepted.values()),
    )


async def evidence_stands(tx: AsyncConnection) -> Check:
    """Every signal that a warning rests on stands."""
    rests = await warnings.evidence(tx)
    stands = await signals.standing_of(tx, {id_ for _, ids in rests for id_ in ids})
    bad = [f"warning {id_}: signal {one}" for id_, ids in rests for one in sorted(ids - stands)]
    return Check(name="warnings rest on signals that stand", ok=not bad, detail="; ".join(bad[:5]))
