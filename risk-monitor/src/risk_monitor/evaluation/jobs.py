"""Heavy work, for evaluations: a loop that judges what batches touched, some subjects at a time."""

import asyncio
import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.credit_service import EntityId
from contracts.item_registry import RegionId
from contracts.risk_monitor import EvidenceState, ModelId, WarningId
from kit import places
from kit.acts import Done, by_event, conclude_each
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
from risk_monitor.schema import text_array
from risk_monitor.signal.store import reading as signals
from risk_monitor.signal.store import writing as said
from risk_monitor.signal.store.reading import Told
from risk_monitor.source import store as sources
from risk_monitor.waiting import store as waiting
from risk_monitor.warning import domain as warning
from risk_monitor.warning import store as warnings
from risk_monitor.warning.domain import Finding

SUBJECTS = 250
# Two at once: while one waits for the database, the other computes.
PARTS = 2
# After work, and at most, doubled while there is none.
_PAUSE_S = (0.2, 1.0)
_OUTAGE_S = 1.0

_log = get(__name__)


class Judged(NamedTuple):
    """One subject under one model: where it is, what was found, when its signals were accepted."""

    subject: Subject
    place: RegionId
    verdicts: Sequence[Verdict]
    told: Told

    def finding(self, model: Compiled, verdict: Verdict) -> Finding:
        """Make of a verdict what a warning follows from."""
        accepted = {r.id: r.received_at for rows in self.told.readings.values() for r in rows}
        rests_on = [accepted[id_] for said in verdict.evidence for id_ in said.signals]
        return Finding(
            model=model.model,
            model_version=model.version,
            item=model.item,
            subject=self.subject.id,
            region=self.place,
            kind=verdict.kind,
            month=verdict.month,
            state=verdict.state,
            level=verdict.level,
            evidence=verdict.evidence,
            degraded=verdict.degraded,
            accepted_at=max(rests_on or accepted.values()),
        )


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges what waits; models that were understood once are kept, for a version never changes."""

    database: Database
    part: waiting.Part = field(default_factory=waiting.Part)
    understood: dict[ModelId, Compiled] = field(default_factory=dict)

    async def turn(self, limit: int = SUBJECTS) -> bool:
        """Judge some subjects in one transaction, under the request that they stem from."""
        due = await self._due()
        if due is None:
            return False
        actor = system(self.database.service)
        begin = self.database.begin(actor, "evaluate", traceparent=due.traceparent)
        async with begin as tx:
            since = await waiting.take(tx, due, limit)
            if not since:
                return False  # held by whoever touches it now: looked at again after a pause
            subjects = await store.subjects_of(tx, since)
            known = await signals.told(tx, [id_ for one in subjects for id_ in one.ids])
            told = {
                one.id: signals.together(several)
                for one in subjects
                if (several := [known[id_] for id_ in one.ids if id_ in known])
            }
            setting = await _setting(tx)
            for model in await models.in_force(tx):
                if model.id not in self.understood:
                    self.understood[model.id] = compiled(model, setting.streams)
                await self._under(tx, self.understood[model.id], setting, subjects, told)
        return True

    async def put_off(self, no: Exception) -> None:
        """Let a subject that cannot be judged hold nobody else back; it waits, and that shows."""
        due = await self._due()
        if due is None:
            return
        async with self.database.begin(system(self.database.service), "evaluate") as tx:
            subjects = await waiting.put_off(tx, due)
        _log.error("subject_not_judged", subjects=subjects, error=repr(no))

    async def _due(self) -> waiting.Next | None:
        actor = system(self.database.service)
        async with self.database.begin(actor, "evaluate") as tx:
            busy = await waiting.loading(tx)
            if not busy and self.part.number == 0:
                await said.tell(tx)
            elif not busy and await sources.untold(tx):
                return None  # whom it concerns is touched first, so that nobody is judged twice
            return await waiting.next_one(tx, self.part, busy=busy)

    async def _under(  # noqa: PLR0917 - what one turn has at hand
        self,
        tx: AsyncConnection,
        model: Compiled,
        setting: Setting,
        subjects: Sequence[Subject],
        told: Mapping[EntityId, Told],
    ) -> None:
        """Judge some subjects under one model, keep what was found, raise what follows."""
        present = {id_: one.region for id_, one in told.items()}
        chains = await places.chains(tx, present.values())
        readers = await _readers(tx, model, setting, chains | _alone(present.values(), chains))
        judged = [
            _judged(model, setting, one, told[one.id], chains.get(present[one.id]))
            for one in subjects
            if one.id in present
        ]
        written = {region: text_array(keys) for region, keys in readers.items()}
        made = [
            store.row_of(
                model,
                one.subject.id,
                verdict,
                readers=written[one.place],
                at=setting.now,
            )
            for one in judged
            for verdict in one.verdicts
        ]
        await store.save(tx, made, await store.standing(tx, model.model, present))
        opened = await warnings.open_of(tx, present)
        closed = await warnings.closed_until(tx, present)
        done = [act for one in judged for act in self._followed(tx, model, one, opened, closed)]
        await warnings.save_all(tx, opened, {id_: readers[at] for id_, at in present.items()})
        await conclude_each(tx, dealing(tx).actor, done)

    def _followed(  # noqa: PLR0917 - what one turn has at hand
        self,
        tx: AsyncConnection,
        model: Compiled,
        one: Judged,
        opened: dict[warnings.Key, warning.Warning],
        closed: Mapping[warnings.Key, date],
    ) -> Iterator[Done[warning.Warning]]:
        """Follow what was found month by month; what announces nothing is not an act."""
        for verdict in one.verdicts:
            key = (one.subject.id, model.model, verdict.kind)
            before = opened.get(key)
            if verdict.state is not EvidenceState.HIT and before is None:
                continue
            decided = warning.follow(
                one.finding(model, verdict),
                open_=before,
                closed_until=closed.get(key),
                id_=WarningId(new_id()),
                at=self.database.clock.now(),
            )
            if decided is None:
                continue
            opened[key] = decided.value
            if decided.says:
                yield Done(by_event(dealing(tx).now), before, decided)


async def evaluate(context: Context) -> None:
    """Judge what waits, for as long as the process lives."""
    gc.freeze()  # what stands when work begins stands for good: no search for waste goes over it
    understood: dict[ModelId, Compiled] = {}
    async with asyncio.TaskGroup() as group:
        for number in range(PARTS):
            part = waiting.Part(number, PARTS)
            group.create_task(_judge(Judge(context.db, part, understood)))


async def _judge(judge: Judge) -> None:
    """Judge turn by turn; what fails is tried in ever smaller parts until it is one subject."""
    limit, idle = SUBJECTS, _PAUSE_S[0]
    while True:
        try:
            done = await _turn(judge, limit)
        except Exception as no:
            if not is_outage(no):
                raise
            _log.warning("evaluation_pauses", error=repr(no))
            pause = _OUTAGE_S
        else:
            if done is None:
                limit, pause = max(1, limit // 2), (0.0 if limit > 1 else _OUTAGE_S)
            else:
                limit, pause = min(2 * limit, SUBJECTS), (0.0 if done else idle)
                idle = _PAUSE_S[0] if done else min(2 * idle, _PAUSE_S[1])
        if pause:
            await asyncio.sleep(pause)


async def _turn(judge: Judge, limit: int) -> bool | None:
    """Say whether some were judged; None if that failed, and not for want of the database."""
    try:
        return await judge.turn(limit)
    except Exception as no:
        if is_outage(no):
            raise
        _log.warning("evaluation_fails", subjects=limit, error=repr(no))
        if limit == 1:
            await judge.put_off(no)
        return None


async def _setting(tx: AsyncConnection) -> Setting:
    now = dealing(tx).now
    streams = sources.streams_on(shanghai_day(now))
    agencies = await places.agencies_of(tx, {one.line for one in streams.values()})
    served: dict[tuple[str, RegionId], list[str]] = {}
    for agency in agencies:
        for region in agency.territory:
            served.setdefault((agency.line, region), []).append(agency.id)
    return Setting(streams, await sources.heard_months(tx), served, now)


def _alone(
    regions: Iterable[RegionId], chains: Mapping[RegionId, Sequence[RegionId]]
) -> dict[RegionId, tuple[RegionId, ...]]:
    return {region: (region,) for region in regions if region not in chains}


async def _readers(
    tx: AsyncConnection,
    model: Compiled,
    setting: Setting,
    chains: Mapping[RegionId, tuple[RegionId, ...]],
) -> dict[RegionId, list[str]]:
    """Say who may read what was found at each place: the lines that have a duty for the item."""
    lines = await warnings.lines_of(tx, model.item, chains)
    all_ = {setting.streams[stream].line for stream in model.streams}
    return {
        region: places.readers(chain, sorted(lines[region] or all_))
        for region, chain in chains.items()
    }


def _judged(  # noqa: PLR0917 - what one turn has at hand
    model: Compiled,
    setting: Setting,
    subject: Subject,
    told: Told,
    chain: Sequence[RegionId] | None,
) -> Judged:
    history = domain.history(setting, told.readings, chain or (told.region,))
    months = domain.months_to_judge(setting, model.streams, told.readings, since=subject.since)
    return Judged(subject, told.region, Reckoning(model, history).verdicts(months), told)


async def evidence_stands(tx: AsyncConnection) -> Check:
    """Every signal that a warning rests on stands."""
    rests = await warnings.evidence(tx)
    stands = await signals.standing_of(tx, {id_ for _, ids in rests for id_ in ids})
    bad = [f"warning {id_}: signal {one}" for id_, ids in rests for one in sorted(ids - stands)]
    return Check(name="warnings rest on signals that stand", ok=not bad, detail="; ".join(bad[:5]))
