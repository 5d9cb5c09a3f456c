"""Timers: a changed calendar moves open terms, what is due rings once, what fails is named."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.contract.test_clue_dispatch import (
    BY_HAND,
    CODE14,
    LEAD,
    NOTICE,
    OFFICERS,
    PLACE,
    REVIEWER,
    call,
    world,
)

from clue_dispatch.app import service
from contracts.item_registry import CalendarChanged, CalendarDay, RegionChanged, RegionId
from kit import db, ticker, workdays
from kit.audit import audit
from kit.auth import system
from kit.clock import Clock
from kit.deadlines import SHANGHAI, Due, Running, Term, Unit, due, shanghai_day
from kit.suspensions import pause
from kit.testing import Running as Service
from kit.testing import Serve, covers, until
from kit.ticker import Every
from kit.timers import Kind, Step, keep, none_failed, running_of, timer
from kit.workdays import NATIONAL

CITY, ROOT = RegionId("330100"), RegionId("000000")
MONDAY = date(2026, 3, 2)
# Beyond the last year announced, whichever calendar is installed.
UNANNOUNCED = date(2093, 3, 2)


@contextlib.asynccontextmanager
async def on(serve: Serve, day: date, **settings: object) -> AsyncIterator[Service]:
    """Run clue-dispatch on a day."""
    offset = (day - shanghai_day(Clock().now())).days
    async with serve(service, clock_offset_days=offset, **settings) as run:
        await world(run)
        yield run


def closed(region: RegionId, *days: date, announced: tuple[int, ...] = ()) -> CalendarChanged:
    off = tuple(CalendarDay(date=day, working=False) for day in days)
    return CalendarChanged(calendar=region, region=region, days=off, announced=announced)


def last(seen: dict[str, Any]) -> date:
    """Give the last day of a due time: its end is the first instant too late."""
    return shanghai_day(datetime.fromisoformat(seen["at"]) - timedelta(seconds=1))


async def dispatched(run: Service) -> str:
    id_: str = (await call(run, LEAD, "/clues", BY_HAND, 201))["id"]
    await call(run, LEAD, f"/clues/{id_}:dispatch", {})
    return id_


async def timers_of(run: Service, object_: str) -> list[str]:
    async with run.db.begin(system("clue-dispatch"), "test") as tx:
        query = select(timer.c.kind).where(timer.c.object == object_).order_by(timer.c.kind)
        return list((await tx.execute(query)).scalars())


@covers("RX.3", "R10.3")
async def test_a_closed_day_above_an_open_clue_moves_its_due_dates_and_says_so(
    serve: Serve,
) -> None:
    async with on(serve, MONDAY) as run:
        id_ = await dispatched(run)
        view = await call(run, LEAD, f"/clues/{id_}")
        assert (last(view["sign_due"]), last(view["verify_due"])) == (
            date(2026, 3, 3),
            date(2026, 3, 23),
        )
        due_before = "/clues?due_before=2026-03-04T00:00:01%2B08:00"
        assert len((await call(run, LEAD, due_before))["items"]) == 1

        await run.hear(closed(CITY, date(2026, 3, 3)))

        view = await call(run, LEAD, f"/clues/{id_}")
        assert (last(view["sign_due"]), last(view["verify_due"])) == (
            date(2026, 3, 4),
            date(2026, 3, 24),
        )
        assert (await call(run, LEAD, due_before))["items"] == []
        *_, move = (await call(run, LEAD, f"/clues/{id_}/timeline"))["items"]
        assert (move["move"], move["note"]) == ("due_moved", "sign verify")
        assert move["due_before"] < move["due_after"]
        assert move["reason"] == CalendarChanged.type
        async with run.db.begin(system("clue-dispatch"), "test") as tx:
            mine = (audit.c.object == f"clue/{id_}") & (audit.c.act == CalendarChanged.type)
            assert (await tx.execute(select(func.count()).where(mine))).scalar_one() == 1

        # The day is taken back: so is the move.
        await run.hear(closed(CITY), sequence=2)
        assert last((await call(run, LEAD, f"/clues/{id_}"))["sign_due"]) == date(2026, 3, 3)
        # The same calendar once more, or one of a place elsewhere, moves nothing.
        version = (await call(run, LEAD, f"/clues/{id_}"))["version"]
        await run.hear(closed(CITY), sequence=3)
        await run.hear(closed(RegionId("330200"), date(2026, 3, 3)))
        assert (await call(run, LEAD, f"/clues/{id_}"))["version"] == version


@covers("RX.3")
async def test_a_due_date_stops_being_provisional_when_its_year_is_announced(
    serve: Serve,
) -> None:
    async with on(serve, UNANNOUNCED) as run:
        id_ = await dispatched(run)
        before = (await call(run, LEAD, f"/clues/{id_}"))["sign_due"]
        assert (last(before), before["provisional"]) == (UNANNOUNCED + timedelta(days=1), True)
        await run.hear(closed(ROOT, UNANNOUNCED + timedelta(days=40), announced=(2093,)))
        after = (await call(run, LEAD, f"/clues/{id_}"))["sign_due"]
        assert (after["at"], after["provisional"]) == (before["at"], False)


@covers("RX.3")
async def test_a_calendar_heard_before_its_region_moves_terms_once_the_region_is_known(
    serve: Serve,
) -> None:
    async with on(serve, MONDAY) as run:
        id_ = await dispatched(run)
        await run.hear(closed(RegionId("330199"), date(2026, 3, 3)))
        unmoved = await call(run, LEAD, f"/clues/{id_}")
        assert last(unmoved["sign_due"]) == date(2026, 3, 3)
        # The place now lies below a zone whose calendar came first.
        zone = RegionChanged(id=RegionId("330199"), parent=CITY, name="zone")
        moved = RegionChanged(id=PLACE, parent=RegionId("330199"), name="moved")
        await run.hear(zone)
        await run.hear(moved, sequence=2)
        assert last((await call(run, LEAD, f"/clues/{id_}"))["sign_due"]) == date(2026, 3, 4)


@covers("RX.3")
async def test_a_closed_clue_keeps_no_timer_and_a_case_moves_with_the_calendar(
    serve: Serve,
) -> None:
    async with on(serve, MONDAY) as run:
        id_ = await dispatched(run)
        assert await timers_of(run, f"clue/{id_}") == ["clue.sign", "clue.verify"]
        await call(run, LEAD, f"/clues/{id_}:sign", {})
        assert await timers_of(run, f"clue/{id_}") == ["clue.verify"]
        body = {"clue": id_, "code14": CODE14, "act": "metering-fraud"}
        case = (await call(run, LEAD, "/cases", body, 201))["id"]
        steps: tuple[tuple[str, dict[str, Any]], ...] = (
            ("investigate", {"officers": OFFICERS, "findings": "计量误差超限"}),
            ("notify", NOTICE),
        )
        for step, what in steps:
            await call(run, LEAD, f"/cases/{case}:{step}", what)
        assert await timers_of(run, f"case/{case}") == ["case.decide"]
        await call(run, REVIEWER, f"/cases/{case}:review", {"opinion": "合法"})
        decision = {
            "kinds": ["fine"],
            "fine_fen": 300_000,
            "tier": "general",
            "document": "浙市监罚〔2026〕1号",
        }
        decided = await call(run, LEAD, f"/cases/{case}:decide", decision)
        assert await timers_of(run, f"case/{case}") == ["case.serve"]
        # 3–6 March and 9–11: seven working days.
        assert last(decided["serve_due"]) == date(2026, 3, 11)
        await run.hear(closed(CITY, date(2026, 3, 5)))
        served = await call(run, LEAD, f"/cases/{case}")
        assert last(served["serve_due"]) == date(2026, 3, 12)


# The ticker, with kinds of its own -----------------------------------------------------------

NOW = datetime(2026, 3, 2, 9, tzinfo=SHANGHAI)
FIVE = Running(NOW, Term(Unit.WORKING_DAY, 5))


def at(moment: datetime) -> Due:
    return Due(moment, provisional=False)


async def hold(run: Service, *steps: Step) -> None:
    async with run.db.begin(system("clue-dispatch"), "test") as tx:
        await keep(tx, steps)


async def test_what_is_due_rings_once_and_one_that_fails_is_named_and_stops_no_other(
    serve: Serve,
) -> None:
    async with serve(service) as run:
        past, later = run.context.clock.now() - timedelta(hours=1), timedelta(days=2)
        objects = [f"test/{n}" for n in range(5)]
        steps = [Step("test.ring", one, None, None, at(past)) for one in objects]
        await hold(run, *steps, Step("test.ring", "test/late", None, None, at(past + later)))
        rung: list[str] = []

        async def ring(tx: AsyncConnection, due_now: Sequence[str], now: datetime) -> None:
            if "test/3" in due_now:
                raise LookupError("nobody knows test/3")
            assert tx.info["dealing"].now == now
            rung.extend(due_now)

        kinds = [Kind("test.ring", rings=ring)]
        assert await ticker.tick(run.db, kinds) == 4
        assert sorted(rung) == [one for one in objects if one != "test/3"]
        assert await ticker.tick(run.db, kinds) == 0
        async with run.db.begin(system("clue-dispatch"), "test") as tx:
            found = await none_failed(tx)
        assert not found.ok
        assert "test.ring of test/3: LookupError('nobody knows test/3')" in found.detail
        assert await timers_of(run, "test/late") == ["test.ring"]


async def test_an_effect_that_fails_leaves_nothing_behind(serve: Serve) -> None:
    async with serve(service) as run:
        await hold(run, Step("test.ring", "test/1", None, None, at(NOW - timedelta(days=1))))

        async def ring(tx: AsyncConnection, _due: Sequence[str], _now: datetime) -> None:
            await keep(tx, [Step("test.other", "test/1", None, None, at(NOW))])
            raise LookupError("after the effect")

        await ticker.tick(run.db, [Kind("test.ring", rings=ring)])
        assert await timers_of(run, "test/1") == ["test.ring"]


async def test_what_rings_may_set_its_own_timer_again_with_a_time_that_is_past(
    serve: Serve,
) -> None:
    async with serve(service) as run:
        first, then = NOW - timedelta(days=2), NOW - timedelta(days=1)
        await hold(run, Step("test.ring", "test/1", None, None, at(first)))
        rung: list[datetime] = []

        async def ring(tx: AsyncConnection, _due: Sequence[str], now: datetime) -> None:
            rung.append(now)
            if len(rung) == 1:
                await keep(tx, [Step("test.ring", "test/1", None, at(first), at(then))])

        kinds = [Kind("test.ring", rings=ring)]
        assert await ticker.tick(run.db, kinds) == 1
        assert await timers_of(run, "test/1") == ["test.ring"]
        assert await ticker.tick(run.db, kinds) == 1
        assert await timers_of(run, "test/1") == []


async def test_a_failure_does_not_stay_on_a_timer_that_was_counted_anew_meanwhile(
    serve: Serve,
) -> None:
    async with serve(service) as run:
        first, later = NOW - timedelta(days=2), run.context.clock.now() + timedelta(days=9)
        await hold(run, Step("test.ring", "test/1", None, None, at(first)))

        async def ring(_tx: AsyncConnection, _due: Sequence[str], _now: datetime) -> None:
            await hold(run, Step("test.ring", "test/1", None, at(first), at(later)))
            raise LookupError("too late")

        assert await ticker.tick(run.db, [Kind("test.ring", rings=ring)]) == 0
        async with run.db.begin(system("clue-dispatch"), "test") as tx:
            assert (await none_failed(tx)).ok


async def test_a_timer_that_is_always_too_slow_is_named_and_stops_no_other(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve(service) as run:
        monkeypatch.setattr(db, "_SYSTEM_S", 2)
        for n in (1, 2):
            await hold(run, Step("test.ring", f"test/{n}", None, None, at(NOW)))
        rung: list[str] = []

        async def ring(tx: AsyncConnection, due_now: Sequence[str], _now: datetime) -> None:
            if "test/1" in due_now:
                await tx.execute(text("SELECT pg_sleep(9)"))
            rung.extend(due_now)

        assert await ticker.tick(run.db, [Kind("test.ring", rings=ring)]) == 1
        assert rung == ["test/2"]
        async with run.db.begin(system("clue-dispatch"), "test") as tx:
            assert "statement timeout" in (await none_failed(tx)).detail


@covers("RX.3")
async def test_a_newly_installed_year_counts_provisional_terms_anew_at_the_next_start(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with on(serve, UNANNOUNCED) as run:
        id_ = await dispatched(run)
        closed_day = UNANNOUNCED + timedelta(days=1)
        monkeypatch.setattr(
            workdays, "_announced", lambda day: day.weekday() < 5 and day != closed_day
        )

        async def counted_anew() -> bool:
            seen = (await call(run, LEAD, f"/clues/{id_}"))["sign_due"]
            return (last(seen), seen["provisional"]) == (closed_day + timedelta(days=1), False)

        async with asyncio.TaskGroup() as group:
            ticking = group.create_task(ticker.run(run.db, service.timers))
            await until(counted_anew)
            ticking.cancel()


async def test_work_that_fails_is_named_until_it_goes_well_again(serve: Serve) -> None:
    async with serve(service) as run:
        fails = [True]

        async def work(_database: object) -> bool:
            if fails[0]:
                raise LookupError("nothing to work on")
            return False

        async def named() -> bool:
            async with run.db.begin(system("clue-dispatch"), "test") as tx:
                return "test:work" in (await none_failed(tx)).detail

        async def unnamed() -> bool:
            return not await named()

        async with asyncio.TaskGroup() as group:
            work_of = [Every("test:work", 0.05, work)]
            ticking = group.create_task(ticker.run(run.db, work_of))
            await until(named)
            fails[0] = False
            await until(unnamed)
            ticking.cancel()


async def test_a_paused_term_keeps_its_timer_without_a_due_time_and_does_not_ring(
    serve: Serve,
) -> None:
    async with serve(service) as run:
        stands = pause(
            FIVE, at=NOW + timedelta(days=1), reason="检验", evidence="委托书", calendar=NATIONAL
        )
        begun = Step("test.step", "test/1", PLACE, None, due(NOW, FIVE.term, NATIONAL))
        await hold(run, begun, Step("test.step", "test/1", PLACE, begun.after, stands))
        rung: list[str] = []

        async def ring(_tx: AsyncConnection, due_now: Sequence[str], _now: datetime) -> None:
            rung.extend(due_now)

        assert await ticker.tick(run.db, [Kind("test.step", rings=ring)]) == 0
        async with run.db.begin(system("clue-dispatch"), "test") as tx:
            assert await running_of(tx, "test.step", "test/1") == stands
            assert await running_of(tx, "test.step", "test/2") is None
        assert rung == []


async def test_what_is_due_is_found_by_its_index_among_a_hundred_thousand(serve: Serve) -> None:
    async with serve(service) as run:
        fill = (
            "INSERT INTO timer (kind, object, due_at, provisional, region, running)"
            " SELECT 'clue.' || (ARRAY['sign','verify','dispatch'])[1 + n % 3], 'clue/' || n,"
            " now() + n * interval '1 minute', false, (330000 + n % 500)::text, '{}'"
            " FROM generate_series(1, 100000) n"
        )
        with psycopg.connect(run.owner_url, autocommit=True) as owner:
            owner.execute(fill)
            owner.execute("ANALYZE timer")
        asked = {
            "timer_due": "SELECT object FROM timer WHERE kind = 'clue.sign' AND why IS NULL"
            " AND due_at <= now() + interval '1 hour' ORDER BY due_at, object LIMIT 200",
            "timer_region": "SELECT * FROM timer WHERE region IN ('330106') AND due_at > now()"
            " AND object > '' ORDER BY object, kind LIMIT 1000",
        }
        async with run.db.begin(system("clue-dispatch"), "test") as tx:
            for index, query in asked.items():
                plan = "\n".join((await tx.execute(text(f"EXPLAIN {query}"))).scalars())
                assert index in plan, plan
                assert "Seq Scan" not in plan, plan
