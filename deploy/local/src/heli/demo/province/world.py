"""The province: its regions, agencies, inspectors and filling stations.

Everything is invented and every name says so （示例）. The same seed gives the same world. Codes
have right check digits (GB 32100-2015) and belong to nobody: their registering office is 000000.
"""

from dataclasses import dataclass
from datetime import date
from random import Random  # noqa: TID251 - a seeded world, not a secret
from typing import Final

MARK: Final = "（示例）"
ITEM: Final = "refined-oil"
PROVINCE: Final = "330000"
ZONE: Final = "330191z"

# line → its name, and the 14-digit catalogue code under which it inspects (synthetic).
LINES: Final = {
    "commerce": ("商务", "33990010000101"),
    "tax": ("税务", "33990010000202"),
    "market": ("市场监管", "33990010000303"),
    "emergency": ("应急管理", "33990010000404"),
    "police": ("公安", "33990010000505"),
    "transport": ("交通运输", "33990010000606"),
    "environment": ("生态环境", "33990010000707"),
    "fire": ("消防救援", "33990010000808"),
}
PREFECTURES: Final = {"330100": "甲市", "330200": "乙市", "330300": "丙市"}
COUNTIES: Final = {
    "330102": "甲东区",
    "330105": "甲北区",
    "330106": "甲西区",
    "330203": "乙东区",
    "330205": "乙北区",
    "330302": "丙东区",
    "330303": "丙南区",
}
# The development zone has no tax agency of its own: this neighbour serves it.
ZONE_TAX: Final = "330200"

_INSPECTORS: Final = {
    "commerce": 4,
    "tax": 4,
    "market": 4,
    "emergency": 4,
    "transport": 2,
    "fire": 2,
}
# Certificates that ran out: a draw must not take these officers.
_LAPSED: Final = frozenset(
    {"tax-330100-4", "commerce-330200-4", "emergency-330200-3", "market-330300-4", "fire-330300-2"}
)
_PRODUCTS: Final = ("gasoline92", "diesel0", "gasoline95")
_PRODUCT_SHARES: Final = (60, 28, 12)
_FIRST: Final = "顺宏永恒鑫泰福安金北南东云江桥岭湖源"
_SECOND: Final = "达源通运盛发兴和丰途城田峰宁康洋驰畅"
_ROADS: Final = ("示例路", "示例大道", "示例北街", "示例环路", "示例河堤路", "示例站前路")
_ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_ORGANISATION: Final = (3, 7, 9, 10, 5, 8, 4, 2)


@dataclass(frozen=True, slots=True)
class Region:
    """A node of the managed tree."""

    id: str
    parent: str | None
    name: str


@dataclass(frozen=True, slots=True)
class Department:
    """One agency at one place."""

    id: str
    name: str
    line: str
    level: int
    vertical_parent: str | None
    territory: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Inspector:
    """A certified officer of a department."""

    id: str
    department: str
    name: str
    certificate: str
    valid_until: date


@dataclass(frozen=True, slots=True)
class Station:
    """A filling station: one entity, one place, and how much it really sells a day in litres.

    `product` is what it sells most, and reports under; `brand` is how people call it.
    """

    number: int
    code: str
    name: str
    brand: str
    region: str
    prefecture: str
    address: str
    litres_a_day: int
    product: str


@dataclass(frozen=True, slots=True)
class World:
    """All of it; `recused` are officers who never inspect a station (回避), by its number."""

    seed: int
    today: date
    regions: tuple[Region, ...]
    departments: tuple[Department, ...]
    inspectors: tuple[Inspector, ...]
    stations: tuple[Station, ...]
    recused: tuple[tuple[str, int], ...]


def credit_code(serial: int) -> str:
    """Make a credit code of an enterprise with both check digits right, of no real office."""
    body = f"{serial:08d}"
    left = 11 - sum(int(d) * w for d, w in zip(body, _ORGANISATION, strict=True)) % 11
    inner = {10: "X", 11: "0"}.get(left, str(left))
    first = f"91000000{body}{inner}"
    total = sum(_ALPHABET.index(c) * pow(3, i, 31) for i, c in enumerate(first))
    return first + _ALPHABET[(31 - total % 31) % 31]


def agency(station: Station, line: str) -> str:
    """Give the prefecture's department of a line that is responsible for a station."""
    place = ZONE_TAX if (line, station.region) == ("tax", ZONE) else station.prefecture
    return f"{line}-{place}"


def make(seed: int, today: date, stations: int) -> World:
    """Make the world of a seed."""
    dice = Random(seed)  # noqa: S311 - reproducible on purpose
    places = tuple(_station(number, dice) for number in range(1, stations + 1))
    last = places[-1]
    return World(
        seed=seed,
        today=today,
        regions=_regions(),
        departments=_departments(),
        inspectors=_inspectors(today),
        stations=places,
        recused=((f"{agency(last, 'market')}-3", last.number),),
    )


def _regions() -> tuple[Region, ...]:
    return (
        Region("000000", None, "全国"),
        Region(PROVINCE, "000000", f"示范省{MARK}"),
        *(Region(id_, PROVINCE, name + MARK) for id_, name in PREFECTURES.items()),
        *(Region(id_, f"{id_[:4]}00", name + MARK) for id_, name in COUNTIES.items()),
        Region(ZONE, "330100", f"甲市开发区{MARK}"),
    )


def _departments() -> tuple[Department, ...]:
    found: list[Department] = []
    for line, (name, _) in LINES.items():
        top = f"{line}-{PROVINCE}"
        found.append(Department(top, f"示范省{name}厅{MARK}", line, 2, None, (PROVINCE,)))
        for id_, city in PREFECTURES.items():
            where = (id_, ZONE) if (line, id_) == ("tax", ZONE_TAX) else (id_,)
            found.append(Department(f"{line}-{id_}", f"{city}{name}局{MARK}", line, 3, top, where))
    justice = Department(
        f"justice-{PROVINCE}", f"示范省司法厅{MARK}", "justice", 2, None, (PROVINCE,)
    )
    return (*found, justice)


def _inspectors(today: date) -> tuple[Inspector, ...]:
    found: list[Inspector] = []
    valid, lapsed = date(today.year + 2, 12, 31), date(today.year - 1, 11, 30)
    for line, count in _INSPECTORS.items():
        for prefecture in PREFECTURES:
            for number in range(1, count + 1):
                id_ = f"{line}-{prefecture}-{number}"
                name = f"{LINES[line][0]}检查员{number}{MARK}"
                certificate = f"示例{len(found) + 1:06d}"
                until = lapsed if id_ in _LAPSED else valid
                found.append(Inspector(id_, f"{line}-{prefecture}", name, certificate, until))
    return tuple(found)


def _station(number: int, dice: Random) -> Station:
    region = dice.choice([*COUNTIES, *COUNTIES, ZONE])
    if number == 1:  # the officers who play are of 330100: it is never without a station
        region = "330106"
    prefecture = "330100" if region == ZONE else f"{region[:4]}00"
    brand = dice.choice(_FIRST) + dice.choice(_SECOND)
    county = "开发区" if region == ZONE else COUNTIES[region]
    road = f"{dice.choice(_ROADS)}{dice.randint(1, 999)}号"
    return Station(
        number=number,
        code=credit_code(10_000_000 + number * 37),
        name=f"{brand}第{number:04d}加油站有限公司{MARK}",
        brand=brand,
        region=region,
        prefecture=prefecture,
        address=f"示范省{PREFECTURES[prefecture]}{county}{road}{MARK}",
        litres_a_day=round(3000 + dice.expovariate(1 / 2500)),
        product=dice.choices(_PRODUCTS, _PRODUCT_SHARES)[0],
    )
