"""What every service stands on, at the boundary of one of them: real PostgreSQL, real NATS."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import Executable, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.credit_service import EntityBatch, EntityRow
from contracts.envelope import Envelope
from contracts.roles import Role
from heli.engines import Engines
from item_registry.app import service
from kit import bus, inbox, jobs, outbox, streams, worker
from kit.auth import Actor, system
from kit.clock import new_id
from kit.entities import entity
from kit.failures import Collided, refusal_of
from kit.jobs import Row, Taken, Upload, job
from kit.places import region as region_table
from kit.sheets import Raw
from kit.spool import CHUNK_BYTES
from kit.testing import Running, Serve, actor, covers, until

ADMIN = actor("admin", None, "000000", Role.ADMIN)
LEAD = actor("lead", "commerce-330000", "330000", Role.LEAD)
OFFICER = actor("officer", "tax-330100", "330100", Role.OFFICER)


@pytest.fixture
async def run(serve: Serve) -> AsyncIterator[Running]:
    async with serve(service) as running:
        yield running


def region(id_: str, **more: object) -> dict[str, object]:
    return {"id": id_, "parent": None, "name": f"区域 {id_}"} | more


async def done(run: Running, change: Executable) -> None:
    async with run.db.begin(system("item-registry"), "test") as tx:
        await tx.execute(change)


async def rows(run: Running, query: Executable) -> list[Any]:
    async with run.db.begin(system("item-registry"), "test") as tx:
        return list((await tx.execute(query)).all())


# Requests ------------------------------------------------------------------------------------


@covers("RX.7", "R15.1")
async def test_equal_requests_at_once_have_one_effect_and_equal_answers(run: Running) -> None:
    async with run.client(ADMIN) as client:
        headers = {"Idempotency-Key": "k1"}
        asks = (client.post("/regions", json=region("000000"), headers=headers) for _ in range(20))
        answers = await asyncio.gather(*asks)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert len(await rows(run, outbox.outbox.select())) == 1


async def test_a_key_used_for_another_request_is_refused(run: Running) -> None:
    async with run.client(ADMIN) as client:
        headers = {"Idempotency-Key": "k1"}
        await client.post("/regions", json=region("000000"), headers=headers)
        answer = await client.post("/regions", json=region("000000", name="x"), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency-key-used-otherwise")


async def test_a_commit_that_fails_is_no_success(run: Running) -> None:
    with psycopg.connect(run.owner_url, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION boom() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'boom'; END $$"
        )
        connection.execute(
            "CREATE CONSTRAINT TRIGGER boom AFTER INSERT ON outbox"
            " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION boom()"
        )
    async with run.client(ADMIN) as client:
        answer = await client.post("/regions", json=region("000000"))
    assert answer.status_code >= 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert await rows(run, outbox.outbox.select()) == []


async def test_a_role_that_may_not_gets_403_and_nobody_gets_401(run: Running) -> None:
    async with run.client(OFFICER) as client:
        assert (await client.post("/regions", json=region("000000"))).status_code == 403
    async with run.client(None) as client:
        answer = await client.get("/regions", headers={"accept-language": "en"})
    assert answer.status_code == 401
    assert answer.json()["title"].startswith("A valid access token")


async def test_what_no_column_can_hold_is_the_callers_fault(run: Running) -> None:
    async with run.client(ADMIN) as client:
        answer = await client.post("/regions", json=region("000000", name="a\0b"))
    assert answer.status_code == 422


async def test_a_typing_error_in_a_field_is_named(run: Running) -> None:
    async with run.client(ADMIN) as client:
        answer = await client.post("/regions", json={"id": "r1", "nmae": "x"})
    faults = {fault["field"]: fault["code"] for fault in answer.json()["errors"]}
    assert faults["nmae"] == "field-unknown"
    assert faults["name"] == "field-missing"


def cursor(values: str) -> str:
    return base64.urlsafe_b64encode(values.encode()).decode()


@pytest.mark.parametrize("values", ["[Infinity]", "[" * 30_000, '["\\ud800"]', '["\\u0000"]', "{}"])
async def test_a_cursor_that_no_list_gave_breaks_no_list(run: Running, values: str) -> None:
    async with run.client(ADMIN) as client:
        for path in ("/audit", "/regions"):
            answer = await client.get(path, params={"cursor": cursor(values)})
            assert answer.status_code in {200, 422}, path


async def test_half_a_character_in_a_name_is_the_callers_fault(run: Running) -> None:
    async with run.client(ADMIN) as client:
        json_ = {"content-type": "application/json"}
        answer = await client.post("/regions", content=b'{"\\ud800": 1}', headers=json_)
    faults = {fault["field"]: fault["code"] for fault in answer.json()["errors"]}
    assert (answer.status_code, list(faults.values())) == (422, ["field-invalid"])


async def test_two_who_make_the_same_at_once_get_a_conflict_and_no_failure(run: Running) -> None:
    with psycopg.connect(run.owner_url, autocommit=True) as connection:
        connection.execute("CREATE UNIQUE INDEX once ON known_region (name)")
    made = insert(region_table).values(id="a", name="x", divisions=[], version=1)
    await done(run, made)
    with pytest.raises(IntegrityError) as no:
        await done(run, made.values(id="b"))
    assert isinstance(refusal_of(no.value), Collided)


async def test_a_key_of_scope_cannot_smuggle_in_another(run: Running) -> None:
    caller = Actor("c", keys=('a","*@000000', "b\\"))
    async with run.db.begin(caller, "test") as tx:
        found = await tx.execute(text("SELECT current_setting('heli.keys')::text[]"))
        assert found.scalar_one() == list(caller.keys)
    async with run.db.engine.connect() as plain:
        assert not (await plain.execute(text("SELECT current_setting('heli.keys', true)"))).scalar()


# Events out ----------------------------------------------------------------------------------


@covers("R15.4")
async def test_first_events_of_one_aggregate_at_once_are_numbered_one_after_another(
    run: Running,
) -> None:
    async def announce() -> None:
        async with run.db.begin(system("item-registry"), "test") as tx:
            await outbox.add(tx, [EntityBatch(batch="b1", rows=())])
            await asyncio.sleep(0.05)

    await asyncio.gather(*(announce() for _ in range(5)))
    found = await rows(run, select(outbox.outbox.c.sequence).order_by(outbox.outbox.c.id))
    assert [row.sequence for row in found] == [1, 2, 3, 4, 5]


async def test_the_relay_outlives_a_time_without_free_connections(serve: Serve) -> None:
    async with serve(service, with_bus=True, pool_size=1) as run:
        async with run.db.begin(ADMIN, "hold"), run.db.begin(ADMIN, "hold"):
            await asyncio.sleep(7)  # longer than anybody waits for a connection
        async with run.client(ADMIN) as client:
            assert (await client.post("/regions", json=region("000000"))).status_code == 201

        async def sent() -> bool:
            waiting = select(outbox.outbox.c.id).where(outbox.outbox.c.published_at.is_(None))
            return not await rows(run, waiting)

        await until(sent)


@covers("R15.4")
async def test_an_event_is_published_once_with_its_id_and_the_matter_it_belongs_to(
    serve: Serve,
) -> None:
    async with serve(service, with_bus=True) as run:
        async with run.client(ADMIN) as client:
            await client.post("/regions", json=region("000000"))
            await client.post("/regions", json=region("r1", parent="000000"))

        async def sent() -> bool:
            waiting = select(outbox.outbox.c.id).where(outbox.outbox.c.published_at.is_(None))
            return not await rows(run, waiting)

        await until(sent)
        found = await rows(run, select(outbox.outbox.c.envelope).order_by(outbox.outbox.c.id))
        first, second = (Envelope.model_validate_json(one.envelope) for one in found)
        assert first.correlationid == first.id
        assert first.sequence == second.sequence == 1
        assert run.context.connection.bus is not None
        stream = await run.context.connection.bus.streams.stream_info("item-registry")
        assert stream.state.messages >= 2


# Events in -----------------------------------------------------------------------------------


def batch(version: int, name: str) -> EntityBatch:
    row = EntityRow(
        id="uscc-91000000100000374K",
        version=version,
        name=name,
        kind="legal_person",
        status="active",
    )
    return EntityBatch(batch=new_id(), rows=(row,))


async def hear_raw(run: Running, stream: str, *events: Envelope | bytes) -> None:
    readers = inbox.readers(run.db, run.service.hears())
    reader = next(one for one in readers if one.stream == stream)
    arrived = [
        reader.read("raw", event)
        if isinstance(event, bytes)
        else reader.read(event.id, event.model_dump_json().encode())
        for event in events
    ]
    await reader.take(arrived)


def envelope(run: Running, fact: EntityBatch, sequence: int = 1) -> Envelope:
    return outbox.envelope_of(fact, run.db.clock.now(), system("credit-service"), sequence)


@covers("R15.4")
async def test_a_duplicate_or_reordered_event_changes_nothing(run: Running) -> None:
    old, new = envelope(run, batch(1, "旧")), envelope(run, batch(2, "新"))
    await hear_raw(run, "credit-service", new, old, new)
    await hear_raw(run, "credit-service", old)
    assert [row.name for row in await rows(run, select(entity.c.name))] == ["新"]
    assert len(await rows(run, inbox.inbox.select())) == 2


async def test_poison_parks_its_aggregate_alone_and_is_handled_after_the_mend(run: Running) -> None:
    good = envelope(run, batch(1, "好"))
    data = {"batch": "b1", "rows": [{"id": "x"}]}
    poison = envelope(run, EntityBatch(batch="b1", rows=())).model_copy(update={"data": data})
    behind = envelope(run, EntityBatch(batch="b1", rows=batch(2, "后").rows), sequence=2)
    await hear_raw(run, "credit-service", poison, behind, good)
    parked = await rows(run, select(inbox.dead_letter.c.event_id, inbox.dead_letter.c.why))
    assert {row.event_id for row in parked} == {poison.id, behind.id}
    assert inbox.PARKED in {row.why for row in parked}
    assert [row.name for row in await rows(run, select(entity.c.name))] == ["好"]
    async with run.client(ADMIN) as client:
        path = f"/operations/dead-letters/{poison.id}:requeue"
        assert (await client.post(path)).status_code == 409
        mended = poison.model_copy(update={"data": {"batch": "b1", "rows": []}}).model_dump_json()
        async with run.db.begin(system("item-registry"), "mend") as tx:
            change = inbox.dead_letter.update().where(inbox.dead_letter.c.event_id == poison.id)
            await tx.execute(change.values(envelope=mended))
        assert (await client.post(path)).json() == {"handled": 2}
    assert [row.name for row in await rows(run, select(entity.c.name))] == ["后"]


async def test_an_event_that_comes_while_its_aggregate_is_requeued_is_not_lost(
    run: Running,
) -> None:
    data = {"batch": "b1", "rows": [{"id": "x"}]}
    poison = envelope(run, EntityBatch(batch="b1", rows=())).model_copy(update={"data": data})
    behind = envelope(run, EntityBatch(batch="b1", rows=batch(2, "后").rows), sequence=2)
    await hear_raw(run, "credit-service", poison)
    mended = poison.model_copy(update={"data": {"batch": "b1", "rows": []}}).model_dump_json()
    await done(run, inbox.dead_letter.update().values(envelope=mended))
    busy = asyncio.Event()

    async def slow(_tx: AsyncConnection, _event: EntityBatch, _now: datetime) -> None:
        busy.set()
        await asyncio.sleep(0.5)

    reader = inbox.Reader(run.db, "credit-service", {EntityBatch.type: inbox.on(EntityBatch, slow)})
    async with asyncio.TaskGroup() as group:
        requeued = group.create_task(reader.requeue(poison.subject))
        await busy.wait()
        await hear_raw(run, "credit-service", behind)
    assert requeued.result() == 1
    assert {row.event_id for row in await rows(run, inbox.inbox.select())} == {
        poison.id,
        behind.id,
    }
    assert await rows(run, inbox.dead_letter.select()) == []


@pytest.mark.parametrize("change", [{"sequence": 2**40}, {"subject": "entity/a\0"}, {"id": "\0"}])
async def test_what_no_column_can_hold_in_an_envelope_stops_no_reader(
    run: Running, change: dict[str, object]
) -> None:
    poison, good = envelope(run, batch(1, "坏")), envelope(run, batch(1, "好"))
    await hear_raw(
        run, "credit-service", poison.model_copy(update=change).model_dump_json().encode()
    )
    await hear_raw(run, "credit-service", good)
    assert [row.name for row in await rows(run, select(entity.c.name))] == ["好"]
    assert [row.type for row in await rows(run, inbox.dead_letter.select())] == ["unreadable"]


@pytest.mark.usefixtures("streams")
async def test_after_a_kill_the_events_in_hand_come_again_before_newer_ones(
    engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "ACK_WAIT_S", 2)
    subject = f"heli.credit-service.entity.batch.v1.{new_id()}"
    owner, killed, next_ = [
        await bus.Bus.connect(name, engines.nats_url(name), lambda: None)
        for name in ("credit-service", "risk-monitor", "risk-monitor")
    ]
    said = [bus.Outgoing(new_id(), subject, b"%d" % n) for n in (1, 2, 3, 4)]
    await owner.publish("credit-service", said[:2])
    pull = await killed.subscribe("credit-service", [subject])
    first = await pull.fetch(2, 5)
    await killed.close()
    await owner.publish("credit-service", said[2:])
    pull = await next_.subscribe("credit-service", [subject])
    again: list[bus.Message] = []
    while len(again) < 4:
        again += await pull.fetch(200, 5)
    for message in again:
        await message.done()
    await owner.close()
    await next_.close()
    assert [message.data for message in first] == [b"1", b"2"]
    assert [message.data for message in again] == [b"1", b"2", b"3", b"4"]


async def test_what_is_unreadable_or_from_a_stranger_is_kept_and_never_handled(
    run: Running,
) -> None:
    foreign = envelope(run, batch(9, "假")).model_copy(update={"source": "risk-monitor"})
    unknown = envelope(run, batch(9, "假")).model_copy(
        update={"type": "credit-service.entity.batch.v9"}
    )
    await hear_raw(run, "credit-service", b"{not json \xff", foreign, unknown)
    assert len(await rows(run, inbox.dead_letter.select())) == 3
    assert await rows(run, entity.select()) == []


# Scope, audit, schema ------------------------------------------------------------------------


@covers("RX.2")
async def test_the_app_role_sees_no_job_of_others_and_cannot_rewrite_audit(run: Running) -> None:
    async with run.client(ADMIN) as client:
        await client.post("/regions", json=region("000000"))
    for statement in ("UPDATE audit SET actor = 'x'", "DELETE FROM audit", "DROP TABLE audit"):
        with pytest.raises(DBAPIError):
            await rows(run, text(statement))


async def test_a_path_with_a_slash_more_is_not_redirected_to_the_address_inside(
    run: Running,
) -> None:
    async with run.client(ADMIN) as client:
        answer = await client.get("/regions/")
    assert (answer.status_code, answer.headers.get("location")) == (404, None)


async def test_audit_says_who_did_what_when_and_on_which_request(run: Running) -> None:
    async with run.client(ADMIN) as client:
        headers = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
        await client.post("/regions", json=region("000000"), headers=headers)
        audit = (await client.get("/audit")).json()["items"][0]
    assert audit["actor"] == "admin"
    assert audit["act"] == "POST /regions"
    assert audit["digest_before"] is None
    assert audit["correlation"] == headers["traceparent"]
    async with run.client(replace(ADMIN, regions=("330100",))) as client:
        assert (await client.get("/audit")).status_code == 403


# Jobs ----------------------------------------------------------------------------------------


async def load(run: Running, data: bytes, key: str | None = None) -> dict[str, Any]:
    job, errors = await run.load(
        ADMIN, "regions", data, **({"idempotency_key": key} if key else {})
    )
    return job | {"errors": errors}


async def test_good_rows_are_kept_beside_bad_ones_and_each_bad_one_is_named(run: Running) -> None:
    data = "id,name,parent\n000000,国,\nr1,一,000000\n,缺,000000\nr2,二\0,000000\nr3,三,000000\n"
    state = await load(run, data.encode("gb18030"))
    assert (state["status"], state["accepted"], state["rejected"]) == ("done", 3, 2)
    assert [fault["row"] for fault in state["errors"]] == [4, 5]


async def test_the_same_upload_under_the_same_key_is_one_job(run: Running) -> None:
    data = "id,name\n000000,国\n".encode()
    first, second = await load(run, data, key="k"), await load(run, data, key="k")
    assert first["id"] == second["id"]
    assert len(await rows(run, text("SELECT id FROM job"))) == 1


async def test_equal_uploads_at_once_under_one_key_are_one_job(run: Running) -> None:
    async with run.client(ADMIN) as client:
        headers = {"content-type": "text/csv", "idempotency-key": "k"}
        data = b"id,name\n" + b"000000,x\n" * 300_000
        asks = (client.post("/regions:import", content=data, headers=headers) for _ in range(4))
        answers = await asyncio.gather(*asks)
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    assert len(await rows(run, text("SELECT DISTINCT job FROM job_chunk"))) == 1


MANY = b"id,name,parent\n000000,x,\n" + b"".join(b'r%d,"a\nb",000000\n' % n for n in range(1199))


async def test_an_upload_goes_on_where_it_stopped_and_no_row_counts_twice(serve: Serve) -> None:
    regions = next(one for one in service.imports if one.collection == "regions")
    seen: list[int] = []

    async def failing(tx: AsyncConnection, some: Sequence[Row[Any]], upload: Upload) -> Taken:
        taken = await regions.take(tx, some, upload)
        seen.append(some[0].number)
        if len(seen) == 2:  # the second batch
            raise ConnectionResetError
        return taken

    broken = replace(service, imports=(replace(regions, take=failing),))
    async with serve(broken) as run:
        state = await load(run, MANY)
        assert len(await rows(run, outbox.outbox.select())) == 1200
    assert (state["accepted"], state["duplicate"], state["rejected"]) == (1200, 0, 0)
    assert seen == [2, 502, 502, 1002]


async def test_rows_so_wide_that_a_batch_of_them_fills_the_memory_are_taken_as_they_come(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    regions = next(one for one in service.imports if one.collection == "regions")
    seen: list[int] = []

    async def seeing(tx: AsyncConnection, some: Sequence[Row[Any]], upload: Upload) -> Taken:
        seen.append(len(some))
        return await regions.take(tx, some, upload)

    monkeypatch.setattr(worker, "_PIECES", 2)
    wide = b"".join(b'r%d,"%s",000000\n' % (n, b" " * 100_000 + b"b") for n in range(40))
    async with serve(replace(service, imports=(replace(regions, take=seeing),))) as run:
        state = await load(run, b"id,name,parent\n000000,x,\n" + wide)
    assert (state["status"], state["accepted"]) == ("done", 41)
    assert len(seen) > 1
    assert sum(seen) == 41


async def test_two_workers_after_a_lost_lock_take_no_row_twice(run: Running) -> None:
    async with asyncio.TaskGroup() as group:
        second = group.create_task(worker.run(run.db, service.imports))
        state = await load(run, MANY)
        second.cancel()
    assert (state["status"], state["accepted"], state["duplicate"]) == ("done", 1200, 0)


async def test_a_batch_of_which_another_worker_took_some_is_taken_to_its_end(run: Running) -> None:
    regions = next(one for one in service.imports if one.collection == "regions")
    held = replace(regions, collection="held")  # the service's own worker leaves it alone
    upload = Upload("item-registry-held", "admin", None, None)
    own = {"id": upload.job, "collection": "held", "client": "admin", "media": "text/csv"}
    state = {"status": "running", "bytes": 1, "created_at": datetime(2026, 3, 31, tzinfo=UTC)}
    await done(run, insert(job).values(**own, **state))
    below = [Raw(n, {"id": f"r{n}", "name": "x", "parent": "000000"}) for n in (3, 4, 5)]
    raws = [Raw(2, {"id": "000000", "name": "x"}), *below]
    await worker._take(run.db, held, upload, raws[:2])
    await worker._take(run.db, held, upload, raws)
    await worker._take(run.db, held, upload, raws[1:])
    found = await rows(run, select(job.c.read, job.c.accepted, job.c.rejected, job.c.duplicate))
    assert [tuple(row) for row in found] == [(5, 4, 0, 0)]


async def test_the_rows_before_a_wrong_byte_are_kept(run: Running) -> None:
    state = await load(run, b"id,name\n000000,x\n" + b"# " * CHUNK_BYTES + b"\n\xff\xff\n")
    assert (state["status"], state["fault"]["code"]) == ("failed", "encoding-unknown")
    assert [row.id for row in await rows(run, text("SELECT id FROM region"))] == ["000000"]


async def test_an_upload_that_breaks_the_worker_fails_and_the_next_one_is_taken(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> int:
        raise LookupError

    async with serve(service) as run:
        with monkeypatch.context() as patch:
            patch.setattr(worker, "_cursor", broken)
            state = await load(run, b"id,name\n000000,x\n")
        assert (state["status"], state["fault"]["code"]) == ("failed", "internal")
        assert (await load(run, b"id,name\n000000,x\n"))["accepted"] == 1


async def test_what_no_column_can_hold_is_named_written_out(run: Running) -> None:
    state = await load(run, b"id,name,na\0me\n000000,x,y\n")
    assert (state["status"], state["ignored"]) == ("done", ["na\\0me"])


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xff\xfe,\xff\n", "encoding-unknown"),
        ("id,name\n000000,国".encode()[:-1], "encoding-unknown"),
        (b"name\nx\n", "header-missing"),
        (b"na\0me\nx\n", "header-missing"),
    ],
)
async def test_a_file_that_cannot_be_read_fails_with_its_reason(
    run: Running, data: bytes, code: str
) -> None:
    state = await load(run, data)
    assert state["status"] == "failed"
    assert state["fault"]["code"] == code


async def test_an_empty_file_and_an_unknown_kind_of_file_are_refused_at_once(run: Running) -> None:
    async with run.client(ADMIN) as client:
        for kind, code in (("text/csv", "empty-file"), ("image/png", "media-unknown")):
            answer = await client.post(
                "/regions:import", content=b"", headers={"content-type": kind}
            )
            assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_a_job_is_seen_by_the_client_that_sent_it(run: Running) -> None:
    state = await load(run, "id,name\n000000,国\n".encode())
    async with run.client(LEAD) as client:
        assert (await client.get(f"/jobs/{state['id']}")).status_code == 404


async def test_rejected_rows_go_30_days_after_their_job_ended_and_the_job_stays(
    run: Running,
) -> None:
    old = await load(run, "id,name\n,国\n".encode())
    new = await load(run, "id,name\n,国\n".encode())
    failed = await load(run, b"1,2\n")
    ended = run.context.clock.now() - jobs.KEPT - timedelta(minutes=1)
    long_ago = job.c.id.in_([old["id"], failed["id"]])
    await done(run, job.update().where(long_ago).values(finished_at=ended))
    async with run.db.begin(system("item-registry"), "test") as tx:
        await jobs.forget(tx)
    for table in (jobs.job_row, jobs.job_error):
        assert {row.job for row in await rows(run, table.select())} == {new["id"]}
    async with run.client(ADMIN) as client:
        assert (await client.get(f"/jobs/{old['id']}")).json()["rejected"] == 1
        assert (await client.get(f"/jobs/{old['id']}/errors")).json()["items"] == []
        assert failed["fault"]["got"] == "1 | 2"
        assert (await client.get(f"/jobs/{failed['id']}")).json()["fault"] is None


async def test_verify_names_an_outbox_row_that_was_altered(run: Running) -> None:
    async with run.client(ADMIN) as client:
        await client.post("/regions", json=region("000000"))
        async with run.db.begin(system("item-registry"), "test") as tx:
            row = (await tx.execute(outbox.outbox.select())).one()
            data = json.loads(row.envelope)
            data["data"]["name"] = "改"
            change = outbox.outbox.update().values(envelope=json.dumps(data, ensure_ascii=False))
            await tx.execute(change)
        checks = (await client.get("/operations/invariants")).json()["checks"]
    broken = next(check for check in checks if not check["ok"] and "announced" in check["name"])
    assert row.event_id in broken["detail"]


# What a newcomer typed -----------------------------------------------------------------------


async def test_a_typing_error_in_a_filter_does_not_give_the_whole_list(run: Running) -> None:
    async with run.client(ADMIN) as client:
        answer = await client.get("/regions", params={"parnet": "000000"})
    fault = answer.json()["errors"][0]
    assert (answer.status_code, fault["field"]) == (422, "parnet")
    assert "parent" in fault["expected"]


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_what_would_be_right_is_said_in_both_languages(run: Running, language: str) -> None:
    async with run.client(ADMIN) as client:
        headers = {"accept-language": language}
        answer = await client.get("/regions", params={"limit": "0"}, headers=headers)
    fault = answer.json()["errors"][0]
    assert (fault["field"], fault["got"]) == ("limit", "0")
    assert fault["expected"] == {"zh": "不小于 1", "en": "at least 1"}[language]


async def test_a_nul_is_refused_by_its_field(run: Running) -> None:
    async with run.client(ADMIN) as client:
        answer = await client.post("/regions", json=region("r1", parent="0\0"))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "parent"


async def test_a_workbook_that_is_called_a_csv_is_told_so_at_once(run: Running) -> None:
    async with run.client(ADMIN) as client:
        answer = await client.post(
            "/regions:import", content=b"PK\x03\x04rest", headers={"content-type": "text/csv"}
        )
    assert (answer.status_code, answer.json()["code"]) == (422, "file-is-workbook")
