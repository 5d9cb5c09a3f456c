"""HTTP in, for calendars."""

from fastapi import APIRouter

from contracts.acts import Act
from contracts.item_registry import CalendarView, NewCalendar, RegionId
from item_registry.calendar import domain, store
from item_registry.place import domain as places
from item_registry.place import store as place_store
from kit.acts import conclude
from kit.context import Caller, Tx, router
from kit.lists import Asked, Page, shown

calendars: APIRouter = router("/calendars")


@calendars.post("", status_code=201)
async def declare_calendar(new: NewCalendar, tx: Tx, caller: Caller) -> CalendarView:
    """Say on which days a region works differently from the nation; it replaces what stood."""
    places.allow(caller.regions, await place_store.known_chain(tx, new.region))
    before = await store.lock_of(tx, new.region)
    decided = domain.declare(new, before)
    await store.put(tx, decided.value)
    await conclude(tx, caller, Act(basis=new.basis), before=before, decided=decided)
    return CalendarView.model_validate(decided.value)


@calendars.get("")
async def list_calendars(
    tx: Tx, asked: Asked, region: RegionId | None = None
) -> Page[CalendarView]:
    """List calendars."""
    found, next_ = await store.page_of(tx, asked, region=region)
    return shown(found, CalendarView.model_validate, next_)
