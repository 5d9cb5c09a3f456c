"""A clue as rows, and rows as a clue."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from clue_dispatch.clue.domain.matter import Clue, Visit
from clue_dispatch.clue.tables import clue, requested_visit
from clue_dispatch.routing.domain import Route
from contracts.clue_dispatch import Origin, Wanted
from contracts.credit_service import EntityId
from kit import entities
from kit.deadlines import Due

_ROUTE: Final = TypeAdapter(Route)
WANTED: Final = TypeAdapter(tuple[Wanted, ...])
_HIDDEN: Final = frozenset({"readers", "turn", "due_at", "leading"})
# What a clue is made of; the other columns follow from these.
VALUE: Final = tuple(column for column in clue.c if column.key not in _HIDDEN)


async def clues_of(tx: AsyncConnection, rows: Sequence[Any]) -> tuple[Clue, ...]:
    """Make clues of rows, with the visits asked for them and what their subjects are by now."""
    query = select(requested_visit).where(requested_visit.c.clue.in_([row.id for row in rows]))
    visits: dict[str, tuple[Visit, ...]] = {}
    for row in await tx.execute(query.order_by(requested_visit.c.request)) if rows else ():
        visits[row.clue] = (*visits.get(row.clue, ()), _visit(row))
    became = await entities.became(tx, {row.subject for row in rows})
    return tuple(_clue(row, visits.get(row.id, ()), became.get(row.subject)) for row in rows)


def _clue(row: Any, visits: tuple[Visit, ...], became: EntityId | None) -> Clue:  # noqa: ANN401 - a row
    values: dict[str, Any] = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name
    values["origin"] = Origin(
        type=values.pop("origin_type"),
        id=values.pop("origin_id"),
        rule=values.pop("origin_rule"),
    )
    for step in ("dispatch", "sign", "verify"):
        values[f"{step}_due"] = _due(values[f"{step}_due"], values.pop(f"{step}_provisional"))
    values.pop("due_at", None)
    values["route"] = _ROUTE.validate_python(values["route"])
    values["cooperators"] = tuple(values["cooperators"])
    return Clue(**values, visits=visits, became=became)


def row_of(value: Clue) -> dict[str, Any]:
    """Spread a clue over its columns; what follows from the others is written beside them."""
    plain = {
        column.key: getattr(value, column.key)
        for column in VALUE
        if not column.key.startswith("origin_") and not column.key.endswith("_provisional")
    }
    for step in ("dispatch", "sign", "verify"):
        due: Due | None = plain[f"{step}_due"]
        plain[f"{step}_due"] = due.at if due else None
        plain[f"{step}_provisional"] = due.provisional if due else None
    turn = value.turn.departments if value.turn else ()
    return plain | {
        "origin_type": value.origin.type,
        "origin_id": value.origin.id,
        "origin_rule": value.origin.rule,
        "route": _ROUTE.dump_python(value.route, mode="json"),
        "cooperators": list(value.cooperators),
        "turn": turn[0] if len(turn) == 1 and value.open_visit is None else None,
        "due_at": value.due.at if value.due else None,
        "leading": value.leading,
    }


def _due(at: datetime | None, provisional: bool | None) -> Due | None:  # noqa: FBT001 - two columns
    return None if at is None else Due(at, provisional=bool(provisional))


def _visit(row: Any) -> Visit:  # noqa: ANN401 - a row
    mapping = row._mapping  # noqa: SLF001 - SQLAlchemy's public name
    return Visit(
        row.request,
        row.state,
        WANTED.validate_python(row.departments),
        mapping["from"],
        row.to,
        visit=row.visit,
        on=row.on,
        code=row.code,
        reason=row.reason,
        results=tuple(row.results),
    )
