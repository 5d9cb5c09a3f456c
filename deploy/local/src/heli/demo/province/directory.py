"""The directory as it is sent: regions, departments, entities, inspectors and targets."""

from collections.abc import Iterator

from heli.demo.province import dialects
from heli.demo.province.dialects import NDJSON
from heli.demo.province.sheet import Sheet
from heli.demo.province.world import ITEM, World

Row = dict[str, object]


def sheets(world: World) -> Iterator[Sheet]:
    """Give the files, each after those that it rests on."""
    yield _sheet("regions", "区域.ndjson", _regions(world))
    yield _sheet("departments", "部门.ndjson", _departments(world))
    yield _sheet("entities", "经营主体.ndjson", _entities(world))
    yield _sheet("inspectors", "执法检查人员名录库.ndjson", _inspectors(world))
    yield _sheet("targets", "检查对象名录库.ndjson", _targets(world))


def target_id(number: int) -> str:
    """Give the id of a station's place."""
    return f"station-{number:05d}"


def _sheet(collection: str, name: str, rows: list[Row]) -> Sheet:
    return Sheet(None, collection, name, NDJSON, dialects.ndjson(rows), len(rows))


def _regions(world: World) -> list[Row]:
    return [{"id": one.id, "parent": one.parent, "name": one.name} for one in world.regions]


def _departments(world: World) -> list[Row]:
    return [
        {
            "id": one.id,
            "name": one.name,
            "line": one.line,
            "level": one.level,
            "vertical_parent": one.vertical_parent,
            "territory": list(one.territory),
        }
        for one in world.departments
    ]


def _entities(world: World) -> list[Row]:
    return [
        {"code": one.code, "name": one.name, "region": one.region, "address": one.address}
        for one in world.stations
    ]


def _inspectors(world: World) -> list[Row]:
    recused: dict[str, list[str]] = {}
    for inspector, number in world.recused:
        recused.setdefault(inspector, []).append(target_id(number))
    return [
        {
            "id": one.id,
            "department": one.department,
            "name": one.name,
            "certificate": one.certificate,
            "valid_until": one.valid_until.isoformat(),
            "qualifications": ["general"],
            "recusals": recused.get(one.id),
        }
        for one in world.inspectors
    ]


def _targets(world: World) -> list[Row]:
    return [
        {
            "id": target_id(one.number),
            "name": dialects.short_name(one),
            "region": one.region,
            "entity": one.code,
            "address": dialects.address(one),
            "item": ITEM,
        }
        for one in world.stations
    ]
