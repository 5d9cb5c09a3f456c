"""The picture of the circle: six services, and between them the arrows along which events go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import cos, hypot, pi, sin
from typing import Final

# In the order of the journey (a warning becomes a clue, a visit, a grade), clockwise from the top.
ORDER: Final = (
    "gateway",
    "risk-monitor",
    "clue-dispatch",
    "joint-inspection",
    "credit-service",
    "item-registry",
)
WIDTH: Final = 500
HEIGHT: Final = 540
_RADIUS: Final = (190.0, 226.0)
_HALF: Final = (78.0, 29.0)  # half a node
_BOW: Final = 0.15  # how far an arrow bows, of its length, so that the way back is another
_NEXT_BUT_ONE: Final = 2  # bowed outwards, such an arrow would run under the node between
_STEPS: Final = 60
_LABEL: Final = {1: 0.3, 2: 0.34, 3: 0.2, 4: 0.34, 5: 0.3}  # by steps, so that few meet
_FULL: Final = 6.0
_TENFOLD: Final = 10

Circle = Mapping[str, Sequence[str]]  # event type → services that hear it
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Node:
    """Where a service stands; `to_all` counts what every other service keeps a copy of."""

    name: str
    x: float
    y: float
    said: int
    to_all: int


@dataclass(frozen=True, slots=True)
class Arrow:
    """What one service says and another hears, and how often that was in the last minutes."""

    key: str
    source: str
    reader: str
    path: str
    label: Point
    count: int
    width: float


@dataclass(frozen=True, slots=True)
class Picture:
    """All of it."""

    nodes: tuple[Node, ...]
    arrows: tuple[Arrow, ...]


def owner(type_: str) -> str:
    """Give the service that announces a type."""
    return type_.partition(".")[0]


def is_for_all(type_: str, circle: Circle) -> bool:
    """Say whether every other service keeps a copy: drawn at the node, not as five arrows."""
    return set(circle[type_]) >= set(ORDER) - {owner(type_)}


def between(counts: Mapping[str, int], circle: Circle) -> dict[str, int]:
    """Count what went from one service to another, by `source>reader`; zero where nothing did."""
    found: dict[str, int] = {}
    for type_, readers in circle.items():
        if is_for_all(type_, circle):
            continue
        source = owner(type_)
        for reader in readers:
            if reader != source:
                key = f"{source}>{reader}"
                found[key] = found.get(key, 0) + counts.get(type_, 0)
    return found


def width_of(count: int) -> float:
    """Give an arrow's width: a step wider each time the count is ten times as large."""
    width = 1.25
    while count > 0 and width < _FULL:
        width += 1.25
        count //= _TENFOLD
    return width


def said(counts: Mapping[str, int], name: str, circle: Circle) -> tuple[int, int]:
    """Count what a service announced, and of that what everybody keeps a copy of."""
    mine = {type_: count for type_, count in counts.items() if owner(type_) == name}
    to_all = sum(n for type_, n in mine.items() if type_ in circle and is_for_all(type_, circle))
    return sum(mine.values()), to_all


def draw(counts: Mapping[str, int], circle: Circle) -> Picture:
    """Draw the circle with what was counted."""
    nodes = {name: _node(name, counts, circle) for name in ORDER}
    arrows = tuple(
        _arrow(nodes[source], nodes[reader], count)
        for key, count in sorted(between(counts, circle).items())
        for source, _, reader in [key.partition(">")]
    )
    return Picture(tuple(nodes.values()), arrows)


def _node(name: str, counts: Mapping[str, int], circle: Circle) -> Node:
    angle = 2 * pi * ORDER.index(name) / len(ORDER) - pi / 2
    x, y = WIDTH / 2 + _RADIUS[0] * cos(angle), HEIGHT / 2 + _RADIUS[1] * sin(angle)
    return Node(name, round(x, 1), round(y, 1), *said(counts, name, circle))


def _arrow(source: Node, reader: Node, count: int) -> Arrow:
    """Draw a bow from the edge of one node to the edge of the other (a quadratic curve, cut)."""
    begin, end = (source.x, source.y), (reader.x, reader.y)
    length = hypot(end[0] - begin[0], end[1] - begin[1])
    across = ((begin[1] - end[1]) / length, (end[0] - begin[0]) / length)
    bow = 0.0 if _steps(source, reader) == _NEXT_BUT_ONE else _BOW
    middle = tuple(
        (a + b) / 2 + bow * length * c for a, b, c in zip(begin, end, across, strict=True)
    )
    curve = [_at(begin, (middle[0], middle[1]), end, i / _STEPS) for i in range(_STEPS + 1)]
    seen = [p for p in curve if not _inside(p, source, 4) and not _inside(p, reader, 9)]
    path = "M" + " L".join(f"{x:.1f},{y:.1f}" for x, y in seen)
    label = seen[int(len(seen) * _LABEL[_steps(source, reader)])]
    return Arrow(
        key=f"{source.name}>{reader.name}",
        source=source.name,
        reader=reader.name,
        path=path,
        label=(round(label[0], 1), round(label[1], 1)),
        count=count,
        width=width_of(count),
    )


def _steps(source: Node, reader: Node) -> int:
    """Count the steps round the circle, against the clock; the arrow bows to its left."""
    return (ORDER.index(source.name) - ORDER.index(reader.name)) % len(ORDER)


def _at(begin: Point, middle: Point, end: Point, t: float) -> Point:
    a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t**2
    return (
        a * begin[0] + b * middle[0] + c * end[0],
        a * begin[1] + b * middle[1] + c * end[1],
    )


def _inside(point: Point, node: Node, margin: float) -> bool:
    return abs(point[0] - node.x) < _HALF[0] + margin and abs(point[1] - node.y) < _HALF[1] + margin
