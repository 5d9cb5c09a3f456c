"""What a row must be to be kept as a signal: each is judged alone, the good ones are kept."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple

from contracts.credit_service import EntityId
from contracts.errors import Invalid
from contracts.item_registry import RegionId
from contracts.risk_monitor import SignalRow
from kit.codes import Fault, entity_id, normalise, subject_of
from kit.deadlines import SHANGHAI, shanghai_day
from risk_monitor.source.domain import Scales, Stream, StreamKind, UnitOther

_DAY = timedelta(days=1)
_PERSON = "code-person"
# What can be reckoned with, on this side and in the database: beyond it a sum or a day fails, and
# with it the judging of everybody else. A licence without an end is sent as 9999-12-31.
_EARLIEST = datetime(1900, 1, 1, tzinfo=SHANGHAI)
_LATEST = datetime(9999, 12, 31, tzinfo=SHANGHAI)
_LARGEST = 1e15


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends: its department, and whether item-registry knows that one."""

    department: str | None
    known: bool


class Amount(NamedTuple):
    """A value in the stream's unit, and what was sent where that was converted."""

    value: float
    sent_value: float | None = None
    sent_unit: str | None = None


Key = tuple[str, str, datetime, datetime, str, str]


class Signal(NamedTuple):
    """One row as it is kept, moments in UTC; `to` equals `from_` where it is about a moment.

    A tuple, as readings are: there are very many, and a frozen dataclass takes five times as long.
    """

    source: str
    stream: str
    subject: EntityId
    product: str
    from_: datetime
    to: datetime
    amount: Amount
    region: RegionId

    @property
    def key(self) -> Key:
        """Give what makes it unique: the same again is a duplicate or a revision."""
        return (self.subject, self.stream, self.from_, self.to, self.source, self.product)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A provisional subject 待核实主体 that a signal is about; `raw` is left out if a person's."""

    subject: EntityId
    source: str
    fault: str
    region: RegionId
    raw: str | None


class Accepted(NamedTuple):
    """A good row, and the sighting it brings where its code names nobody."""

    signal: Signal
    sighting: Sighting | None


class StreamUnknown(Invalid):
    """The policy table declares no such stream."""

    code = "signal-stream-unknown"


class RegionUnknown(Invalid):
    """The region tree has no such node."""

    code = "signal-region-unknown"


class PeriodImpossible(Invalid):
    """A flow needs a first day and the day after its last; a validity must end after it began."""

    code = "signal-period-impossible"


class InFuture(Invalid):
    """Nothing can be measured before it happened."""

    code = "signal-in-future"


class Negative(Invalid):
    """An amount is never below zero."""

    code = "signal-negative"


class ValueImpossible(Invalid):
    """The value is missing, or is none that the stream allows."""

    code = "signal-value-impossible"


class SourceNotYours(Invalid):
    """A department of the registry speaks for itself only."""

    code = "signal-source-not-yours"


class SourceMissing(Invalid):
    """A client of no department must say in each row whose data it is."""

    code = "signal-source-missing"


def accept(
    row: SignalRow,
    *,
    sender: Sender,
    streams: Mapping[str, Stream],
    scales: Scales,
    regions: Collection[RegionId],
    now: datetime,
) -> Accepted:
    """Judge one row.

    Refuses: StreamUnknown, SourceNotYours, SourceMissing, RegionUnknown, PeriodImpossible,
    InFuture, Negative, ValueImpossible, UnitOther, ProductUnknown, ProductMissing, SubjectUnnamed.
    """
    stream = streams.get(row.stream)
    if stream is None:
        raise StreamUnknown(field="stream", got=row.stream, expected=" | ".join(sorted(streams)))
    product = "" if row.product is None else scales.product(row.product)
    unit = stream.unit if row.unit is None else scales.unit(row.unit)
    if stream.unit not in {unit, scales.litre}:
        raise UnitOther(field="unit", got=row.unit, expected=stream.unit)
    region = RegionId(row.region)
    if region not in regions:
        raise RegionUnknown(field="region", got=row.region, expected="GET /api/v1/regions")
    source = source_of(row.source, sender)
    from_, to = _period(row, stream, now)
    amount = Amount(_value(row, stream))
    if unit != stream.unit:
        litres = scales.litres(amount.value, unit, product, _shanghai_day(from_))
        amount = Amount(litres, amount.value, unit)
    subject, fault = _subject(source, row.code, row.name)
    signal = Signal(source, stream.id, EntityId(subject), product, from_, to, amount, region)
    return Accepted(signal, _sighting(signal, row, fault) if fault else None)


# A file tells the same days and codes again and again: what was found once is kept.
_subject = lru_cache(1 << 16)(subject_of)
_shanghai_day = lru_cache(1 << 14)(shanghai_day)


def source_of(named: str | None, sender: Sender) -> str:
    """Say whose data a row is.

    A department that item-registry knows speaks for itself only. A client of none, or of one that
    the registry does not know (a data centre that sends for others), names the source in each row.
    """
    if sender.known and sender.department is not None:
        if named not in {None, sender.department}:
            raise SourceNotYours(field="source", got=named, expected=sender.department)
        return sender.department
    source = named or sender.department
    if source is None:
        raise SourceMissing(field="source", got="", expected="GET /api/v1/departments")
    return source


def _period(row: SignalRow, stream: Stream, now: datetime) -> tuple[datetime, datetime]:
    from_ = _moment(row.from_, "from")
    to = from_ if row.to is None else _moment(row.to, "to")
    if from_ > now:
        raise InFuture(field="from", got=_day(from_), expected=f"≤ {_day(now)}")
    needs_end = stream.kind is StreamKind.FLOW or stream.kind is StreamKind.VALIDITY
    if to < from_ or (to == from_ and needs_end):
        raise PeriodImpossible(field="to", got=_shown(row.to), expected=f"> {_day(from_)}")
    if stream.kind is StreamKind.FLOW:
        for field, moment in (("from", from_), ("to", to)):
            if not _begins_a_day(moment):
                raise PeriodImpossible(field=field, got=moment.isoformat(), expected="YYYY-MM-DD")
        if _shanghai_day(to) > (today := _shanghai_day(now)) + _DAY:
            raise InFuture(field="to", got=_day(to), expected=f"≤ {today + _DAY}")
    return from_, to


@lru_cache(1 << 14)
def _moment(given: datetime, field: str) -> datetime:
    moment = given if given.tzinfo else given.replace(tzinfo=SHANGHAI)
    if not _EARLIEST <= moment <= _LATEST:
        span = f"{_EARLIEST.date()} … {_LATEST.date()}"
        raise PeriodImpossible(field=field, got=given.isoformat(), expected=span)
    return moment.astimezone(UTC)


@lru_cache(1 << 14)
def _begins_a_day(moment: datetime) -> bool:
    return moment.astimezone(SHANGHAI).time() == time.min


def _day(moment: datetime) -> str:
    return shanghai_day(moment).isoformat()


def _shown(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat()


def _value(row: SignalRow, stream: Stream) -> float:
    """Give the value; what is in force or happened needs none."""
    if row.value is None:
        if stream.kind in {StreamKind.VALIDITY, StreamKind.EVENT}:
            return 1.0
        raise ValueImpossible(field="value", got="", expected=_allowed(stream))
    if stream.values and row.value not in stream.values:
        raise ValueImpossible(field="value", got=row.value, expected=_allowed(stream))
    if row.value < 0:
        raise Negative(field="value", got=row.value, expected="≥ 0")
    if row.value > _LARGEST:
        raise ValueImpossible(field="value", got=row.value, expected=f"≤ {_LARGEST:g}")
    return row.value


def _allowed(stream: Stream) -> str:
    return " | ".join(f"{value:g}" for value in stream.values) or f"≥ 0 {stream.unit}"


def _sighting(signal: Signal, row: SignalRow, fault: Fault) -> Sighting:
    raw = normalise(row.code or "")
    shown = raw if raw and fault.code != _PERSON else None
    return Sighting(signal.subject, signal.source, fault.code, signal.region, shown)


def subject_id(raw: str) -> EntityId:
    """Take an entity's id as it is, or make it of a code alone."""
    found = entity_id(raw)
    return EntityId(found if isinstance(found, str) else raw)
