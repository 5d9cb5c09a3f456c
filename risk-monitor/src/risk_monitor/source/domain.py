"""Streams and units, which are data (policy table), and when a source is late (R8.2)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from contracts.errors import Invalid


class StreamKind(StrEnum):
    """What a row of a stream says: see the policy table."""

    FLOW = "flow"
    STATE = "state"
    VALIDITY = "validity"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class Stream:
    """A declared stream; `values` are the only ones allowed, where it lists them."""

    id: str
    kind: StreamKind
    unit: str
    line: str
    values: tuple[float, ...] = ()
    expected_days: int | None = None
    grace_days: int = 0


class UnitOther(Invalid):
    """The row's unit is not the stream's, and no row of the policy table converts it."""

    code = "signal-unit-other"


class ProductUnknown(Invalid):
    """The policy table has no such product, or no density of it for that day."""

    code = "signal-product-unknown"


class ProductMissing(Invalid):
    """A mass says how many litres it is only with its product."""

    code = "signal-product-missing"


@dataclass(frozen=True, slots=True)
class Density:
    """How much a litre of a product weighs, from a day until (not including) another."""

    product: str
    kg_per_litre: float
    from_: date
    to: date | None

    def holds(self, day: date) -> bool:
        """Say whether it holds on a day."""
        return self.from_ <= day and (self.to is None or day < self.to)


@dataclass(frozen=True, slots=True)
class Scales:
    """Units and products that rows may be sent in.

    `units` and `products` give the id of what departments write; `kg` the mass of one of a unit.
    """

    units: Mapping[str, str] = field(default_factory=dict)
    kg: Mapping[str, float] = field(default_factory=dict)
    products: Mapping[str, str] = field(default_factory=dict)
    densities: tuple[Density, ...] = ()
    litre: str = "L"

    def unit(self, given: str) -> str:
        """Give a unit's id; what is unknown stays as it is."""
        word = given.strip()
        return self.units.get(word, word)

    def product(self, given: str) -> str:
        """Give a product's id; refuses ProductUnknown."""
        word = given.strip()
        found = self.products.get(word)
        if found is None:
            raise ProductUnknown(field="product", got=given, expected=self._products())
        return found

    def litres(self, value: float, unit: str, product: str, day: date) -> float:
        """Convert a mass of a product into litres by the density that holds on a day.

        Refuses: UnitOther, ProductMissing, ProductUnknown.
        """
        mass = self.kg.get(unit)
        if mass is None:
            raise UnitOther(field="unit", got=unit, expected=" | ".join([self.litre, *self.kg]))
        if not product:
            raise ProductMissing(field="product", got="", expected=self._products())
        for density in self.densities:
            if density.product == product and density.holds(day):
                return round(value * mass / density.kg_per_litre, 3)
        got = f"{product}, {day.isoformat()}"
        raise ProductUnknown(field="product", got=got, expected=self._products())

    def _products(self) -> str:
        return " | ".join(dict.fromkeys(one.product for one in self.densities))


def next_due(stream: Stream, last_to: date) -> date | None:
    """Say by which day a source's next period should have ended; None where none is expected."""
    return None if stream.expected_days is None else last_to + timedelta(days=stream.expected_days)


def late(stream: Stream, last_to: date, today: date) -> bool | None:
    """Say whether a source is late beyond its grace; None where nothing is expected."""
    due = next_due(stream, last_to)
    return None if due is None else today > due + timedelta(days=stream.grace_days)
