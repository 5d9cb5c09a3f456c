"""The demo's world: a synthetic province with regions, agencies, officers and filling stations.

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
    """A filling station: one entity, one place, and how much it really sells a day in litres."""

    number: int
    code: str
    name: str
    region: str
    prefecture: str
    address: str
    litres_a_day: int


@dataclass(frozen=True, slots=True)
class World:
    """All of it."""

    seed: int
    today: date
    regions: tuple[Region, ...]
    departments: tuple[Department, ...]
    inspectors: tuple[Inspector, ...]
    stations: tuple[Station, ...]


def credit_code(serial: int) -> str:
    """Make a credit code of an enterprise with both check digits right, of no real office."""
    body = f"{serial:08d}"
    left = 11 - sum(int(d) * w for d, w in zip(body, _ORGANISATION, strict=True)) % 11
    inner = {10: "X", 11: "0"}.get(left, str(left))
    first = f"91000000{body}{inner}"
    total = sum(_ALPHABET.index(c) * pow(3, i, 31) for i, c in enumerate(first))
    return first + _ALPHABET[(31 - total % 31) % 31]


def make(seed: int, today: date, stations: int) -> World:
    """Make the world of a seed."""
    dice = Random(seed)  # noqa: S311 - reproducible on purpose
    return World(
        seed=seed,
        today=today,
        regions=_regions(),
        departments=_departments(),
        inspectors=_inspectors(today),
        stations=tuple(_station(number, dice) for number in range(1, stations + 1)),
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
            where = (id_, ZONE) if (line, id_) == ("tax", "330200") else (id_,)
            found.append(Department(f"{line}-{id_}", f"{city}{name}局{MARK}", line, 3, top, where))
    justice = Department(
        f"justice-{PROVINCE}", f"示范省司法厅{MARK}", "justice", 2, None, (PROVINCE,)
    )
    return (*found, justice)


def _inspectors(today: date) -> tuple[Inspector, ...]:
    found: list[Inspector] = []
    for line in ("commerce", "tax", "market", "emergency"):
        for prefecture in PREFECTURES:
            for number in range(1, 5):
                id_ = f"{line}-{prefecture}-{number}"
                name = f"{LINES[line][0]}检查员{number}{MARK}"
                certificate = f"示例{len(found) + 1:06d}"
                until = date(today.year + 2, 12, 31)
                found.append(Inspector(id_, f"{line}-{prefecture}", name, certificate, until))
    return tuple(found)


def _station(number: int, dice: Random) -> Station:
    region = dice.choice([*COUNTIES, *COUNTIES, ZONE])
    prefecture = "330100" if region == ZONE else f"{region[:4]}00"
    return Station(
        number=number,
        code=credit_code(10_000_000 + number * 37),
        name=f"示例第{number:03d}加油站{MARK}",
        region=region,
        prefecture=prefecture,
        address=f"示例路{dice.randint(1, 999)}号{MARK}",
        litres_a_day=round(3000 + dice.expovariate(1 / 2500)),
    )
