"""Clues, cases and people that the tests of clue-dispatch begin with."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from clue_dispatch.clue.domain import answering, handling
from clue_dispatch.clue.domain.handling import Window
from clue_dispatch.clue.domain.matter import Clue, Official
from clue_dispatch.clue.domain.registering import Brought, register
from clue_dispatch.routing.domain import Route
from clue_dispatch.terms.domain import Terms
from contracts.clue_dispatch import ClueId, Conclusion, Origin, OriginType, RequestId
from contracts.credit_service import EntityId
from contracts.item_registry import (
    DepartmentId,
    Duty,
    DutyRole,
    ItemId,
    Line,
    RegionId,
    Stage,
)
from contracts.risk_monitor import Outcome
from kit.deadlines import Term, Unit
from kit.workdays import NATIONAL

# Tuesday, 3 March 2026, 10:00 in Shanghai; a week without holidays.
TUESDAY = datetime(2026, 3, 3, 2, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)

COMMERCE = DepartmentId("commerce-330100")
TAX = DepartmentId("tax-330100")
HOTLINE = DepartmentId("hotline-330100")
CODES = ("01330100000001", "01330100000002")

TERMS = Terms(
    dispatch=Term(Unit.WORKING_DAY, 1),
    sign=Term(Unit.WORKING_DAY, 1),
    verify=Term(Unit.WORKING_DAY, 15),
    visit_days=30,
    stage=Stage.DAILY,
)
CHAIN = tuple(map(RegionId, ("330106", "330100", "330000", "000000")))


def duty(line: str, role: DutyRole) -> Duty:
    return Duty(
        id=f"oil-{line}",
        stage=Stage.DAILY,
        region=RegionId("000000"),
        line=Line(line),
        role=role,
        basis="成品油流通管理办法",
    )


ROUTE = Route(
    stage=Stage.DAILY,
    lead=COMMERCE,
    cooperators=(TAX,),
    chain=CHAIN,
    duties=(duty("commerce", DutyRole.LEAD), duty("tax", DutyRole.COOPERATE)),
    problems=(),
    item_version=3,
    codes14=CODES,
)
NOWHERE = replace(ROUTE, lead=None, problems=("responsibility-no-lead",))

LEAD = Official("chen", COMMERCE, Line("commerce"))
TAXMAN = Official("wang", TAX, Line("tax"))
STRANGER = Official("zhao", DepartmentId("commerce-330200"), None)
ADMIN = Official("root", None, None, admin=True)

BY_HAND = Brought(
    origin=Origin(type=OriginType.HOTLINE, id="t-1", rule="hand"),
    subject=EntityId("uscc-91330106MA2AXXXX1X"),
    item=ItemId("refined-oil"),
    region=RegionId("330106"),
    summary="加油机计量异常",
    department=HOTLINE,
)
BY_WARNING = replace(
    BY_HAND,
    origin=Origin(type=OriginType.WARNING, id="w-1", rule="warning.at_once"),
    department=None,
)
REQUEST = RequestId("r-1")
WINDOW = Window(date(2026, 3, 4), date(2026, 3, 13))


def registered(brought: Brought = BY_HAND, route: Route = ROUTE) -> Clue:
    decided = register(
        ClueId("c-1"), brought, route=route, terms=TERMS, calendar=NATIONAL, at=TUESDAY
    )
    return decided.value


def dispatched(clue: Clue | None = None, at: datetime = TUESDAY) -> Clue:
    decided = handling.dispatch(
        clue or registered(), route=ROUTE, by=LEAD, terms=TERMS, calendar=NATIONAL, at=at
    )
    return decided.value


def signed() -> Clue:
    return handling.sign(dispatched(), by=LEAD, at=TUESDAY + HOUR).value


def verifying() -> Clue:
    decided = handling.request_visit(
        signed(), REQUEST, WINDOW, by=LEAD, terms=TERMS, at=TUESDAY + 2 * HOUR
    )
    return decided.value


def answered() -> Clue:
    return handling.give_feedback(signed(), "已核实", by=LEAD, at=TUESDAY + 2 * HOUR).value


def closed() -> Clue:
    decided = handling.conclude(
        answered(), Conclusion.CONFIRMED, "现场笔录", by=LEAD, at=TUESDAY + 3 * HOUR
    )
    return decided.value


# Every move that a clue can make, as a function of the clue and the moment.
Step = Callable[[Clue, datetime], Clue]
MOVES: dict[str, Step] = {
    "dispatch": lambda clue, at: (
        handling.dispatch(clue, route=ROUTE, by=LEAD, terms=TERMS, calendar=NATIONAL, at=at).value
    ),
    "sign": lambda clue, at: handling.sign(clue, by=LEAD, at=at).value,
    "return": lambda clue, at: (
        handling.send_back(
            clue, by=LEAD, basis="三定规定", terms=TERMS, calendar=NATIONAL, at=at
        ).value
    ),
    "request": lambda clue, at: (
        handling.request_visit(
            clue,
            RequestId(f"r-{len(clue.visits)}"),
            Window(at.date() + timedelta(days=1), at.date() + timedelta(days=5)),
            by=LEAD,
            terms=TERMS,
            at=at,
        ).value
    ),
    "feedback": lambda clue, at: handling.give_feedback(clue, "…", by=LEAD, at=at).value,
    "conclude": lambda clue, at: (
        handling.conclude(clue, Conclusion.UNFOUNDED, "…", by=LEAD, at=at).value
    ),
    "plan": lambda clue, at: (
        answering.visit_planned(clue, _last(clue), visit="v-1", on=at.date()).value
    ),
    "refuse": lambda clue, _at: (
        answering.visit_refused(clue, _last(clue), code="no-target", reason="…").value
    ),
    "result": lambda clue, _at: (
        answering.result_recorded(clue, _last(clue), result="x-1", visit="v-1").value
    ),
    "finish": lambda clue, _at: answering.visit_finished(clue, _last(clue), visit="v-1").value,
    "false": lambda clue, at: answering.assessed(clue, Outcome.FALSE, at=at).value,
    "valid": lambda clue, at: answering.assessed(clue, Outcome.VALID, at=at).value,
}


def _last(clue: Clue) -> RequestId:
    return clue.visits[-1].request if clue.visits else REQUEST
