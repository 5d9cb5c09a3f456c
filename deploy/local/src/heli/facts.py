"""Every event of the contracts: what the generated pages list and the demo lets happen."""

from typing import Final

from contracts import (
    clue_dispatch,
    credit_service,
    gateway,
    item_registry,
    joint_inspection,
    risk_monitor,
)
from contracts.says import Fact, State

_OWNERS: Final = (
    item_registry,
    credit_service,
    risk_monitor,
    clue_dispatch,
    joint_inspection,
    gateway,
)


def facts() -> list[type[Fact]]:
    """Give every event of the contracts, by owner, in the order of the files."""
    found = [
        thing
        for module in _OWNERS
        for thing in vars(module).values()
        if isinstance(thing, type) and issubclass(thing, Fact) and thing not in (Fact, State)
    ]
    return list(dict.fromkeys(found))
