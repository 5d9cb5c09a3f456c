"""Events recorded from every released version, taken by today's code of each reader.

A file that fails here is not to be changed: the code must go on reading what was announced.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import psycopg
import pytest

from clue_dispatch.app import service as clue_dispatch
from contracts.envelope import Envelope
from contracts.joint_inspection import DrawCompleted, ResultRecorded
from contracts.services import EVENT_BYTES
from credit_service.app import service as credit_service
from gateway.app import service as gateway
from heli.facts import facts
from item_registry.app import service as item_registry
from joint_inspection.app import service as joint_inspection
from kit import inbox
from kit.app import Service
from kit.auth import system
from kit.testing import Running, Serve, covers
from risk_monitor.app import service as risk_monitor

FOLDER = Path(__file__).parents[1] / "recorded"
VERSIONS = sorted(one.name for one in FOLDER.iterdir() if one.is_dir())
SERVICES = (item_registry, credit_service, risk_monitor, clue_dispatch, joint_inspection, gateway)
KNOWN = {fact.type: fact for fact in facts()}
# Its reader is its owner, whose own draw it completes: that is the owner's record, not an event's.
OF_OWN_RECORD = {DrawCompleted.type}
# The order in which what an event rests on has been heard.
ORDER = ("item-registry", "credit-service", "risk-monitor", "clue-dispatch", "joint-inspection")


def recorded(version: str) -> list[Envelope]:
    names = {path.stem: path for path in (FOLDER / version).glob("*.ndjson")}
    ordered = [*ORDER, *sorted(names.keys() - set(ORDER))]
    lines = (line for name in ordered for line in names[name].read_text("utf-8").splitlines())
    return [Envelope.model_validate_json(line) for line in lines]


def heard(version: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads((FOLDER / version / "heard.json").read_text("utf-8"))
    return found


def test_the_newest_version_has_an_example_of_every_event() -> None:
    assert {one.type for one in recorded(VERSIONS[-1])} == KNOWN.keys()
    size = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file())
    assert size < 300 * 1024


@pytest.mark.parametrize("version", VERSIONS)
def test_every_recorded_field_is_still_accepted_and_says_the_same(version: str) -> None:
    for envelope in recorded(version):
        fact = KNOWN[envelope.type].model_validate(envelope.data)
        again = json.loads(fact.model_dump_json())
        assert not _lost(envelope.data, again), envelope.type
        assert fact.about() == envelope.subject
        assert len(envelope.model_dump_json()) <= EVENT_BYTES


def _lost(old: object, new: object, place: str = "") -> list[str]:
    """Name what stands in the recorded data and not, or otherwise, in what today's class keeps."""
    match old, new:
        case dict(), dict():
            lost = [f"{place}.{name}" for name in old.keys() - new.keys()]
            kept = old.keys() & new.keys()
            return lost + [
                one for name in kept for one in _lost(old[name], new[name], f"{place}.{name}")
            ]
        case list(), list() if len(old) == len(new):
            pairs = enumerate(zip(old, new, strict=True))
            return [one for n, (was, is_) in pairs for one in _lost(was, is_, f"{place}[{n}]")]
        case _:
            return [] if old == new else [f"{place}: {old!r} became {new!r}"]


@pytest.mark.parametrize("version", VERSIONS)
def test_no_recorded_event_has_lost_a_reader(version: str) -> None:
    hears = {one.name: {each.event.type for each in one.hears()} for one in SERVICES}
    lost = [
        (type_, reader)
        for type_, readers in heard(version).items()
        for reader in readers
        if type_ not in hears[reader]
    ]
    assert lost == []


@covers("R15.4")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("service", SERVICES, ids=[one.name for one in SERVICES])
async def test_every_recorded_event_is_handled_by_its_readers(
    serve: Serve, service: Service, version: str
) -> None:
    events = recorded(version)
    async with serve(service) as run:
        readers = inbox.readers(run.db, service.hears(), service.keeps())
        for reader in sorted(readers, key=lambda one: (*ORDER, "gateway").index(one.stream)):
            if (service, reader.stream) == (clue_dispatch, "joint-inspection"):
                _asked_for(run, events)
            mine = [
                one
                for one in events
                if one.type in reader.handlers and one.type not in OF_OWN_RECORD
            ]
            data = [one.model_dump_json().encode() for one in mine]
            await reader.take(
                [reader.read(one.id, each) for one, each in zip(mine, data, strict=True)]
            )
            await run.no_dead_letters()
        async with run.db.begin(system(service.name), "test") as tx:
            taken = (await tx.execute(inbox.inbox.select())).all()
            kept = {
                one.table.name: (await tx.execute(one.table.select().limit(1))).first()
                for one in service.keeps()
            }
    assert {row.type for row in taken} == {
        one.event.type for one in service.hears() if one.event.type not in OF_OWN_RECORD
    }
    assert all(kept.values()), [name for name, row in kept.items() if row is None]


def _asked_for(run: Running, events: Sequence[Envelope]) -> None:
    """Let clue-dispatch have asked for the visits that joint-inspection answers."""
    asked = {request for one in events for request in _requests(one)}
    insert = (
        'INSERT INTO requested_visit (request, clue, state, departments, "from", "to", results,'
        " readers)"
        " SELECT %s, id, 'asked', '[]', now(), now(), '{}', '{}' FROM clue ORDER BY id LIMIT 1"
    )
    with psycopg.connect(run.owner_url, autocommit=True) as connection:
        for table in ("clue", "requested_visit"):
            connection.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY".encode())
        for request in sorted(asked):
            assert connection.execute(insert, [request]).rowcount == 1
        for table in ("clue", "requested_visit"):
            connection.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY".encode())


def _requests(envelope: Envelope) -> set[str]:
    of_result = envelope.type == ResultRecorded.type
    one = envelope.data.get("request") if of_result or "refused" in envelope.type else None
    return {*envelope.data.get("requests", ()), *([one] if one else [])}
