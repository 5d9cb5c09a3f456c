"""The departments' data as files: who sends which stream, in which manner, twice or corrected."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from random import Random  # noqa: TID251 - a seeded world, not a secret
from typing import Final

from heli.demo.province import dialects
from heli.demo.province.dated import Licence
from heli.demo.province.dialects import CSV, NDJSON, XLSX, Cells
from heli.demo.province.sheet import Sheet
from heli.demo.province.streams import Flows
from heli.demo.province.window import Span, Window
from heli.demo.province.world import LINES, PREFECTURES, Station, agency
from heli.demo.province.wrong import WrongCodes

_CORRECTED_MONTH: Final = 9
_CORRECTED_SHARE: Final = 0.05
_CORRECTED_BY: Final = 0.04


@dataclass(frozen=True, slots=True)
class Seen:
    """All that is seen of a station."""

    station: Station
    flows: Flows
    gauge: Sequence[tuple[str, int]]
    licences: Sequence[Licence]
    verified: Sequence[date]


@dataclass(frozen=True, slots=True)
class _Head:
    """How a department names a station."""

    code: str
    name: str
    region: str


@dataclass(frozen=True, slots=True)
class Sending:
    """All stations with what is seen of them, the window, and how codes are written."""

    seen: Sequence[Seen]
    window: Window
    codes: WrongCodes
    dice: Random

    def sheets(self) -> Iterator[Sheet]:
        """Give the files in the order of sending: what is rare first, the meters' weeks last."""
        yield from self._licences("成品油零售许可", late=False)
        yield from self._gauge()
        yield from self._verified()
        yield from self._licences("成品油零售许可续期", late=True)
        invoiced = list(self._monthly("invoiced", "发票销量"))
        yield from invoiced
        slips = self._slips()
        yield from self._monthly("declared", "申报销量", slips)
        yield from self._metered()
        # One agency is not sure that its file went through, and sends it once more.
        yield replace(min(invoiced, key=lambda one: one.rows), expect="again")
        yield self._corrected()

    def _by(self, line: str) -> dict[str, list[tuple[Seen, _Head]]]:
        """Give each department of a line its stations, as it names them."""
        found: dict[str, list[tuple[Seen, _Head]]] = {}
        for one in self.seen:
            station = one.station
            by = agency(station, line)
            code = self.codes.of(station, line)
            head = _Head(code, dialects.name(station, by), station.region)
            found.setdefault(by, []).append((one, head))
        return dict(sorted(found.items()))

    # Commerce ----------------------------------------------------------------------------------

    def _metered(self) -> Iterator[Sheet]:
        for by, stations in self._by("commerce").items():
            rows = [
                (
                    "metered",
                    head.code,
                    head.name,
                    week.from_,
                    week.to,
                    str(litres),
                    "L",
                    head.region,
                )
                for seen, head in stations
                for week, litres in zip(self.window.weeks, seen.flows.metered, strict=True)
            ]
            yield _csv(by, "计量销量", dialects.METERED, rows)

    def _gauge(self) -> Iterator[Sheet]:
        for by, stations in self._by("commerce").items():
            rows = [
                {
                    "stream": "gauge",
                    "code": head.code,
                    "name": head.name,
                    "from": moment,
                    "value": state,
                    "region": head.region,
                }
                for seen, head in stations
                for moment, state in seen.gauge
            ]
            name = dialects.file_name("液位仪在线", by, "ndjson")
            yield Sheet(by, "signals", name, NDJSON, dialects.ndjson(rows), len(rows))

    def _licences(self, what: str, *, late: bool) -> Iterator[Sheet]:
        for by, stations in self._by("commerce").items():
            licences = (
                (head, one) for seen, head in stations for one in seen.licences if one.late is late
            )
            rows = [
                (
                    str(number),
                    head.code,
                    head.name,
                    "licence",
                    dialects.dotted(one.from_),
                    dialects.dotted(one.to),
                    "1",
                    head.region,
                )
                for number, (head, one) in enumerate(licences, 1)
            ]
            if rows:
                yield _workbook(by, what, dialects.LICENCES, rows)

    # Market regulation -------------------------------------------------------------------------

    def _verified(self) -> Iterator[Sheet]:
        for by, stations in self._by("market").items():
            rows = [
                ("verification", head.code, head.name, day.isoformat(), "1", head.region)
                for seen, head in stations
                for day in seen.verified
            ]
            yield _csv(by, "加油机检定", dialects.VERIFIED, rows)

    # Tax ---------------------------------------------------------------------------------------

    def _monthly(
        self, stream: str, what: str, slips: Mapping[int, float] | None = None
    ) -> Iterator[Sheet]:
        for by, stations in self._by("tax").items():
            form = _Form(by, stream, self.window.spans)
            rows = []
            for seen, head in stations:
                litres = list(seen.flows.invoiced if stream == "invoiced" else seen.flows.declared)
                litres[_CORRECTED_MONTH] *= (slips or {}).get(seen.station.number, 1.0)
                rows += [form.row(seen, head, month, one) for month, one in enumerate(litres)]
            yield _csv(by, what, form.heading, rows)

    def _corrector(self) -> str:
        """Give the tax agency that corrects a file: the one with the most stations."""
        by = self._by("tax")
        return max(by, key=lambda one: len(by[one]))

    def _slips(self) -> dict[int, float]:
        """Give for some stations by what a month's declaration was written wrongly at first."""
        stations = [seen.station.number for seen, _ in self._by("tax")[self._corrector()]]
        count = max(1, round(len(stations) * _CORRECTED_SHARE))
        sides = (-1, 1)
        return {
            number: 1 + self.dice.choice(sides) * self.dice.uniform(0.01, _CORRECTED_BY)
            for number in self.dice.sample(stations, count)
        }

    def _corrected(self) -> Sheet:
        """Send a month's declarations again, as they should have been."""
        by = self._corrector()
        form = _Form(by, "declared", self.window.spans)
        rows = [
            form.row(seen, head, _CORRECTED_MONTH, seen.flows.declared[_CORRECTED_MONTH])
            for seen, head in self._by("tax")[by]
        ]
        sheet = _csv(
            by, f"{self.window.months[_CORRECTED_MONTH]:%Y%m}申报销量更正", form.heading, rows
        )
        return replace(sheet, expect="corrected")


@dataclass(frozen=True, slots=True)
class _Form:
    """How a tax agency writes a stream's months: in litres, or in tonnes of a product."""

    by: str
    stream: str
    spans: Sequence[Span]

    @property
    def heading(self) -> Cells:
        """Give what stands over the columns."""
        return dialects.BY_WEIGHT if dialects.by_weight(self.by) else dialects.LITRES

    def row(self, seen: Seen, head: _Head, month: int, litres: float) -> Cells:
        """Write a station's month."""
        span = self.spans[month]
        when = (span.from_, span.to)
        if not dialects.by_weight(self.by):
            return self.stream, head.code, head.name, *when, f"{litres:.0f}", "L", head.region
        tonnes = f"{litres * seen.flows.density[month] / 1000:.3f}"
        product = seen.station.product
        return head.code, head.name, head.region, self.stream, product, *when, "t", tonnes


def _csv(by: str, what: str, heading: Cells, rows: Sequence[Cells]) -> Sheet:
    body = dialects.csv(heading, rows, dialects.manner(by))
    name = dialects.file_name(what, by, "csv")
    return Sheet(by, "signals", name, CSV, body, len(rows))


def _workbook(by: str, what: str, heading: Cells, rows: Sequence[Cells]) -> Sheet:
    line, _, place = by.partition("-")
    office = f"{PREFECTURES[place]}{LINES[line][0]}局（示例）"
    body = dialects.workbook(f"{what}登记表", office, heading, rows)
    return Sheet(by, "signals", dialects.file_name(what, by, "xlsx"), XLSX, body, len(rows))
