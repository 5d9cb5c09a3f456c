"""What the services answer, asked side by side: functions from the reach to values."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from contracts.services import SERVICES
from gateway.compose.domain import folds
from gateway.compose.domain.folds import Fold, Found, Question
from gateway.forward.store import Answer, Query, Reach, ServiceAway
from kit.clock import elapsed_s, id_floor, real_seconds

ALL: Final = tuple(service.name for service in SERVICES)
INVARIANTS: Final = "/operations/invariants"
PUBLISHED: Final = "/operations/published"
_VERIFY_WAIT_S: Final = 60.0
_PAUSES_S: Final = (0.2, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Asking:
    """With whose token, in which language and trace, how long at most; `query` goes with each."""

    reach: Reach
    token: str | None
    trace: str | None = None
    language: str = "zh"
    wait_s: float = 5.0
    method: str = "GET"
    query: Query = ()

    async def one(self, service: str, path: str, query: Query = ()) -> Answer | None:
        """Ask one service; None when it does not answer, or not as it should."""
        try:
            answer = await self.reach.ask(
                service,
                path,
                [*self.query, *query],
                token=self.token,
                trace=self.trace,
                method=self.method,
                language=self.language,
                wait_s=self.wait_s,
            )
        except ServiceAway:
            return None
        return None if answer.status >= 500 else answer  # noqa: PLR2004 - RFC 9110 §15.6

    async def every(
        self, services: Iterable[str], path: str, queries: Mapping[str, Query] | Query = ()
    ) -> dict[str, Answer]:
        """Ask several services the same; who does not answer is left out."""
        names = tuple(services)
        asked = [
            queries.get(name, ()) if isinstance(queries, Mapping) else queries for name in names
        ]
        answers = await asyncio.gather(
            *(self.one(name, path, query) for name, query in zip(names, asked, strict=True))
        )
        return {name: one for name, one in zip(names, answers, strict=True) if one is not None}


# Verification --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Looked:
    """One look at everything: what each service said of itself, and both sides of each stream."""

    own: Mapping[str, Mapping[str, Any]]
    pairs: Sequence[tuple[Question, Fold | None]]

    @property
    def settled(self) -> bool:
        """Say whether nothing is under way: nobody is silent, nothing unsent, all counts equal."""
        alike = all(said and said.count == question.had.count for question, said in self.pairs)
        calm = not any(folds.in_flight(answer) for answer in self.own.values())
        return alike and calm and len(self.own) == len(ALL)


async def verify(asking: Asking, wait_s: float, outbox_days: int | None = None) -> list[Found]:
    """Check everything, after waiting at most `wait_s` for what is under way to arrive.

    Where events go after `outbox_days`, only younger ones are compared one by one.
    """
    until = elapsed_s() + wait_s
    tries = 0
    since = id_floor(real_seconds() - (outbox_days - 1) * 86_400) if outbox_days else ""
    asking = replace(asking, wait_s=_VERIFY_WAIT_S, query=(("since", since),) if since else ())
    while True:
        looked = await _look(asking)
        if looked.settled or elapsed_s() >= until:
            return await _concluded(asking, looked)
        await asyncio.sleep(_PAUSES_S[min(tries, len(_PAUSES_S) - 1)])
        tries += 1


async def _look(asking: Asking) -> Looked:
    answers = await asking.every(ALL, INVARIANTS)
    own = {name: answer.body for name, answer in answers.items() if answer.ok}
    asked = [one for name, body in own.items() for one in folds.questions(name, body)]
    said = await _published(asking, asked)
    return Looked(own, [(one, said.get(_key(one))) for one in asked])


def _key(question: Question) -> tuple[str, ...]:
    return (question.owner, *question.types, "|", *question.fields)


async def _published(
    asking: Asking, asked: Iterable[Question], bucket: int | None = None
) -> dict[tuple[str, ...], Fold]:
    """Ask each owner each question once, the owners side by side."""
    by_owner: dict[str, dict[tuple[str, ...], Question]] = {}
    for question in asked:
        by_owner.setdefault(question.owner, {})[_key(question)] = question
    more = [] if bucket is None else [("bucket", str(bucket))]

    async def of_owner(owner: str, mine: Mapping[tuple[str, ...], Question]) -> dict[Any, Fold]:
        found = {}
        for key, question in mine.items():
            answer = await asking.one(owner, PUBLISHED, question.query + more)
            if answer is not None and answer.ok:
                found[key] = folds.fold_of(answer.body)
        return found

    all_found = await asyncio.gather(*(of_owner(owner, mine) for owner, mine in by_owner.items()))
    return {key: fold for found in all_found for key, fold in found.items()}


async def _concluded(asking: Asking, looked: Looked) -> list[Found]:
    found = [Found(f"{name} answers", name in looked.own) for name in ALL]
    for name, answer in looked.own.items():
        found += folds.own_checks(name, answer)
        jobs = int(answer["jobs_open"])
        found.append(Found(f"{name}: no open jobs", not jobs, f"{jobs} open" if jobs else ""))
    differ = Differences(asking)
    for question, said in looked.pairs:
        if said is None:
            detail = f"{question.owner} does not answer"
            found.append(Found(question.name, ok=False, detail=detail))
        else:
            detail = await differ.place(question, said)
            found.append(folds.compared(question, said, detail))
    return found


@dataclass(frozen=True, slots=True)
class Differences:
    """Names what differs between readers and owners; asks each for each bucket only once."""

    asking: Asking
    had: dict[tuple[str, int], tuple[Question, ...]] = field(default_factory=dict)
    said: dict[tuple[tuple[str, ...], int], Fold | None] = field(default_factory=dict)

    async def place(self, question: Question, said: Fold) -> str:
        """Name the ids that differ in the first unequal bucket, and how many more there are."""
        buckets = folds.unequal(question.had, said)
        if not buckets:
            return ""
        reader, owner = await self._both(question, buckets[0])
        named = folds.differing(reader, owner) if reader and owner else ""
        more = f"{len(buckets) - 1} more of {len(said.buckets)} buckets" if buckets[1:] else ""
        return "; ".join(one for one in (named, more) if one)

    async def _both(self, question: Question, bucket: int) -> tuple[Fold | None, Fold | None]:
        asked = (question.reader, bucket)
        if asked not in self.had:
            answer = await self.asking.one(question.reader, INVARIANTS, [("bucket", str(bucket))])
            own = folds.questions(question.reader, answer.body) if answer and answer.ok else ()
            self.had[asked] = own
        key = _key(question)
        if (key, bucket) not in self.said:
            found = await _published(self.asking, [question], bucket)
            self.said[key, bucket] = found.get(key)
        mine = (one for one in self.had[asked] if (one.name, _key(one)) == (question.name, key))
        return next((one.had for one in mine), None), self.said[key, bucket]
