"""Deadlines counted by hand, one a line, with how it was counted.

Days off of 2026 (国办发明电): 1–3 January (Sunday 4 worked); 15–23 February (Saturdays 14 and 28
worked); 4–6 April; 1–5 May (Saturday 9 worked); 19–21 June; 25–27 September (Sunday 20 worked) and
1–7 October (Saturday 10 worked). 2026 begins on a Thursday; 2 March is a Monday.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import pytest

from kit.deadlines import SHANGHAI, Due, Extension, Pause, Running, Term, Unit, ends
from kit.testing import covers
from kit.workdays import NATIONAL, Calendar, hours_of

H, WH, WD, CD = Unit.HOUR, Unit.WORKING_HOUR, Unit.WORKING_DAY, Unit.CALENDAR_DAY

# An example: a region has the Monday and Tuesday after 三月三 (19 April 2026, a Sunday) off.
GUANGXI = Calendar({date(2026, 4, 20): False, date(2026, 4, 21): False})
# A county that does not work on the make-up Saturday.
TAKEN_BACK = Calendar({date(2026, 2, 14): False})
# A notice during a typhoon: Tuesday off, Saturday worked instead.
TYPHOON = Calendar({date(2026, 3, 3): False, date(2026, 3, 7): True})
# Hours of a region two hours behind the sun of Beijing.
XINJIANG = Calendar(hours=hours_of("10:00-14:00,15:30-19:30"))
# 2027 as a province would enter it once it is announced: the year, and its days that differ.
ANNOUNCED = Calendar({date(2027, 1, 1): False}, announced=frozenset({2027}))


@dataclass(frozen=True)
class Case:
    """One term; `ends` is its last day, or with a time the first instant too late."""

    start: str
    unit: Unit
    count: int
    ends: str
    calendar: Calendar = NATIONAL
    first: bool = False
    roll: bool = True
    pauses: tuple[tuple[str, str], ...] = ()
    more: tuple[int, ...] = field(default=())
    provisional: bool = False


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def counted(case: Case) -> Due | None:
    start = moment(case.start)
    running = Running(
        start,
        Term(case.unit, case.count, first_day_counts=case.first, roll_forward=case.roll),
        tuple(Pause(moment(a), moment(b), "检验检测", "委托书") for a, b in case.pauses),
        tuple(Extension(count, start, "案情复杂", "审批表") for count in case.more),
    )
    return ends(running, case.calendar)


CASES = (
    # Spring Festival 2026 ------------------------------------------------------------------------
    # Fri 13; the next worked day is the make-up Sat 14.
    Case("2026-02-13 10:00", WD, 1, "2026-02-14"),
    # Sat 14 = 1; 15–23 off; Tue 24 = 2.
    Case("2026-02-13 10:00", WD, 2, "2026-02-24"),
    # 14, 24, 25, 26, 27.
    Case("2026-02-13 10:00", WD, 5, "2026-02-27"),
    # 14, 24, 25, 26, 27 and the second make-up Sat 28.
    Case("2026-02-13 10:00", WD, 6, "2026-02-28"),
    # As before, then Mon 2 March = 7.
    Case("2026-02-13 10:00", WD, 7, "2026-03-02"),
    # Begins on a day off, Wed 18: 24, 25, 26.
    Case("2026-02-18 09:00", WD, 3, "2026-02-26"),
    # Tue 10 + 7 = Tue 17, off; rolls over 18–23 to Tue 24.
    Case("2026-02-10 09:00", CD, 7, "2026-02-24"),
    # The same without rolling forward.
    Case("2026-02-10 09:00", CD, 7, "2026-02-17", roll=False),
    # Tue 10 + 4 = Sat 14, which is worked.
    Case("2026-02-10 09:00", CD, 4, "2026-02-14"),
    # Tue 10 + 18 = Sat 28, which is worked.
    Case("2026-02-10 09:00", CD, 18, "2026-02-28"),
    # Tue 10 + 19 = Sun 1 March; rolls to Mon 2.
    Case("2026-02-10 09:00", CD, 19, "2026-03-02"),
    # Hours run through the festival: three times 24.
    Case("2026-02-14 15:00", H, 72, "2026-02-17 15:00"),
    # Sat 14: 16:00–17:30 is 1.5 h; the next worked day is Tue 24: 09:00 + 2.5 h.
    Case("2026-02-14 16:00", WH, 4, "2026-02-24 11:30"),
    # Mid-autumn and National Day 2026 ------------------------------------------------------------
    # Wed 30 September: Thu 8 October.
    Case("2026-09-30 09:00", WD, 1, "2026-10-08"),
    # 8, 9, and the make-up Sat 10.
    Case("2026-09-30 09:00", WD, 3, "2026-10-10"),
    # 8, 9, 10, then Mon 12.
    Case("2026-09-30 09:00", WD, 4, "2026-10-12"),
    # Mon 28 + 5 = Sat 3 October, off; rolls to Thu 8.
    Case("2026-09-28 09:00", CD, 5, "2026-10-08"),
    # Fri 18: Sat 19 off; Sun 20 worked, 21, 22, 23, Thu 24.
    Case("2026-09-18 09:00", WD, 5, "2026-09-24"),
    # 20–24 are five; 25–27 off; Mon 28 = 6.
    Case("2026-09-18 09:00", WD, 6, "2026-09-28"),
    # Publication, 20: 20–24 (5), 28–30 (8), 8–10 (11), 12–16 (16), 19–22 (20).
    Case("2026-09-18 09:00", WD, 20, "2026-10-22"),
    # Other days off ------------------------------------------------------------------------------
    # Service in 7: Thu 30 April (1), 6, 7, 8 May (4), make-up Sat 9 (5), 11, 12.
    Case("2026-04-29 09:00", WD, 7, "2026-05-12"),
    # Fri 3 April: 4–6 off, Tue 7.
    Case("2026-04-03 09:00", WD, 1, "2026-04-07"),
    # Thu 18 June + 2 = Sat 20, off; rolls to Mon 22.
    Case("2026-06-18 09:00", CD, 2, "2026-06-22"),
    # Leap year -----------------------------------------------------------------------------------
    # Wed 28 February 2024 + 1 = Thu 29.
    Case("2024-02-28 09:00", CD, 1, "2024-02-29"),
    # Thu 29 February, Fri 1 March.
    Case("2024-02-28 09:00", WD, 2, "2024-03-01"),
    # 31 January = 1, 29 February = 30, a Thursday.
    Case("2024-01-30 09:00", CD, 30, "2024-02-29"),
    # The same in 2026: 31 January = 1, 28 February = 29, Sun 1 March = 30; rolls to Mon 2.
    Case("2026-01-30 09:00", CD, 30, "2026-03-02"),
    # Begins on 29 February 2024: 31 March is the 31st day, a Sunday; rolls to Mon 1 April.
    Case("2024-02-29 09:00", CD, 31, "2024-04-01"),
    # Year's end ----------------------------------------------------------------------------------
    # Tue 30 December: Wed 31 (1), 1–3 January off, make-up Sun 4 (2), Mon 5 (3).
    Case("2025-12-30 09:00", WD, 3, "2026-01-05"),
    # Wed 31 + 2 = Fri 2 January, off; Sat 3 off; Sun 4 is worked.
    Case("2025-12-31 09:00", CD, 2, "2026-01-04"),
    Case("2025-12-31 20:00", H, 24, "2026-01-01 20:00"),
    # A decision in ninety days, which does not roll: March 28, April 30 (58), May 31 (89), 1 June.
    Case("2026-03-03 10:00", CD, 90, "2026-06-01", roll=False),
    # The first day counts ------------------------------------------------------------------------
    # Mon 2, 3, 4, 5, Fri 6.
    Case("2026-03-02 10:00", WD, 5, "2026-03-06", first=True),
    # Begins on Sat 7, which is not worked: Mon 9, 10, 11.
    Case("2026-03-07 10:00", WD, 3, "2026-03-11", first=True),
    # Mon 2 … Sun 8; rolls to Mon 9.
    Case("2026-03-02 10:00", CD, 7, "2026-03-09", first=True),
    Case("2026-03-02 10:00", CD, 7, "2026-03-08", first=True, roll=False),
    # Working hours 09:00–12:00, 13:30–17:30 ------------------------------------------------------
    # 11–12 is one, 13:30–14:30 the other.
    Case("2026-03-02 11:00", WH, 2, "2026-03-02 14:30"),
    # Fri 15:30–17:30 is two; Mon 09–11.
    Case("2026-03-06 15:30", WH, 4, "2026-03-09 11:00"),
    # Nothing runs before 09:00; the last one ends with the morning.
    Case("2026-03-02 07:00", WH, 3, "2026-03-02 12:00"),
    # Nothing runs at noon.
    Case("2026-03-02 12:30", WH, 1, "2026-03-02 14:30"),
    # Seven a day: all of Monday, all of Tuesday.
    Case("2026-03-02 09:00", WH, 14, "2026-03-03 17:30"),
    # Saturday: begins Monday 09:00.
    Case("2026-03-07 10:00", WH, 1, "2026-03-09 10:00"),
    # After closing time on Friday: Monday 09:00 + 30 min is not whole; one hour is 10:00.
    Case("2026-03-06 17:30", WH, 1, "2026-03-09 10:00"),
    # Own hours 10–14, 15:30–19:30: 13–14 (1), 15:30–19:30 (5), Tue 10–11 (6).
    Case("2026-03-02 13:00", WH, 6, "2026-03-03 11:00", XINJIANG),
    # Clock hours know no weekend.
    Case("2026-03-06 15:30", H, 24, "2026-03-07 15:30"),
    # A region's own days -------------------------------------------------------------------------
    # Fri 17 April: in the nation Mon 20, Tue 21.
    Case("2026-04-17 09:00", WD, 2, "2026-04-21"),
    # There 20 and 21 are off: Wed 22, Thu 23.
    Case("2026-04-17 09:00", WD, 2, "2026-04-23", GUANGXI),
    # Thu 16 + 4 = Mon 20, off there; rolls to Wed 22.
    Case("2026-04-16 09:00", CD, 4, "2026-04-22", GUANGXI),
    # The make-up Sat 14 taken back: Tue 24.
    Case("2026-02-13 10:00", WD, 1, "2026-02-24", TAKEN_BACK),
    # Tue 10 + 4 = Sat 14, off there; rolls to Tue 24.
    Case("2026-02-10 09:00", CD, 4, "2026-02-24", TAKEN_BACK),
    # Tue 3 off; 4, 5, 6, Sat 7.
    Case("2026-03-02 10:00", WD, 4, "2026-03-07", TYPHOON),
    # A year that is not announced ----------------------------------------------------------------
    # Wed 30: Thu 31 is the last day of 2026.
    Case("2026-12-30 09:00", WD, 1, "2026-12-31"),
    # Thu 31; by the weekend rule Fri 1 January and Mon 4 are worked.
    Case("2026-12-30 09:00", WD, 3, "2027-01-04", provisional=True),
    # Announced, 1 January is off: Thu 31, Mon 4, Tue 5.
    Case("2026-12-30 09:00", WD, 3, "2027-01-05", ANNOUNCED),
    # Wed 30 + 5 = Mon 4, which may turn out to be off.
    Case("2026-12-30 09:00", CD, 5, "2027-01-04", provisional=True),
    Case("2026-12-30 09:00", CD, 5, "2027-01-04", ANNOUNCED),
    # What does not roll depends on no calendar.
    Case("2026-12-30 09:00", CD, 5, "2027-01-04", roll=False),
    Case("2026-12-31 09:00", H, 48, "2027-01-02 09:00"),
    # Thu 13:30–17:30 is four; Fri 09–12 three, if it is worked.
    Case("2026-12-31 13:30", WH, 7, "2027-01-01 12:00", provisional=True),
    # Pauses --------------------------------------------------------------------------------------
    # Tue 3 (1); 4, 5, 6 paused; Mon 9 (2), 10, 11, Thu 12 (5).
    Case(
        "2026-03-02 10:00", WD, 5, "2026-03-12", pauses=(("2026-03-04 10:00", "2026-03-09 10:00"),)
    ),
    # Over a holiday, working days: 30 September and 8 October are paused; 9 (1), 10, 12 … 14 (5).
    # Without the pause it was the 12th: two working days more, not nine days.
    Case(
        "2026-09-29 09:00", WD, 5, "2026-10-14", pauses=(("2026-09-30 09:00", "2026-10-09 09:00"),)
    ),
    # Over a holiday, calendar days: 22–29 September are 8; 9 October (9), 10 (10): nine days more.
    Case(
        "2026-09-21 09:00", CD, 10, "2026-10-10", pauses=(("2026-09-30 09:00", "2026-10-09 09:00"),)
    ),
    # Ninety days less twenty for testing: 1 June + 20 = Sun 21, which does not roll.
    Case(
        "2026-03-03 10:00",
        CD,
        90,
        "2026-06-21",
        roll=False,
        pauses=(("2026-04-01 09:00", "2026-04-21 09:00"),),
    ),
    # Within one day nothing changes: 3, 4, 5, 6, 9.
    Case(
        "2026-03-02 10:00", WD, 5, "2026-03-09", pauses=(("2026-03-04 09:00", "2026-03-04 17:00"),)
    ),
    # On the last day, Wed 4, one working day is left: Fri 6.
    Case(
        "2026-03-02 10:00", WD, 2, "2026-03-06", pauses=(("2026-03-04 15:00", "2026-03-06 09:00"),)
    ),
    # Inside days off: no working day was lost, still Tue 24.
    Case(
        "2026-02-13 10:00", WD, 2, "2026-02-24", pauses=(("2026-02-16 09:00", "2026-02-20 09:00"),)
    ),
    # Four calendar days were: 17 + 4 = Sat 21.
    Case(
        "2026-02-10 09:00",
        CD,
        7,
        "2026-02-21",
        roll=False,
        pauses=(("2026-02-16 09:00", "2026-02-20 09:00"),),
    ),
    # Sat 21 is off; rolls to Tue 24.
    Case(
        "2026-02-10 09:00", CD, 7, "2026-02-24", pauses=(("2026-02-16 09:00", "2026-02-20 09:00"),)
    ),
    # Twice: 3, 4 and 6, 9 paused; Thu 5 (1), Tue 10 (2), 11, 12, Fri 13 (5).
    Case(
        "2026-03-02 10:00",
        WD,
        5,
        "2026-03-13",
        pauses=(
            ("2026-03-03 09:00", "2026-03-05 09:00"),
            ("2026-03-06 09:00", "2026-03-10 09:00"),
        ),
    ),
    # Resumed on a Saturday: Fri 6 paused; Mon 9, Tue 10.
    Case(
        "2026-03-05 10:00", WD, 2, "2026-03-10", pauses=(("2026-03-06 09:00", "2026-03-07 09:00"),)
    ),
    # The make-up Sat 14 is paused: Tue 24, Wed 25.
    Case(
        "2026-02-13 10:00", WD, 2, "2026-02-25", pauses=(("2026-02-14 09:00", "2026-02-24 09:00"),)
    ),
    # Paused while it would have rolled: Sun 8 is the last, Mon 9 and Tue 10 are paused; Wed 11.
    Case(
        "2026-03-01 10:00", CD, 7, "2026-03-11", pauses=(("2026-03-09 09:00", "2026-03-11 09:00"),)
    ),
    # Five hours more.
    Case(
        "2026-03-02 10:00",
        H,
        48,
        "2026-03-04 15:00",
        pauses=(("2026-03-03 10:00", "2026-03-03 15:00"),),
    ),
    # 09–10 is one; 14–17 three.
    Case(
        "2026-03-02 09:00",
        WH,
        4,
        "2026-03-02 17:00",
        pauses=(("2026-03-02 10:00", "2026-03-02 14:00"),),
    ),
    # A pause over the weekend costs Fri 16:30–17:30: Fri 15:30–16:30 (1), Mon 09–12 (4).
    Case(
        "2026-03-06 15:30",
        WH,
        4,
        "2026-03-09 12:00",
        pauses=(("2026-03-06 16:30", "2026-03-08 10:00"),),
    ),
    # After the end a pause changes nothing.
    Case(
        "2026-03-02 10:00", WD, 2, "2026-03-04", pauses=(("2026-03-05 09:00", "2026-03-09 09:00"),)
    ),
    # Extensions ----------------------------------------------------------------------------------
    # 15: 3–6 (4), 9–13 (9), 16–20 (14), 23 (15); 15 more: 24–27 (19), 30 March – 3 April (24),
    # 4–6 off, 7–10 (28), 13, 14 (30).
    Case("2026-03-02 10:00", WD, 15, "2026-04-14", more=(15,)),
    # 30: 1 April; 30 more: 1 May, off; rolls to Wed 6.
    Case("2026-03-02 10:00", CD, 30, "2026-05-06", more=(30,)),
    # It goes on from Tue 17, where the term ends by count, not from Tue 24, to which it rolled.
    Case("2026-02-10 09:00", CD, 7, "2026-02-24", more=(7,)),
    # Twice: 3–6 (4), 9 (5); 10 (6); 11, 12 (8).
    Case("2026-03-02 10:00", WD, 5, "2026-03-12", more=(1, 2)),
    # With a pause: 3 (1); 4–6 paused; 9–12 (5); 13, Mon 16 (7).
    Case(
        "2026-03-02 10:00",
        WD,
        5,
        "2026-03-16",
        pauses=(("2026-03-04 10:00", "2026-03-09 10:00"),),
        more=(2,),
    ),
)


@covers("RX.3")
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.start} {case.count} {case.unit}")
def test_a_term_ends_where_it_was_counted_by_hand(case: Case) -> None:
    wanted = moment(case.ends)
    if len(case.ends) == len("2026-02-14"):
        wanted += timedelta(days=1)
    assert counted(case) == Due(wanted, case.provisional)


@covers("RX.3")
def test_the_calendar_that_the_cases_were_counted_on_is_the_one_that_is_installed() -> None:
    off = {
        "2026-01-01 2026-01-02 2026-01-03 2026-04-04 2026-04-05 2026-04-06 2026-05-01 2026-05-02",
        "2026-05-03 2026-05-04 2026-05-05 2026-06-19 2026-06-20 2026-06-21 2026-09-25 2026-09-26",
        "2026-09-27 2026-10-01 2026-10-02 2026-10-03 2026-10-04 2026-10-05 2026-10-06 2026-10-07",
        "2026-02-15 2026-02-16 2026-02-17 2026-02-18 2026-02-19 2026-02-20 2026-02-21 2026-02-22",
        "2026-02-23",
    }
    worked = "2026-01-04 2026-02-14 2026-02-28 2026-05-09 2026-09-20 2026-10-10"
    differing = {day: False for line in off for day in line.split()}
    differing |= dict.fromkeys(worked.split(), True)
    days = (date(2026, 1, 1) + timedelta(days=n) for n in range(365))
    for day in days:
        assert NATIONAL.working(day) is differing.get(day.isoformat(), day.weekday() < 5)
        assert NATIONAL.known(day)
