"""A process dies at each place where state, event and effect could part: they never do."""

import pytest

from heli.testing import Stack
from kit.failpoints import Place
from kit.testing import covers

OWNER, READER = "item-registry", "clue-dispatch"
PLACES: list[tuple[Place, str]] = [
    ("before-commit", OWNER),
    ("after-commit", OWNER),
    ("after-publish-before-mark", OWNER),
    ("reader-before-commit", READER),
    ("reader-after-commit-before-ack", READER),
]


@pytest.mark.parametrize(("place", "service"), PLACES)
@covers("R15.4")
def test_who_dies_at_a_failpoint_loses_nothing_and_does_nothing_twice(
    stack: Stack, place: Place, service: str
) -> None:
    stack.load(stack.admin, "regions", [{"id": "000000", "name": "全国"}])
    stack.settle()
    before, file = stack.pid(service), stack.arm(service, place)
    region = f"at-{place}"
    stack.admin.post("/regions", {"id": region, "name": place, "parent": "000000"})
    assert stack.came_back(service, before)
    assert not file.exists()
    stack.drained_s()
    assert stack.admin.get(f"/regions/{region}")["name"] == place
    for name, table in ((OWNER, "outbox"), (READER, "inbox")):
        query = f"SELECT count(*) FROM {table} WHERE aggregate = 'region/{region}'"
        assert stack.sql(name, query) == [(1,)]
