"""The parts of an entity, and which service has each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from contracts.services import CLUE_DISPATCH, CREDIT_SERVICE, JOINT_INSPECTION, RISK_MONITOR
from kit.codes import entity_id

OWNER: Final = CREDIT_SERVICE.name  # of the core: whether there is such an entity at all


@dataclass(frozen=True, slots=True)
class Part:
    """One part: who has it, and how it is asked; `{id}` stands for the entity."""

    name: str
    service: str
    path: str
    filter: str | None = None

    def asked(self, entity: str) -> tuple[str, list[tuple[str, str]]]:
        """Give path and query for an entity."""
        query = [(self.filter, entity)] if self.filter else []
        return self.path.replace("{id}", entity), query


PARTS: Final = (
    Part("grades", CREDIT_SERVICE.name, "/entities/{id}/grades"),
    Part("records", CREDIT_SERVICE.name, "/entities/{id}/records"),
    Part("warnings", RISK_MONITOR.name, "/warnings", "subject"),
    Part("clues", CLUE_DISPATCH.name, "/clues", "subject"),
    Part("cases", CLUE_DISPATCH.name, "/cases", "subject"),
    Part("targets", JOINT_INSPECTION.name, "/targets", "entity"),
    Part("visits", JOINT_INSPECTION.name, "/visits", "subject"),
)


def identified(asked: str) -> str:
    """Give the id that a path means: an 18-character code alone is one."""
    found = entity_id(asked)
    return found if isinstance(found, str) else asked


def items_of(body: Any) -> tuple[list[dict[str, Any]], str | None]:  # noqa: ANN401 - any JSON
    """Read what a service answered as a list: a page, a bare list, or one value."""
    match body:
        case {"items": list(items), **rest}:
            return items, str(rest["next"]) if rest.get("next") else None
        case list():
            return body, None
        case Mapping():
            return [dict(body)], None
        case _:
            return [], None
